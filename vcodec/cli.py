"""The command line: `vcodec train | encode | decode | info | evaluate | challenge | doctor`.

Whatever goes wrong with the input ends in one sentence on stderr and exit code 2, and writes nothing."""

import argparse
import json
import logging
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import vcodec
from vcodec.errors import CodecError
from vcodec.limits import MAX_PIXELS, at_most
from vcodec.stopping import listen, saves, stopped


def encode(args: argparse.Namespace) -> None:
    from vcodec.frameworks import framework_for, load, source_image
    from vcodec.quality import check_quality
    from vcodec.streams import check_paths, named, read_input, title, write_output

    if args.quality is not None:
        check_quality(args.quality)
    if args.out_dir:
        return encode_many(args)
    if len(args.paths) != 2:
        raise CodecError("say one picture and the file that it becomes, or pictures and --out-dir")
    photo, out = args.paths
    framework = framework_for(named(out, args.format), args.framework)
    check_paths(out, photo)
    check_metadata(args, framework)
    source = read_input(photo)
    image = source_image(source, title(photo), args.weights)
    data = encoded(load(framework, args.weights), image, source, args)
    height, width = image.shape[:2]
    bpp = 8 * len(data) / (height * width)
    write_output(out, data, f"{len(data)} bytes, {bpp:.3f} bpp for {width}x{height} pixels")


def check_metadata(args: argparse.Namespace, framework: str) -> None:
    if (args.keep_metadata or args.keep_location) and framework != "scic-jpeg":
        raise CodecError("of the files that vcodec encodes, JPEG alone carries metadata")


def encoded(codec: Any, image: Any, source: bytes, args: argparse.Namespace) -> bytes:
    """The file that the command line asks for; metadata of the source count in its size."""
    from vcodec.metadata import exif_of, segment_length, with_exif

    exif = exif_of(source, args.keep_location) if args.keep_metadata or args.keep_location else b""
    max_bytes = args.bytes if args.bpp is None else args.bpp * image.shape[0] * image.shape[1] / 8
    target = {"quality": args.quality, "min_psnr": args.psnr}
    if max_bytes is not None:
        target["max_bytes"] = max_bytes - segment_length(exif)
    data = codec.encode(image, scale=args.scale, passes=args.passes, effort=args.effort, **target)
    return with_exif(data, exif) if exif else data


def encode_many(args: argparse.Namespace) -> None:
    from vcodec.batch import encode_all, outputs
    from vcodec.frameworks import framework_for, load, source_image

    if not args.format:
        raise CodecError("--out-dir needs the format of its files, as --format jpg")
    framework = framework_for(Path(f"x.{args.format.lstrip('.')}"), args.framework)
    check_metadata(args, framework)
    files = outputs(args.paths, args.out_dir, args.format)
    codec = load(framework, args.weights)
    args.out_dir.mkdir(parents=True, exist_ok=True)
    encode_all(files, lambda data, name: encoded(codec, source_image(data, name, args.weights), data, args))
    print(f"{args.out_dir}: {len(files)} pictures")


def decode(args: argparse.Namespace) -> None:
    from vcodec.frameworks import framework_of, load
    from vcodec.images import check_carries_exif, saved, suffix_format
    from vcodec.metadata import exif_of
    from vcodec.streams import STANDARD, check_paths, named, read_input, write_output

    name = named(args.out, args.format or ("png" if args.out == STANDARD else None))
    suffix_format(name)
    if keep := args.keep_metadata or args.keep_location:
        check_carries_exif(name)
    check_paths(args.out, args.file)
    data = read_input(args.file)
    image = load(framework_of(data), args.weights).decode(data)
    exif = exif_of(data, args.keep_location) if keep else b""
    write_output(args.out, saved(name, image, exif), f"{image.shape[1]}x{image.shape[0]} pixels")


def info(args: argparse.Namespace) -> None:
    from vcodec.frameworks import describe
    from vcodec.streams import read_input

    facts = describe(read_input(args.file))
    if args.json:
        print(json.dumps(facts))
    else:
        print("\n".join(f"{name.replace('_', ' '):16} {value}" for name, value in facts.items()))


