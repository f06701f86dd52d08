"""The league table of the challenge as one HTML page, with pictures beside it; it asks no other host for anything."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from vcodec.course.challenge import BASELINE, Score, Standing, as_csv, as_json, standings
from vcodec.course.sandbox import TRUSTED, Limits
from vcodec.errors import CodecError
from vcodec.images import save_image, write_file

CROP = 192  # pixels a side of the pictures shown
STYLE = Path(__file__).with_suffix(".css")


class League:
    """Collects a crop of each decoded version of the first picture, then writes the page.

    Files in `folder`: index.html, results.json, marks.csv and pictures/. Raises CodecError where it cannot write."""

    def __init__(self, folder: Path, images: dict[str, np.ndarray]):
        self.folder = folder
        self.name, self.image = next(iter(images.items()))
        self.crops: dict[tuple[str, float], tuple[str, Score]] = {}
        try:
            (folder / "pictures").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CodecError(f"cannot use {folder} for the table: {error.strerror}") from None
        save_image(folder / "pictures/original.png", crop(self.image))

    def keep(self, score: Score, decoded: np.ndarray) -> None:
        if score.picture == self.name:
            file = f"pictures/{len(self.crops):03}.png"  # a submission's name is no file name
            save_image(self.folder / file, crop(decoded))
            self.crops[score.submission, score.bpp] = file, score

    def write(self, scores: Sequence[Score], isolation: str, limits: Limits) -> Path:
        rows = standings(scores)
        write_file(self.folder / "results.json", as_json(scores, isolation, limits))
        write_file(self.folder / "marks.csv", as_csv(rows))
        path = self.folder / "index.html"
        write_file(path, self.page(rows, scores, isolation).encode())
        return path

    def page(self, rows: Sequence[Standing], scores: Sequence[Score], isolation: str) -> str:
        count = len({score.picture for score in scores})
        intro = (
            f"Means over {count} picture{'s' * (count > 1)}; a failure counts as zero. The budgets are bits per pixel"
            " (bpp) of the original and hold for the whole file. PSNR in dB over all samples of the 8-bit picture;"
            " MS-SSIM where both sides have 161 pixels or more."
        )
        warning = "<strong>Run without isolation (--trust).</strong> The submissions could read the originals."
        parts = ["<h1>The codec challenge</h1>", f"<p>{intro}</p>"]
        parts += [f'<p class="warning">{warning}</p>'] * (isolation == TRUSTED)
        parts += [table(rows), self.gallery(rows), every_file(scores)]
        head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>League table</title>'
        style = f"<style>\n{STYLE.read_text(encoding='utf-8')}</style>"
        return f'<!DOCTYPE html>\n<html lang="en"><head>{head}{style}</head><body>\n{"".join(parts)}</body></html>\n'

    def gallery(self, rows: Sequence[Standing]) -> str:
        original = figure("pictures/original.png", "original", f"{self.image.shape[1]} × {self.image.shape[0]} pixels")
        parts = [f"<h2>What it looks like</h2>\n<p>The middle of {escape(self.name)}, pixel for pixel.</p>\n"]
        for bpp in rows[0].at:
            parts.append(f'<h3>{bpp:g} bits per pixel</h3>\n<div class="pictures">{original}')
            for row in rows:
                if found := self.crops.get((row.submission, bpp)):
                    file, score = found
                    name = row.submission.removeprefix(BASELINE)
                    parts.append(figure(file, name, f"{score.psnr:.2f} dB, {score.bytes} bytes"))
            parts.append("</div>\n")
        return "".join(parts)


def crop(image: np.ndarray) -> np.ndarray:
    top, left = (max(0, (edge - CROP) // 2) for edge in image.shape[:2])
    return image[top : top + CROP, left : left + CROP]


def figure(file: str, name: str, numbers: str) -> str:
    caption = f"<figcaption>{escape(name)}<span>{numbers}</span></figcaption>"
    return f'<figure><img src="{file}" alt="{escape(name)}: {numbers}">{caption}</figure>\n'


def table(rows: Sequence[Standing]) -> str:
    """A line for each submission. Baselines and submissions without a decibel have no place."""
    lines, place, best = [], 0, max(row.psnr for row in rows) or 1.0
    for row in rows:
        baseline = row.submission.startswith(BASELINE)
        place += placed if (placed := not baseline and row.psnr > 0) else 0
        name = escape(row.submission.removeprefix(BASELINE)) + '<span class="tag">baseline</span>' * baseline
        if row.failures:
            name += f"<small>{row.failures} failed, the first: {escape(row.error)}</small>"
        bar = f'<span class="bar" style="width:{100 * row.psnr / best:.0f}%"></span>'
        cells = "".join(
            f'<td class="start">{psnr:.2f}</td><td>{decimals(similar)}</td>' for psnr, similar in row.at.values()
        )
        kind = ' class="baseline"' * baseline
        place_or_none = place if placed else "–"
        lines.append(f'<tr{kind}><td>{place_or_none}</td><th scope="row">{name}</th>')
        lines.append(f'<td class="mean">{row.psnr:.2f}{bar}</td>{cells}</tr>\n')
    budgets = "".join(f'<th scope="colgroup" colspan="2" class="start">{bpp:g} bpp</th>' for bpp in rows[0].at)
    measures = '<th scope="col" class="start">dB</th><th scope="col">MS-SSIM</th>' * len(rows[0].at)
    firsts = ("<abbr title='among submissions that scored'>#</abbr>", "submission", "mean dB")
    first = "".join(f'<th scope="col" rowspan="2">{name}</th>' for name in firsts)
    head = f"<thead><tr>{first}{budgets}</tr>\n<tr>{measures}</tr></thead>\n"
    return f'<div class="wide" tabindex="0"><table>{head}<tbody>\n{"".join(lines)}</tbody></table></div>\n'


def every_file(scores: Sequence[Score]) -> str:
    lines = []
    for s in scores:
        numbers = (f"{s.bpp:g}", str(s.bytes), str(s.max_bytes), f"{s.psnr:.2f}", decimals(s.ms_ssim))
        cells = "".join(f"<td>{escape(text)}</td>" for text in (s.picture, *numbers, s.error))
        lines.append(f'<tr><th scope="row">{escape(s.submission)}</th>{cells}</tr>\n')
    names = ("submission", "picture", "bpp", "bytes", "allowed", "dB", "MS-SSIM", "why it failed")
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    rows = f"<thead><tr>{head}</tr></thead><tbody>\n{''.join(lines)}</tbody>"
    return f'<details><summary>Every file</summary><div class="wide" tabindex="0"><table>{rows}</table></div></details>'


def decimals(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
