"""The programs beside Python that some checks need: python -m tools.programs [--strict]

As root on Debian or Ubuntu it installs what is missing. Elsewhere, and where that fails, it says what is missing, the
command that brings it and the checks that are left out until then. With --strict that is an error."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tools.chromium import find_chromium

# How each package manager is called; the first one found on the path is named.
INSTALL = {
    "apt-get": "apt-get install --no-install-recommends",
    "dnf": "dnf install",
    "pacman": "pacman -S",
    "brew": "brew install",
}


class Need(NamedTuple):
    """A program, the checks that need it, and the packages that bring it, for each package manager of INSTALL."""

    program: str
    checks: str
    packages: dict[str, str]


NEEDS = [
    Need(
        "chromium",
        "the site's crawl, the figures and JupyterLab in a browser",
        {"apt-get": "chromium fonts-dejavu-core", "dnf": "chromium", "pacman": "chromium", "brew": "--cask chromium"},
    ),
    Need(
        "djpeg",
        "whether libjpeg opens our files",
        {
            "apt-get": "libjpeg-turbo-progs",
            "dnf": "libjpeg-turbo-utils",
            "pacman": "libjpeg-turbo",
            "brew": "jpeg-turbo",
        },
    ),
    Need(
        "identify",
        "whether ImageMagick opens our files",
        {"apt-get": "imagemagick", "dnf": "ImageMagick", "pacman": "imagemagick", "brew": "imagemagick"},
    ),
]


def is_there(program: str) -> bool:
    """On the path, and what its name promises: Windows has another `convert`."""
    if program == "chromium":
        return find_chromium() is not None
    if not shutil.which(program) or program == "djpeg":
        return bool(shutil.which(program))
    said = subprocess.run([program, "-version"], capture_output=True, stdin=subprocess.DEVNULL, check=False).stdout
    return said.startswith(b"Version: ImageMagick")


def missing() -> list[Need]:
    return [need for need in NEEDS if not is_there(need.program)]


def may_install() -> bool:
    """Root on Debian, Ubuntu or what is made from them."""
    return hasattr(os, "getuid") and os.getuid() == 0 and Path("/etc/debian_version").exists()


def install(needs: list[Need]) -> None:
    """Each by a call of its own, so that a package that a distribution lacks keeps none of the others away."""
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    calls = [["apt-get", "update", "-qq"]]
    for need in needs:
        calls.append([*INSTALL["apt-get"].split(), "-y", "-qq", *need.packages["apt-get"].split()])
    for call in calls:
        done = subprocess.run(call, capture_output=True, text=True, env=quiet, check=False)
        if done.returncode:
            print(f"`{' '.join(call)}` failed: {done.stderr.strip()}", file=sys.stderr)


def advice(need: Need) -> str:
    """What is left out without the program, and the command that brings it."""
    manager = next((name for name in INSTALL if shutil.which(name)), None)
    command = f"`{INSTALL[manager]} {need.packages[manager]}` brings it" if manager else "install it"
    if manager == "apt-get" and need.program == "chromium":
        command += " (on Ubuntu: `snap install chromium`)"
    return f"{need.program} is missing: {command}. Left out until then: {need.checks}."


def main() -> int:
    needs = missing()
    if needs and may_install():
        print(f"Installing {' '.join(need.packages['apt-get'] for need in needs)}.", flush=True)
        install(needs)
        needs = missing()
    for need in needs:
        print(advice(need), flush=True)
    return int(bool(needs) and "--strict" in sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
