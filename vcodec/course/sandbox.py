"""Isolation for code that nobody has read: namespaces of the Linux kernel, by util-linux's `unshare` and `setpriv`.

Every encode and every decode is a process of its own, which

- sees the system's programs, Python and the package, read-only, and the submission's one file; no home, no originals;
- has no network, sees no other process and shares no memory and no keys with one;
- may write 64 MB of temporary files, which vanish with it: nothing passes from an encode to a decode but the bytes;
- is held to seconds, memory, size of files and number of processes by the system (setrlimit), and ended from outside
  where it waits too long or all that it started uses too much memory together;
- is killed with everything that it started, also when the command itself is killed.

`find_sandbox` tries this in a trial run before any submission is started, and says what is missing. Where the
lecturer is root, each job runs as a user of its own without a name or rights."""

import contextlib
import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import vcodec
from vcodec.course import inside
from vcodec.errors import CodecError

NOBODIES = range(2**30, 2**31 - 2)  # numbers that no distribution gives to anybody: a user for each job, as root
ROOMY = 64 * 2**20  # bytes of temporary files
ISOLATED, TRUSTED = "namespaces", "none"
TO_LINK = ("/bin", "/lib", "/lib64", "/sbin")  # links into /usr on most systems
TO_SEE = ("/usr", "/etc/ld.so.cache", "/etc/alternatives")
PROGRAMS = "/usr/bin:/bin:/usr/sbin:/sbin"


@dataclass(frozen=True)
class Limits:
    """Of one encode or decode. seconds: of computing, per process; waiting: seconds in all, on a busy machine or for
    a submission that sleeps; memory: bytes, of all its processes together; processes: and threads."""

    seconds: int = 20
    waiting: int = 360
    memory: int = 2 * 2**30
    processes: int = 8
    file_size: int = 64 * 2**20

    def words(self) -> str:
        numbers = {"seconds": self.seconds, "memory": self.memory, "file_size": self.file_size}
        return json.dumps(numbers | {"processes": self.processes + others()})


@dataclass(frozen=True)
class Outcome:
    """What a job left: its output, or a sentence on why there is none. limit: it ran into one of `Limits`."""

    output: bytes = b""
    error: str = ""
    limit: bool = False


@dataclass(frozen=True)
class Sandbox:
    """name: for the report; wrap: the command that runs a command in isolation, given the folder at /submission."""

    name: str
    wrap: Callable[[list[str], Path], list[str]]

    def run(self, job: str, submission: Path, data: bytes, limits: Limits, *rest: object) -> Outcome:
        """One job of `inside`: "encode", "decode" or "probe". The submission's file is copied, alone."""
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            stage = Path(folder) / "submission"
            stage.mkdir()
            shutil.copyfile(submission, stage / submission.name)
            seen = stage if self.name == TRUSTED else Path("/submission")
            words = [str(seen / submission.name), limits.words(), *map(str, rest)]
            command = [sys.executable, "-B", "-P", "-s", inside.__file__, job, *words]
            return finished(self.wrap(command, stage), data, limits, stage)


def finished(command: list[str], data: bytes, limits: Limits, folder: Path) -> Outcome:
    """Run `command` to its end, or end it and all that it started."""
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        stdin.write(data)
        stdin.seek(0)
        process = subprocess.Popen(
            command, stdin=stdin, stdout=stdout, stderr=stderr, env=environment(), cwd=folder, start_new_session=True
        )
        try:
            stopped = watch(process, limits)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if not stopped and process.returncode == 0:
            stdout.seek(0)
            return Outcome(output=stdout.read(limits.file_size))
        said = last_line(stderr)
    code = process.returncode
    if -code in (killed := (signal.SIGXCPU, signal.SIGKILL)) or code - 128 in killed:  # a shell adds 128
        return Outcome(error=stopped or f"ended after {limits.seconds} seconds of computing", limit=True)
    return Outcome(error=said or f"ended with code {code}", limit=said.startswith(("MemoryError", "BlockingIOError")))


def watch(process: subprocess.Popen, limits: Limits) -> str:
    """Wait for a job. A sentence if it must be ended: it takes too long, or all its processes too much memory."""
    end = time.monotonic() + limits.waiting
    while time.monotonic() < end:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.2)
            return ""
        if memory_of(process.pid) > limits.memory:
            return f"ended with more than {limits.memory / 2**30:g} GB of memory"
    return f"ended after {limits.waiting} seconds of waiting"


def memory_of(pid: int) -> int:
    """Bytes that all processes in the namespace of the children of `pid` hold together; 0 where it has none."""
    total = 0
    with contextlib.suppress(OSError):
        inner = os.readlink(f"/proc/{pid}/ns/pid_for_children")
        if inner == os.readlink("/proc/self/ns/pid"):
            return 0
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.readlink(path / "ns/pid") == inner:
                    held = re.findall(r"^Rss(?:Anon|Shmem):\s*(\d+) kB", (path / "status").read_text(), re.MULTILINE)
                    total += 1024 * sum(map(int, held))
    return total


