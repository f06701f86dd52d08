"""Speed of encoding, decoding and training on this machine: python benchmarks/run.py [--out FILE]

One thread, because that is what a server gives one picture. Prints a table and writes JSON."""

import argparse
import itertools
import json
import os
import platform
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from vcodec import load
from vcodec.images import embedded, luma
from vcodec.networks import PostProcessor
from vcodec.scic import FRAMEWORKS, Scic


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
    """Seconds for a 768x512 gray picture at quality 10: the plain codec, and each shipped scale around it."""
    picture, rows = np.tile(luma(embedded("astronaut")), (1, 2))[:, :768], []
    for framework, codec in FRAMEWORKS.items():
        rows.append({"codec": codec.name} | times(lambda c=codec: c.encode(picture, 10), codec.decode))
        scic = load(framework)
        for scale in sorted(scic.networks):
            encode = partial(scic.encode, picture, 10, scale)
            rows.append({"codec": f"{framework}-x{scale}"} | times(encode, scic.decode))
        if len(scic.networks) > 1:
            part = picture[:256, :384]  # enough for multiples
            rows += [choice_speed(framework, scic, part, quality) for quality in (4, 10, 30)]
    return rows


def choice_speed(framework: str, scic: Scic, picture: np.ndarray, quality: int) -> dict:
    """What choosing the scale costs, as multiples of one encode at full resolution, with and without feedback: below
    the crossover, near it and above it."""
    row: dict = {"codec": f"{framework}-q{quality}"}
    for label, passes in (("", 2), ("_once", 0)):
        plain = seconds(partial(scic.encode, picture, quality, 1, passes=passes), repeats=1)
        for way in ("auto", "fast"):
            taken = seconds(partial(scic.encode, picture, quality, way, passes=passes), repeats=1)
            row[way + label] = taken / plain
    return row


def times(encode: Callable[[], bytes], decode: Callable[[bytes], object]) -> dict[str, float]:
    data = encode()
    return {"encode_s": seconds(encode), "decode_s": seconds(lambda: decode(data))}


def training_speed() -> list[dict]:
    """Forward and backward of the default IDN, 16 patches of 96x96, half resolution."""
    z, x, step = torch.rand(16, 1, 48, 48), torch.rand(16, 1, 96, 96), torch.full((16,), 40.0)
    rows = []
    for bf16, channels_last, compiled in itertools.product((False, True), (False, True), (False, True)):
        if compiled and not shutil.which(os.environ.get("CXX", "g++")):
            print("torch.compile is not measured: it needs a C++ compiler, and there is no g++")
            continue
        idn: nn.Module = PostProcessor(2)
        idn = idn.to(memory_format=torch.channels_last) if channels_last else idn
        run = torch.compile(idn) if compiled else idn

        def work(run: Callable = run, bf16: bool = bf16) -> None:
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                loss = (run(z, step) - x).square().mean()
            loss.backward()

        facts = {"bf16": bf16, "channels_last": channels_last, "compile": compiled}
        rows.append(facts | {"steps_per_s": 1 / seconds(work)})
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
