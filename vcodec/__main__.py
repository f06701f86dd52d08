"""The program `vcodec`, and `python -m vcodec`: for `accelerate launch -m vcodec train ...`."""

from vcodec.stopping import listen


def main() -> int:
    listen(program=True)  # before the imports of the command line
    from vcodec.cli import main

    return main()


if __name__ == "__main__":
    raise SystemExit(main())
