"""`vcodec challenge` and `vcodec doctor`: their arguments, and what the command line runs."""

import argparse
from collections.abc import Callable
from pathlib import Path

from vcodec.errors import CodecError

BUDGETS = (0.2, 0.4, 0.8)  # bits per pixel; with less, JPEG at its smallest does not fit for one photograph in ten


def challenge(args: argparse.Namespace) -> None:
    from vcodec.course.challenge import baselines, challenge, report, standings, submissions_in
    from vcodec.course.league import League
    from vcodec.course.sandbox import Limits, find_sandbox, trusting
    from vcodec.images import luma, named_images

    if not args.images.is_dir():
        raise CodecError(f"{args.images} is not a folder of images; choose pictures that no student has")
    names = [name for name in args.baselines.split(",") if name]
    submissions = submissions_in(args.submissions) | baselines(names)
    images = named_images(args.images)
    if args.gray:
        images = {name: luma(image) for name, image in images.items()}
    limits = Limits(seconds=args.seconds, waiting=300 + 3 * args.seconds, memory=int(args.memory * 2**30))
    sandbox = trusting() if args.trust else find_sandbox([args.images], limits)
    league = League(args.out, images)
    scores = challenge(submissions, images, sandbox, args.budgets, limits, league.keep)
    path = league.write(scores, sandbox.name, limits)
    print(f"{report(standings(scores))}\nisolation: {sandbox.name}\n{path}: the league table")


def doctor(args: argparse.Namespace) -> None:
    from vcodec.course.doctor import examine_machine

    examine_machine()


def budgets(text: str) -> list[float]:
    values = [float(word) for word in text.split(",")]
    if not all(0 < value < 24 for value in values):
        raise ValueError
    return values


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def add_commands(command: Callable[[Callable, str], argparse.ArgumentParser]) -> None:
    """command: adds a subcommand to the parser of the command line, given its function and a sentence."""
    sub = command(challenge, "Score submissions to the codec challenge, each in isolation, and write a league table.")
    sub.add_argument("submissions", type=Path, help="a folder of NAME.py: encode(image, max_bytes), decode(data)")
    sub.add_argument("--images", type=Path, required=True, metavar="FOLDER", help="pictures that no student has")
    sub.add_argument("--budgets", type=budgets, default=BUDGETS, help="bits per pixel; default 0.2,0.4,0.8")
    sub.add_argument("--baselines", default="jpeg,dct", help="of jpeg, dct, scic-jpeg and dnnc; default jpeg,dct")
    sub.add_argument("--gray", action="store_true", help="full-range BT.601 luma only")
    sub.add_argument("--seconds", type=positive, default=20, help="of computing, for each encode and decode")
    sub.add_argument("--memory", type=float, default=2, metavar="GB", help="for each encode and decode")
    sub.add_argument("--trust", action="store_true", help="without isolation: only if you have read every submission")
    sub.add_argument("--out", type=Path, default=Path("league"), help="folder of the table; default league")
    command(doctor, "Say what this machine has and lacks, and how long each chapter will take on it.")
