"""How well does the virtual codec stand in? python benchmarks/stand_in.py RUN --held-out FOLDER

RUN is the folder of a training with --gradient vcn (its checkpoint holds the VCN). Three questions on held-out
patches: is v(Y) like h(g(Y)), are the predicted bits like the real ones, and does the gradient point where the
real codec gets better? The last one moves Y along random smooth directions, three levels to both sides, and
compares the change of the real cost with the change that the gradient promises. Draws stand_in.png and writes
stand_in.json."""

import argparse
import itertools
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vcodec.networks.tiles import fastest_dtype
from vcodec.training import PatchSampler, Settings, Trainer, split, squared_error

PROBES, LEVELS = 24, 3.0  # directions for each patch; how far to go to either side, in levels of 0 to 255


def load_run(run: Path, held_out: list[np.ndarray]) -> Trainer:
    settings = torch.load(run / "checkpoint.pt", weights_only=True)["settings"]
    trainer = Trainer(Settings(**settings), held_out, held_out, run, device="cpu")
    trainer.photos.fill = lambda jobs=None: None  # no photograph is needed here
    assert trainer.resume()
    return trainer


def smooth_directions(like: Tensor) -> Tensor:
    """Random fields with details of about four pixels, of root mean square 1."""
    small = torch.randn(*like.shape[:2], like.shape[2] // 4, like.shape[3] // 4)
    field = F.interpolate(small, size=like.shape[2:], mode="bicubic")
    return field / field.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()


def real_cost(t: Trainer, y: Tensor, x: Tensor, qualities: Tensor, step: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(cost, squared error, bits) of each patch through the real codec."""
    z, bits = t.codec(y, qualities.tolist())
    with torch.no_grad():
        x_hat = t.idn(z, step).float()
    cost = t.objective.distortion(x_hat, x, qualities) + t.objective.rate(bits / x[0].numel(), qualities)
    return cost, x_hat, bits


def probe(t: Trainer, x: Tensor, qualities: Tensor) -> dict[str, np.ndarray]:
    step = t.steps_of(qualities)
    y = t.resample(x, step).requires_grad_(True)
    imitation, predicted = t.vcn(y, step)
    cost = t.objective.distortion(imitation, x, qualities)
    cost = cost + t.objective.rate(predicted / x[0].numel(), qualities)
    gradient = torch.autograd.grad(cost.sum(), y)[0]
    y = y.detach()
    _, x_hat, bits = real_cost(t, y, x, qualities, step)
    promised, real = [], []
    for _ in range(PROBES):
        move = smooth_directions(y) * LEVELS / 255
        promised.append((2 * gradient * move).sum(dim=(1, 2, 3)))
        ends = [real_cost(t, (y + sign * move).clamp(0, 1), x, qualities, step)[0] for sign in (1, -1)]
        real.append(ends[0] - ends[1])

    def psnr(a, b):
        return 10 * torch.log10(255**2 / squared_error(a, b))

    return {
        "imitation_psnr": psnr(imitation.detach(), x_hat).numpy(), "codec_psnr": psnr(x_hat, x).numpy(),
        "bits": bits.numpy(), "predicted": predicted.detach().numpy(),
        "promised": torch.stack(promised).numpy().ravel(), "real": torch.stack(real).numpy().ravel(),
    }  # fmt: skip


def draw(found: dict[str, np.ndarray], summary: dict, path: Path) -> None:
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
    panels = (
        (
            left,
            "codec_psnr",
            "imitation_psnr",
            "PSNR of h(g(Y)) against X, dB",
            "PSNR of v(Y) against h(g(Y)), dB",
            "Output",
        ),
        (middle, "bits", "predicted", "bits the codec spent", "bits VCN predicts", "Rate"),
        (
            right,
            "promised",
            "real",
            "change of the cost that the gradient promises",
            "change with the real codec",
            "Gradient",
        ),
    )
    for axes, x, y, x_label, y_label, title in panels:
        axes.scatter(found[x], found[y], s=6, alpha=0.5, color="#0072B2", linewidths=0)
        axes.set(xlabel=x_label, ylabel=y_label, title=title)
        if axes is not left:
            axes.axline((0, 0) if axes is right else (1e3, 1e3), slope=1, color="#999999", linewidth=1, zorder=0)
        axes.spines[["top", "right"]].set_visible(False)
    edges = np.quantile(found["promised"], np.linspace(0, 1, 11))
    members = [(found["promised"] >= a) & (found["promised"] <= b) for a, b in itertools.pairwise(edges)]
    means = [[found[k][m].mean() for m in members] for k in ("promised", "real")]
    right.plot(*means, "o-", color="#D55E00", markersize=4, label="means of ten equal groups")
    right.set_ylim(np.quantile(found["real"], [0.01, 0.99]))
    right.legend(frameon=False, loc="upper left", fontsize=8)
    middle.set(xscale="log", yscale="log", title=f"Rate: mean miss {100 * summary['bits_miss']:.0f} %")
    left.set_title(f"Output: {summary['imitation_psnr']:.1f} dB from the real one")
    right.set_title(f"Gradient: correlation {summary['gradient_correlation']:.2f}")
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--held-out", required=True)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    args = parser.parse_args()
    torch.manual_seed(0)
    held_out = split(args.held_out, args.held_out)[0]
    trainer = load_run(args.run, held_out[:20])
    x = PatchSampler(held_out[20:60], trainer.settings.patch, seed=3).sample(48)
    found = probe(trainer, x, torch.tensor(np.tile([3, 6, 10, 20, 40, 70], 8)))
    same_sign = np.sign(found["promised"]) == np.sign(found["real"])
    summary = {
        "imitation_psnr": float(np.mean(found["imitation_psnr"])), "codec_psnr": float(np.mean(found["codec_psnr"])),
        "bits_miss": float(np.mean(np.abs(found["predicted"] / found["bits"] - 1))),
        "gradient_correlation": float(np.corrcoef(found["promised"], found["real"])[0, 1]),
        "gradient_same_sign": float(np.mean(same_sign)), "probes": len(same_sign), "levels": LEVELS,
        "patches": len(x), "arithmetic": str(fastest_dtype("cpu")),
    }  # fmt: skip
    (args.out / "stand_in.json").write_text(json.dumps(summary, indent=1) + "\n")
    draw(found, summary, args.out / "stand_in.png")
    print(json.dumps(summary, indent=1))


if __name__ == "__main__":
    main()
