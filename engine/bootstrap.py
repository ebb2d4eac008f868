"""Make a checkout's virtual environment: `python3 engine/bootstrap.py [--local DIR]`, Python 3.11 or newer.

It installs what requirements.lock names, by hash, and then the project itself as a link to this checkout.
Only the standard library is needed. What is done already is not done again: a stamp, written last, says for
which lock, project file and Python the environment was made, so an interrupted run is simply run again.
"""

import sys

# Checked before anything that an older Python does not know; nothing below is syntax that 3.6 cannot read.
if sys.version_info < (3, 11):  # noqa: UP036 - this is run by whatever Python there is
    sys.exit(
        f"error: Python 3.11 or newer is needed, this is {sys.version.split()[0]} ({sys.executable}):"
        " run engine/bootstrap.py with a newer one, for example as python3.11 engine/bootstrap.py"
    )

import argparse
import hashlib
import os
import selectors
import shutil
import subprocess
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import IO

CHECKOUT = Path(__file__).resolve().parent.parent
LOCK = CHECKOUT / "requirements.lock"
PROJECT = CHECKOUT / "pyproject.toml"
STAMP = "fpga-web-service.stamp"
QUIET_S = 2.0
PLAIN_INTERVAL_S = 15.0
TAIL_LINES = 25


class BootstrapError(Exception):
    """The environment cannot be made; the message says why and what to do."""


def main(arguments: list[str]) -> int:
    """Run the command; returns the exit code."""
    default = Path(os.environ.get("FPGA_LOCAL") or CHECKOUT / ".local")
    parser = argparse.ArgumentParser(
        prog="bootstrap.py", description="Make the project's virtual environment."
    )
    parser.add_argument("--local", type=Path, default=default, help="makes LOCAL/venv (default: %(default)s)")
    local = parser.parse_args(arguments).local
    try:
        bootstrap(local.expanduser().absolute())
    except BootstrapError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted: run it again to go on.", file=sys.stderr)
        return 130
    return 0


def bootstrap(local: Path) -> None:
    """Bring `local/venv` to what the lock says, unless it is there already.

    Raises:
        BootstrapError: no venv module, no fcntl, or pip fails.
    """
    os.umask(0o077)
    venv = local / "venv"
    wanted = key(venv)
    stamp = venv / STAMP
    if _read(stamp) == wanted and (venv / "bin" / "python").exists():
        return
    try:
        import fcntl
    except ImportError:
        raise BootstrapError("this system has no POSIX file locks: use Linux, macOS or WSL.") from None
    local.mkdir(mode=0o700, parents=True, exist_ok=True)
    local.chmod(0o700)
    with (local / ".bootstrap.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another process is making this virtual environment: waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if _read(stamp) == wanted:
            return
        began = time.monotonic()
        stamp.unlink(missing_ok=True)
        if not usable(venv):
            create(venv)
        pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--progress-bar", "off"]
        run([*pip, "--require-hashes", "-r", str(LOCK)], "Installing the locked packages")
        run(
            [*pip, "--no-deps", "--no-build-isolation", "-e", str(CHECKOUT)],
            "Linking the project",
        )
        stamp.write_text(wanted)
        say(f"Virtual environment ready after {time.monotonic() - began:.0f} s: {venv}")


def key(venv: Path) -> str:
    """What the environment depends on: lock, project file, Python, and the places that its scripts name."""
    digest = hashlib.sha256()
    for part in (LOCK.read_bytes(), PROJECT.read_bytes(), sys.version.encode(), bytes(venv), bytes(CHECKOUT)):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def usable(venv: Path) -> bool:
    """Whether `venv` is of this very Python, in its place, and has a pip that runs.

    A run that was interrupted while it made the environment, a Python that was upgraded, and a checkout
    that was moved leave ones of which this is not true.
    """
    python = venv / "bin" / "python"
    script = "import sys, pip; print(sys.version, sys.prefix, sep='|')"
    try:
        done = subprocess.run(
            [python, "-c", script], capture_output=True, text=True, check=True, env=environment()
        )
    except (OSError, subprocess.CalledProcessError):
        return False
    return done.stdout.strip() == f"{sys.version}|{venv}".strip() and _names_itself(venv)


def _names_itself(venv: Path) -> bool:
    """Whether the scripts of `venv` run its own Python, which they name by its whole path."""
    return str(venv) in _read(venv / "bin" / "activate")


def create(venv: Path) -> None:
    """Make an empty virtual environment at `venv`, in place of whatever is there."""
    # The base Python, for this may run in the very environment that is to be replaced.
    python = getattr(sys, "_base_executable", None) or sys.executable
    missing = "import venv, ensurepip"
    if subprocess.run([python, "-c", missing], capture_output=True, check=False).returncode != 0:
        version = "{}.{}".format(*sys.version_info)
        raise BootstrapError(
            f"{python} has no venv module: install it (Debian and Ubuntu: apt install python{version}-venv)."
        )
    if venv.exists():
        shutil.rmtree(venv)
    run([python, "-m", "venv", str(venv)], "Making the virtual environment")


def environment() -> dict[str, str]:
    """This process's variables without those that would lead pip or Python astray."""
    astray = ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX")
    variables = {name: value for name, value in os.environ.items() if name not in astray}
    return {**variables, "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def run(command: list[str], what: str) -> None:
    """Run `command` as the stage `what`, and show how it goes: on a terminal each second, else every 15.

    Raises:
        BootstrapError: its exit code is not 0; the message ends with its last output.
    """
    began = shown = time.monotonic()
    terminal = sys.stderr.isatty()
    last = ""
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    say(f"{what} ...")
    with subprocess.Popen(
        command,
        env=environment(),
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as child:
        assert child.stdout is not None  # noqa: S101 - asked for above
        for line in output(child.stdout, 1.0):
            if line:
                last = line
                tail.append(line)
            now = time.monotonic()
            text = f"  {now - began:.0f} s: {last.strip()}"
            if terminal:
                width = max(20, shutil.get_terminal_size().columns - 1)
                print("\r\033[K" + text[:width], end="", file=sys.stderr, flush=True)
            elif now - shown >= PLAIN_INTERVAL_S:
                shown = now
                say(text[:110])
    if terminal:
        print("\r\033[K", end="", file=sys.stderr)
    if child.returncode != 0:
        words = "\n".join(f"    {line}" for line in tail)
        raise BootstrapError(f"{what} failed with exit code {child.returncode}. Its last words:\n{words}")
    took = time.monotonic() - began
    if took >= QUIET_S:
        say(f"{what}: done in {took:.0f} s")


def output(pipe: IO[bytes], tick_s: float) -> Iterator[str]:
    """The lines that come through `pipe`, and an empty one whenever `tick_s` seconds pass without any."""
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            if not selector.select(tick_s):
                yield ""
                continue
            chunk = os.read(pipe.fileno(), 1 << 16)
            if not chunk:
                break
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield line.decode(errors="replace").rstrip()
    yield rest.decode(errors="replace")


def say(text: str) -> None:
    """Print a line where progress goes."""
    print(text, file=sys.stderr, flush=True)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, NotADirectoryError):
        return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
