"""Speed of encoding, decoding and training on this machine: python benchmarks/run.py [--out FILE]

One thread, because that is what a server gives one picture. Prints a table and writes JSON."""

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from vcodec import load
from vcodec.codecs import CODECS
from vcodec.images import embedded, luma
from vcodec.post_processor import PostProcessor


def seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """The shortest of a few runs after one to warm up."""
    work()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return min(times)


def codec_speed() -> list[dict]:
    """Seconds for a 768x512 gray picture at quality 10."""
    picture = np.tile(luma(embedded("astronaut")), (1, 2))[:, :768]
    rows = []
    plain = CODECS["jpeg"]
    data = plain.encode(picture, 10)
    rows.append({"codec": "jpeg", "encode_s": seconds(lambda: plain.encode(picture, 10)),
                 "decode_s": seconds(lambda: plain.decode(data))})  # fmt: skip
    scic = load("scic-jpeg")
    for scale in sorted(scic.networks):
        data = scic.encode(picture, 10, scale)
        rows.append({"codec": f"scic-jpeg-x{scale}", "encode_s": seconds(lambda s=scale: scic.encode(picture, 10, s)),
                     "decode_s": seconds(lambda d=data: scic.decode(d))})  # fmt: skip
    return rows


def training_speed() -> list[dict]:
    """Forward and backward of the default IDN, 16 patches of 96x96, half resolution."""
    z, x, step = torch.rand(16, 1, 48, 48), torch.rand(16, 1, 96, 96), torch.full((16,), 40.0)
    rows = []
    for bf16 in (False, True):
        for channels_last in (False, True):
            idn: nn.Module = PostProcessor(2)
            idn = idn.to(memory_format=torch.channels_last) if channels_last else idn

            def work(idn: nn.Module = idn, bf16: bool = bf16) -> None:
                with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                    loss = (idn(z, step) - x).square().mean()
                loss.backward()

            rows.append({"bf16": bf16, "channels_last": channels_last, "steps_per_s": 1 / seconds(work)})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/speed.json"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    results = {"machine": platform.machine(), "torch": torch.__version__, "threads": 1,
               "codec": codec_speed(), "training": training_speed()}  # fmt: skip
    for row in results["codec"] + results["training"]:
        print("  ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()))
    args.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
