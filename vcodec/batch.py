"""Many pictures in one go: `vcodec encode FILES... --out-dir OUT --format jpg`."""

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tqdm import tqdm

from vcodec.errors import CodecError
from vcodec.images import check_output, pictures_in, read_file, write_file


def pictures(paths: Iterable[Path]) -> Iterator[Path]:
    """The files among `paths`, and the pictures in the folders among them. Raises CodecError for a folder without."""
    for path in paths:
        if not path.is_dir():
            yield path
        else:
            yield from pictures_in(path)


def outputs(paths: Iterable[Path], folder: Path, suffix: str) -> dict[Path, Path]:
    """The file that each picture becomes. Raises CodecError where two would become one."""
    names: dict[Path, Path] = {}
    for path in pictures(paths):
        out = folder / f"{path.stem}.{suffix.lstrip('.')}"
        if names.setdefault(out, path) != path:
            raise CodecError(f"{names[out]} and {path} would both become {out}")
    return {path: out for out, path in names.items()}


def encode_all(files: dict[Path, Path], encode: Callable[[bytes, str], bytes]) -> None:
    """Write what `encode` makes of each picture's bytes and name; a line on stderr for each that fails.

    Raises CodecError at the end where any has failed."""
    failed = 0
    for path, out in tqdm(files.items(), desc="encoding", unit="picture", disable=None):
        try:
            check_output(out, path)
            write_file(out, encode(read_file(path), str(path)))
        except CodecError as error:
            failed += 1
            sentence = str(error) if str(path) in str(error) else f"{path}: {error}"
            tqdm.write(f"vcodec: {sentence}", file=sys.stderr)
    if failed:
        raise CodecError(f"{failed} of {len(files)} pictures could not be encoded")