def evaluate(args: argparse.Namespace) -> None:
    from vcodec.evaluation.curves import GRID, dumps, evaluate, report
    from vcodec.images import check_output, named_images, write_file

    if args.out:
        check_output(args.out)
    curves = args.curves.split(",")
    images = named_images(args.folder)
    keep = args.out and args.out.with_name(f"{args.out.name}.part")
    results = evaluate(images, curves, args.gray, args.qualities or GRID, args.at, args.weights, args.processes, keep)
    results["settings"]["command"] = " ".join(["vcodec", *sys.argv[1:]])
    if args.out:
        write_file(args.out, dumps(results).encode())
        keep.unlink(missing_ok=True)
    print(report(results))


def train(args: argparse.Namespace) -> None:
    from vcodec.training.command import train

    saves.set()
    train(args.command, args)


def numbers(kind: type[int] | type[float]) -> Callable[[str], list]:
    """argparse type: numbers with commas between them."""

    def comma_separated(text: str) -> list:
        return [kind(word) for word in text.split(",")]

    return comma_separated


def scale(text: str) -> int | str:
    return int(text) if text in ("1", "2") else text


def positive(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise ValueError
    return value


def pixels(text: str) -> int:
    return int(positive(text))


TRAININGS = {
    "train": "Train RSN, IDN and VCN jointly around a real codec.",
    "train-rounds": "The same in alternating rounds, as the papers do.",
    "train-dnnc": "Train the deep codec.",
}


def build_parser(chosen: str = "") -> argparse.ArgumentParser:
    """chosen: the command that will run."""
    from vcodec.course.commands import add_commands
    from vcodec.weights import SHIPPED

    parser = argparse.ArgumentParser(prog="vcodec", description=vcodec.__doc__.split("\n")[0])
    parser.add_argument("--version", action="version", version=f"vcodec {vcodec.__version__}")
    commands = parser.add_subparsers(dest="command", required=True)

    def command(function, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(function.__name__, help=text, description=text)
        sub.set_defaults(run=function)
        return sub

    def limit(sub: argparse.ArgumentParser) -> None:
        sub.add_argument(
            "--max-pixels", type=pixels, metavar="N", default=MAX_PIXELS, help="refuse larger pictures before they are"
            " decoded (default: 100e6)")  # fmt: skip

    def metadata(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--keep-metadata", action="store_true", help="copy EXIF, without the place where it was taken")
        sub.add_argument("--keep-location", action="store_true", help="copy EXIF, with that place")

    def weights(sub: argparse.ArgumentParser) -> None:
        limit(sub)
        sub.add_argument("--weights", type=Path, default=SHIPPED, metavar="RUN", help="weights of a training run")

    sub = command(encode, "Compress a photograph into an ordinary file that `decode` restores better, or into a .vcn.")
    sub.add_argument(
        "paths", type=Path, nargs="+", metavar="photo out.jpg", help="a picture, and the file that it becomes: .jpg,"
        " .jp2, .webp, .avif, .heic or .vcn; - is standard input and output. With --out-dir: pictures and folders of"
        " pictures")  # fmt: skip
    sub.add_argument("--out-dir", type=Path, metavar="OUT", help="a folder for the files of many pictures")
    sub.add_argument("--format", metavar="jpg", help="of standard output, and of the files in OUT")
    sub.add_argument("--framework", choices=("scic", "dnnc"), help="default: what the suffix says; .vcn is dnnc's")
    target = sub.add_mutually_exclusive_group(required=True)
    target.add_argument("--quality", type=int, help="1 (small) to 100 (faithful)")
    target.add_argument("--bytes", type=positive, metavar="N", help="the best file of at most N bytes")
    target.add_argument("--bpp", type=positive, metavar="R", help="the best file of at most R bits per pixel")
    target.add_argument("--psnr", type=positive, metavar="P", help="the smallest file of at least P dB")
    sub.add_argument(
        "--scale", type=scale, choices=("auto", "fast", 1, 2), default="auto", help="auto: the better of both"
        " (default); fast: a guess of it; 1: full resolution; 2: half, for low rates")  # fmt: skip
    sub.add_argument(
        "--effort", type=int, choices=range(4), help="0: no feedback; 1, 2 (default): so many passes of it, each costs"
        " as much as decoding and coding again. Above 2 megapixels crops decide on the scale, and one pass is made at"
        " most; 3: two passes, and the whole picture decides: about four times as long there. A .vcn has"
        " none")  # fmt: skip
    sub.add_argument(
        "--passes", type=int, help="of feedback, instead of what --effort says: how often the encoder decodes its own"
        " file and codes again what is still wrong; a .vcn has none")  # fmt: skip
    metadata(sub)
    weights(sub)

    sub = command(decode, "Restore a picture from such a file, or from any other of its format.")
    sub.add_argument("file", type=Path, help="- is standard input")
    sub.add_argument("out", type=Path, metavar="restored.png", help="- is standard output")
    sub.add_argument("--format", metavar="png", help="of standard output (default: png)")
    metadata(sub)
    weights(sub)

    sub = command(info, "Say what a file holds.")
    sub.add_argument("file", type=Path, help="- is standard input")
    sub.add_argument("--json", action="store_true")
    limit(sub)

    sub = command(evaluate, "Measure rate-distortion curves over a folder of images.")
    sub.add_argument("folder", help="a folder of images, or 'embedded'")
    sub.add_argument("--curves", default="jpeg,scic-jpeg", help="comma-separated, e.g. jpeg,bicubic-jpeg,scic-jpeg")
    sub.add_argument("--out", type=Path, help="write all points to this JSON file")
    sub.add_argument("--gray", action="store_true", help="full-range BT.601 luma only")
    sub.add_argument("--qualities", type=numbers(int), help="comma-separated; default: 18 from 1 to 92")
    sub.add_argument(
        "--at", type=numbers(float), default=[], help="rates in bpp at which to compare PSNR, e.g. 0.2,0.4"
    )
    sub.add_argument("--processes", type=int, default=1, help="curves measured side by side")
    weights(sub)

    for name, text in TRAININGS.items():
        sub = commands.add_parser(name, help=text, description=f"{text} Run again to go on.")
        sub.set_defaults(run=train)
        if name == chosen:  # its options come from the settings of the training, which load PyTorch
            from vcodec.training.command import add_options

            add_options(sub, name, positive)

    add_commands(command)
    return parser


def complete(line: str) -> None:
    """Answer the shell about the words typed so far, and end."""
    import argcomplete

    argcomplete.autocomplete(build_parser("".join(line.split()[1:2])))


def run(argv: list[str] | None) -> None:
    try:
        if "_ARGCOMPLETE" in os.environ:  # the shell asks what may follow
            complete(os.environ["COMP_LINE"])
        args: Any = build_parser(next(iter(sys.argv[1:] if argv is None else argv), "")).parse_args(argv)
        with at_most(getattr(args, "max_pixels", None)):
            args.run(args)
    finally:
        print(end="", flush=True)  # what cannot be printed shows here, and not when Python ends


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, 2 for bad input and for output that fails, 130 after Ctrl-C."""
    listen(program=argv is None)
    from vcodec.streams import show_all_names, silence

    try:
        logging.basicConfig(format="note: %(message)s", level=logging.WARNING)
        show_all_names()
        run(argv)
    except BrokenPipeError:  # whoever read has enough
        silence()
    except CodecError as error:
        print(f"vcodec: {error}", file=sys.stderr)
        return 2
    except OSError as error:  # a full disk, for one
        print("vcodec: " + ": ".join(filter(None, (error.filename, error.strerror))), file=sys.stderr)
        silence()
        return 2
    except KeyboardInterrupt:
        return stopped(program=argv is None)
    return 0