def last_line(file) -> str:
    """The last line of a stream, with printable characters only, at most 200."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 2000))
    lines = file.read().decode(errors="replace").strip().splitlines()
    return "".join(filter(str.isprintable, lines[-1]))[:200] if lines else ""


def environment() -> dict[str, str]:
    """One thread each, and nothing of what the lecturer's own environment says."""
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    package = str(Path(vcodec.__file__).parent.parent)
    return single | {"PATH": PROGRAMS, "HOME": "/tmp", "TMPDIR": "/tmp", "LANG": "C.UTF-8", "PYTHONPATH": package}


def others() -> int:
    """Processes and threads that the user of the submissions runs already: older kernels count them, too."""
    if os.geteuid() == 0:
        return 0
    count = 0
    for tasks in Path("/proc").glob("[0-9]*/task"):
        with contextlib.suppress(OSError):
            count += len(list(tasks.iterdir())) if tasks.stat().st_uid == os.getuid() else 0
    return count


def visible() -> list[Path]:
    """What a submission sees, without what lies inside another of them."""
    package = Path(vcodec.__file__).parent
    installed = [Path(entry) for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]
    wanted = [*map(Path, TO_SEE), Path(sys.prefix), Path(sys.base_prefix), *installed, package]
    wanted += [Path(name) for name in TO_LINK if not os.path.islink(name)]
    found = sorted({path for path in wanted if path.exists()})
    return [path for path in found if not any(other in path.parents for other in found)]


def links() -> list[tuple[str, str]]:
    return [(os.readlink(name), name) for name in TO_LINK if os.path.islink(name)]


def isolated(hidden: Sequence[Path]) -> Sandbox:
    """A file system of bind mounts under a small tmpfs, in namespaces of its own. hidden: folders nobody may see."""

    def wrap(command: list[str], stage: Path) -> list[str]:
        root = stage.parent / "root"
        root.mkdir()
        words = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--net", "--ipc", "--pid", "--uts", "--cgroup"]
        words += ["--fork", "--kill-child"]
        if os.geteuid() != 0:
            words += ["--user", "--map-root-user"]
        steps = [*mounts(root, stage, hidden), f"cd {shlex.quote(str(root))}", "mkdir .old", "pivot_root . .old"]
        steps += ["umount -l /.old", "rmdir /.old", "cd /tmp"]
        run = f"{shlex.join([*unprivileged(), *command])}; exit $?"  # the shell stays: all die with it
        return [*words, "sh", "-c", " && ".join([*steps, f"{{ {run}; }}"])]

    return Sandbox(ISOLATED, wrap)


def unprivileged() -> list[str]:
    """What takes every right from the command behind it."""
    user = random.SystemRandom().choice(NOBODIES)
    who = [f"--reuid={user}", f"--regid={user}", "--clear-groups"] if os.geteuid() == 0 else []
    return ["setpriv", *who, "--bounding-set=-all", "--no-new-privs", "--"]


def mounts(root: Path, stage: Path, hidden: Sequence[Path]) -> list[str]:
    """Shell commands that build the file system at `root`."""
    to, quote = str(root), lambda path: shlex.quote(str(path))
    steps = [f"mount -t tmpfs -o size={ROOMY},mode=755 tmpfs {quote(to)}", f"cd {quote(to)}"]
    steps += ["mkdir proc dev submission", "mkdir -m 1777 tmp dev/shm", "mount -t proc proc proc"]
    for name in ("null", "zero", "random", "urandom"):
        steps += [f"touch dev/{name}", f"mount --bind /dev/{name} dev/{name}"]
    for source, target in [*((path, to + str(path)) for path in visible()), (stage, to + "/submission")]:
        make = "mkdir -p" if source.is_dir() else f"mkdir -p {quote(Path(target).parent)} && touch"
        steps += [f"{make} {quote(target)}", f"mount --bind {quote(source)} {quote(target)}"]
        steps += [f"mount -o remount,bind,ro,nosuid,nodev {quote(target)}"]
    steps += [f"ln -s {quote(target)} {quote(to + name)}" for target, name in links()]
    steps += [f"mount -t tmpfs -o ro,size=4k tmpfs {quote(to + str(path))}" for path in covered(hidden)]
    return steps


def covered(hidden: Sequence[Path]) -> list[Path]:
    """Those of the folders that lie inside what can be seen; an empty one goes over each."""
    return [path for path in hidden if any(path.is_relative_to(seen) for seen in visible())]


def trusting() -> Sandbox:
    """No isolation: a process of its own, with limits on its resources, that can read and write what you can."""
    return Sandbox(TRUSTED, lambda command, stage: command)


def find_sandbox(hidden: Sequence[Path], limits: Limits) -> Sandbox:
    """The isolation, if it works here. hidden: folders that nobody inside may see.

    Raises CodecError that says what is missing."""
    hidden = [path.resolve() for path in hidden]
    originals = [path for folder in hidden for path in sorted(folder.iterdir())[:1]]
    missing = [name for name in ("setpriv", "unshare", "pivot_root") if not shutil.which(name, path=PROGRAMS)]
    if missing:
        lack = f"{missing[0]} is not there; it is part of util-linux"
    else:
        outcome = isolated(hidden).run("probe", Path(inside.__file__), b"", limits, *originals)
        if outcome.output == b"isolated":
            return isolated(hidden)
        lack = outcome.error
    raise CodecError(
        f"submissions cannot be isolated here: {lack}. It takes Linux and namespaces: try it as root, or, if you have"
        " read every submission, run with --trust: they can then do whatever you can"
    )
