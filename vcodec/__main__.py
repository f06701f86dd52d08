"""`python -m vcodec` is `vcodec`: for `accelerate launch -m vcodec train ...`."""

from vcodec.cli import main

raise SystemExit(main())
