"""The codec challenge: one-file submissions, scored at three budgets on pictures that they have never seen.

A submission is a Python file with `encode(image, max_bytes) -> bytes` and `decode(data) -> image`; pictures are uint8,
(H, W) or (H, W, 3). Whatever goes wrong scores zero for that picture and budget; who runs into a limit on resources is
not run again. Rates are whole bytes, per pixel of the original; PSNR in dB over all samples, 8 bits."""

import csv
import io
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from vcodec import metrics
from vcodec.course.inside import pack, unpack
from vcodec.course.sandbox import Limits, Sandbox
from vcodec.errors import CodecError

LIMITS = Limits()
LOSSLESS = 100.0  # dB, where a picture comes back without any error: a mean cannot hold infinity
MAX_SOURCE = 100_000  # bytes of a submission: enough for a codec, too few for the pictures
BASELINE = "baseline/"  # before their names in the table: no file's name holds a slash
BASELINES = Path(__file__).parent / "baselines"


@dataclass(frozen=True)
class Score:
    """One picture at one budget. psnr in dB, ms_ssim at most 1 (None: the picture is too small); both 0 on failure."""

    submission: str
    picture: str
    bpp: float
    max_bytes: int
    bytes: int = 0
    psnr: float = 0.0
    ms_ssim: float | None = 0.0
    error: str = ""


Keep = Callable[[Score, np.ndarray], None]


@dataclass(frozen=True)
class Standing:
    """A row of the table: means over all pictures, failures counted as zero. at: (psnr, ms_ssim) by budget."""

    submission: str
    psnr: float
    at: dict[float, tuple[float, float | None]]
    failures: int
    error: str


def submissions_in(where: Path) -> dict[str, Path]:
    """The .py files of a folder, or one file, by name without suffix. Raises CodecError where there is none."""
    files = [where] if where.is_file() else sorted(where.glob("*.py")) if where.is_dir() else []
    if not files:
        raise CodecError(f"{where} holds no submissions: each is one file NAME.py")
    return {path.stem: path for path in files}


def baselines(names: Sequence[str]) -> dict[str, Path]:
    """Files of the baselines by name in the table. Raises CodecError for a name that is none."""
    known = {path.stem.replace("_", "-"): path for path in BASELINES.glob("[!_]*.py")}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise CodecError(f"no baseline is called {unknown[0]!r}; there are {', '.join(sorted(known))}")
    return {BASELINE + name: known[name] for name in names}


def challenge(
    submissions: dict[str, Path], images: dict[str, np.ndarray], sandbox: Sandbox,
    budgets: Sequence[float], limits: Limits = LIMITS, keep: Keep | None = None,
) -> list[Score]:  # fmt: skip
    """Every submission on every picture at every budget, in bits per pixel. keep: is given each decoded picture."""
    scores = []
    for name, path in tqdm(submissions.items(), "challenge", unit="submission", delay=1):
        refused = refusal(path)
        for picture, image in images.items():
            for bpp in budgets:
                score = Score(name, picture, bpp, int(bpp * image.shape[0] * image.shape[1] / 8), error=refused)
                if not refused:
                    score, decoded, limit = attempt(score, path, image, sandbox, limits)
                    refused = f"not run again: {score.error}" if limit else ""
                    if decoded is not None and keep:
                        keep(score, decoded)
                scores.append(score)
    return scores


def refusal(path: Path) -> str:
    """Why a file is no submission, or an empty string."""
    if path.is_symlink() or not path.is_file():
        return "not a file of its own"
    size = path.stat().st_size
    return f"the file has {size} bytes; {MAX_SOURCE} are allowed" if size > MAX_SOURCE else ""


def attempt(
    score: Score, path: Path, image: np.ndarray, sandbox: Sandbox, limits: Limits
) -> tuple[Score, np.ndarray | None, bool]:
    """Encode, check the size, decode, measure: the score, the decoded picture, and whether a limit was hit."""
    facts = asdict(score)
    coded = sandbox.run("encode", path, pack(image), limits, score.max_bytes)
    if coded.error:
        return Score(**facts | {"error": f"encode: {coded.error}"}), None, coded.limit
    facts["bytes"] = len(coded.output)
    if len(coded.output) > score.max_bytes:
        error = f"encode: {len(coded.output)} bytes where {score.max_bytes} are allowed"
        return Score(**facts | {"error": error}), None, False
    back = sandbox.run("decode", path, coded.output, limits)
    try:
        decoded = None if back.error else unpack(back.output)
        if decoded is None or decoded.shape != image.shape:
            what = back.error or f"a picture of shape {decoded.shape}, not {image.shape}"  # type: ignore[union-attr]
            return Score(**facts | {"error": f"decode: {what}"}), None, back.limit
    except ValueError as error:
        return Score(**facts | {"error": f"decode: {error}"}), None, False
    value = metrics.psnr(decoded, image)
    facts |= {"psnr": value if math.isfinite(value) else LOSSLESS, "ms_ssim": metrics.ms_ssim(decoded, image)}
    return Score(**facts), decoded, False


def standings(scores: Sequence[Score]) -> list[Standing]:
    """The table, best first: by mean PSNR over all pictures and budgets."""
    rows = []
    for name in dict.fromkeys(score.submission for score in scores):
        own = [score for score in scores if score.submission == name]
        at = {bpp: means([s for s in own if s.bpp == bpp]) for bpp in dict.fromkeys(s.bpp for s in own)}
        errors = [score.error for score in own if score.error]
        rows.append(Standing(name, means(own)[0], at, len(errors), errors[0] if errors else ""))
    return sorted(rows, key=lambda row: (-row.psnr, row.submission))


def means(scores: Sequence[Score]) -> tuple[float, float | None]:
    similar = [score.ms_ssim for score in scores if score.ms_ssim is not None]
    return float(np.mean([score.psnr for score in scores])), float(np.mean(similar)) if similar else None


def report(rows: Sequence[Standing]) -> str:
    """The table as text."""
    lines = []
    for place, row in enumerate(rows, start=1):
        parts = ", ".join(f"{psnr:.2f} dB at {bpp:g} bpp" for bpp, (psnr, _) in row.at.items())
        failed = f"; {row.failures} failed, the first: {row.error}" if row.failures else ""
        lines.append(f"{place:2} {row.submission:24} {row.psnr:6.2f} dB ({parts}){failed}")
    return "\n".join(lines)


def as_json(scores: Sequence[Score], isolation: str, limits: Limits) -> bytes:
    settings = {"isolation": isolation, "limits": asdict(limits)}
    return json.dumps({"settings": settings, "scores": [asdict(score) for score in scores]}, indent=1).encode()


def as_csv(rows: Sequence[Standing]) -> bytes:
    """For a gradebook: a line for each submission."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["submission", "psnr", *(f"psnr at {bpp:g}" for bpp in (rows[0].at if rows else ())), "failures"])
    for row in rows:
        name = f"'{row.submission}" if row.submission.startswith(("=", "+", "-", "@")) else row.submission  # no formula
        values = [f"{value:.2f}" for value in (row.psnr, *(psnr for psnr, _ in row.at.values()))]
        writer.writerow([name, *values, row.failures])
    return text.getvalue().encode()
