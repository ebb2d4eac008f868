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
import ast
import contextlib
import hashlib
import os
import re
import selectors
import shlex
import shutil
import subprocess
import time
import unicodedata
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
# How pip's scripts begin where a `#!` line cannot name their Python, before and after its path, and what is
# put between: the folder that the script is in, after a link to it was followed.
TRAMPOLINE = (b"#!/bin/sh\n'''exec' ", b' "$0" "$@"\n')
# How every script's Python is started: no PYTHON* variable means anything to it, and text is UTF-8.
FLAGS = b"-EPXutf8"
BESIDE = b'"$(at="$0"; test -L "$at" && at="$(realpath -- "$at")"; printf %s "${at%/*}")/python"'
# What a person's settings of pip (PIP_*, pip.conf) may say: where packages come from, whom to trust, by which
# way. All else would install other things, elsewhere or otherwise than the lock says.
PIP_KEPT = frozenset(
    {
        "cache-dir",
        "cert",
        "client-cert",
        "default-timeout",
        "extra-index-url",
        "find-links",
        "index-url",
        "keyring-provider",
        "no-cache-dir",
        "no-index",
        "proxy",
        "pypi-url",
        "resume-retries",
        "retries",
        "timeout",
        "trusted-host",
        "use-deprecated",
        "use-feature",
    }
)
PIP_SECTIONS = ("global", "install", ":env:")  # the later goes before the earlier
UNTRUSTED = re.compile(r"CERTIFICATE_VERIFY_FAILED[^()\n]*|certificate verify failed[^()\n]*")
# The next two stand in `surroundings`, too, which cannot be had before this script has run.
PYTHON_KEPT = frozenset(
    {
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONFAULTHANDLER",
        "PYTHONHASHSEED",
        "PYTHONPYCACHEPREFIX",
        "PYTHONUNBUFFERED",
        "PYTHONUTF8",
    }
)
LOOPBACK = ("localhost", "127.0.0.0/8", "::1")


class BootstrapError(Exception):
    """The environment cannot be made; the message says why and what to do."""


def default_local() -> Path:
    """The folder of all that is made here: `.local` of the checkout, or FPGA_LOCAL."""
    return Path(os.environ.get("FPGA_LOCAL") or CHECKOUT / ".local")


def main(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    open_streams()
    parser = argparse.ArgumentParser(
        prog="bootstrap.py", description="Make the project's virtual environment."
    )
    parser.add_argument(
        "--local", type=Path, default=default_local(), help="makes LOCAL/venv (default: %(default)s)"
    )
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
    """Brings `local/venv` to what the lock says, unless it is there already.

    Raises:
        BootstrapError: a Python that is too new, no venv module, no fcntl, a folder that cannot hold it, or
            pip fails.
    """
    require_python()
    require_places(local)
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
    # that others may enter it, and read what is open in it, is somebody's word: a unit runs from there
    local.chmod(local.stat().st_mode & 0o711 | 0o700)
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
        python = venv / "bin" / "python"
        variables = pip_environment(python)
        pip = [str(python), "-m", "pip", "install", "--progress-bar", "off"]
        # Both by names that pip reads nothing else into, such as the extras in `my [copy]`.
        run([*pip, "--require-hashes", "-r", LOCK.name], "Installing the locked packages", variables)
        run([*pip, "--no-deps", "--no-build-isolation", "-e", "."], "Linking the project", variables)
        mend_scripts(venv / "bin")
        mend_link(venv)
        stamp.write_text(wanted)
        say(f"Virtual environment ready after {time.monotonic() - began:.0f} s: {venv}")


def require_python() -> None:
    """Checks that this Python is one that the locked packages have been published for, or older.

    Raises:
        BootstrapError: it is newer; pip would try to build them, for long and in vain.
    """
    listed = re.findall(rb'"Programming Language :: Python :: 3\.([0-9]+)"', PROJECT.read_bytes())
    versions = sorted(map(int, listed))
    if versions and sys.version_info[:2] > (3, versions[-1]):
        raise BootstrapError(
            f"Python {sys.version.split()[0]} ({sys.executable}) is newer than the locked packages, which are"
            f" published for Python 3.{versions[0]} to 3.{versions[-1]}: set PYTHON to one of these, as in"
            f" make up PYTHON=python3.{versions[-1]}."
        )


def require_places(local: Path) -> None:
    """Checks that an environment can be made in the folder `local` for this checkout.

    Raises:
        BootstrapError: a name has what PATH or a .pth file cannot hold; the message tells the remedy.
    """
    problems = [
        (local, os.pathsep in str(local), f"a '{os.pathsep}' in its name divides PATH"),
        (local, not _is_text(local), "its name is not UTF-8, or has a tab or a line break"),
        (CHECKOUT, not _is_text(CHECKOUT), "its name is not UTF-8, or has a tab or a line break"),
        # The lines of a .pth file are read without white space at their end.
        (CHECKOUT, str(CHECKOUT) != str(CHECKOUT).rstrip(), "its name ends with white space"),
    ]
    for folder, is_so, problem in problems:
        if is_so:
            raise BootstrapError(
                f"{str(folder)!r} cannot be worked in: {problem}. Give it another name"
                + ("." if folder is CHECKOUT else ", or set FPGA_LOCAL to another folder.")
            )


def _is_text(path: Path) -> bool:
    return not any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in str(path))


def mend_scripts(folder: Path) -> None:
    """Makes the console scripts in `folder` start Python with `FLAGS`; where sh finds it, the one beside it.

    A kernel's `#!` line takes a path without spaces, of some length. For any other pip lets sh read the path,
    between double quotes or none, where a quote, a dollar or a backslash in it means something else. What
    stands here instead has no path, and is a text of no consequence to Python, as is what it replaces.
    """
    for script in folder.iterdir():
        if script.is_file() and not script.is_symlink():
            text = script.read_bytes()
            begins, ends = text.partition(TRAMPOLINE[1])[::2]
            if begins.startswith(TRAMPOLINE[0]) and ends:
                script.write_bytes(TRAMPOLINE[0] + BESIDE + b" " + FLAGS + TRAMPOLINE[1] + ends)
            elif re.match(rb"#!" + re.escape(bytes(folder)) + rb"/python[0-9.]*\n", text):
                python, _, rest = text.partition(b"\n")
                script.write_bytes(python + b" " + FLAGS + b"\n" + rest)


def mend_link(venv: Path) -> None:
    """Writes the link to the checkout, a .pth file, in ASCII.

    Before 3.13 Python reads it in the locale's letters, whatever mode it runs in, and does not start at all
    where these are others than its own.
    """
    for link in venv.glob("lib/python*/site-packages/*.pth"):
        text = link.read_text(encoding="utf-8")
        if text.strip() == str(CHECKOUT) and not text.isascii():
            link.write_text(f"import sys; sys.path.append({str(CHECKOUT)!a})\n")


def key(venv: Path) -> str:
    """The hash of all that an environment depends on: lock, project file, Python, places in its scripts."""
    digest = hashlib.sha256()
    made_of = (
        LOCK.read_bytes(),
        PROJECT.read_bytes(),
        sys.version.encode(),
        bytes(venv),
        bytes(CHECKOUT),
        FLAGS,
    )
    for part in made_of:
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
    text = _read(venv / "bin" / "activate")
    return str(venv) in text or shlex.quote(str(venv)) in text


def create(venv: Path) -> None:
    """Makes an empty virtual environment at `venv`, in place of whatever is there."""
    # The base Python, for this may run in the very environment that is to be replaced.
    python = getattr(sys, "_base_executable", None) or sys.executable
    missing = "import venv, ensurepip"
    asked = subprocess.run([python, "-c", missing], capture_output=True, check=False, env=environment())
    if asked.returncode != 0:
        version = "{}.{}".format(*sys.version_info)
        raise BootstrapError(
            f"{python} has no venv module: install it (Debian and Ubuntu: apt install python{version}-venv)."
        )
    if venv.exists():
        shutil.rmtree(venv)
    run([python, "-m", "venv", str(venv)], "Making the virtual environment")


def environment() -> dict[str, str]:
    """This process's variables without those that would lead Python astray: as `surroundings` makes them."""
    variables = {
        name: value
        for name, value in os.environ.items()
        if not re.fullmatch(r"PYTHON[A-Z0-9]+", name) or name in PYTHON_KEPT
    }
    variables["PYTHONUTF8"] = "1"
    if not os.path.isabs(variables.get("HOME", "")):  # noqa: PTH117 - empty is no path
        import pwd

        try:
            variables["HOME"] = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            variables.pop("HOME", None)
    proxies = ("http_proxy", "https_proxy", "all_proxy")
    if any(variables.get(name) for lower in proxies for name in (lower, lower.upper())):
        # A mirror on this machine is not called through a proxy. pip reads the lower-case name first.
        excepted = variables.get("no_proxy") or variables.get("NO_PROXY", "")
        if excepted.strip() != "*":
            there = [part.strip() for part in excepted.split(",") if part.strip()]
            variables["no_proxy"] = ",".join([*there, *(part for part in LOOPBACK if part not in there)])
    return variables


def pip_environment(python: Path) -> dict[str, str]:
    """The variables to run the pip of `python` with: of a person's settings, wherever they stand, those in
    `PIP_KEPT`.

    Raises:
        BootstrapError: a file of settings cannot be read.
    """
    given = environment()
    # PIP_PYTHON and its like mislead the one that is asked, too.
    may = {f"PIP_{name.upper().replace('-', '_')}" for name in PIP_KEPT} | {"PIP_CONFIG_FILE"}
    variables = {name: value for name, value in given.items() if not name.startswith("PIP_") or name in may}
    ask = [str(python), "-m", "pip", "config"]
    asked = subprocess.run(
        [*ask, "list"], env=variables, capture_output=True, text=True, encoding="utf-8", check=False
    )
    if asked.returncode != 0:
        raise BootstrapError(f"pip cannot read its settings: {(asked.stderr or asked.stdout).strip()}")
    told: dict[str, list[str]] = {}
    for line in asked.stdout.splitlines():
        key, _, value = line.partition("=")
        if value[:1] in ("'", '"'):
            told.setdefault(key, []).append(str(ast.literal_eval(value)))
    kept = {}
    for section in PIP_SECTIONS:
        for key, values in told.items():
            where, _, name = key.partition(".")
            if where == section and name in PIP_KEPT:
                if len(set(values)) > 1:  # in several files: pip knows which of them counts
                    values = [
                        subprocess.run(
                            [*ask, "get", key],
                            env=variables,
                            stdout=subprocess.PIPE,
                            encoding="utf-8",
                            check=True,
                        ).stdout.rstrip("\n")
                    ]
                kept[f"PIP_{name.upper().replace('-', '_')}"] = values[0]
    variables = {name: value for name, value in variables.items() if not name.startswith("PIP_")}
    return {**variables, **kept, "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def untrusted_index(line: str) -> str | None:
    """The remedy, where this line of pip's tells that it does not trust who answers; else None."""
    found = UNTRUSTED.search(line)
    if found is None:
        return None
    return (
        f"the certificate that the package index shows is not trusted ({found[0].strip(' :')}). Where a "
        "company's proxy opens TLS, set PIP_CERT to a PEM file that holds its root."
    )


def open_streams() -> None:
    """Opens the standard streams that are closed, to nowhere: else a file that is opened would be one."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115 - as long as the process
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def run(command: list[str], what: str, variables: dict[str, str] | None = None) -> None:
    """Runs `command` as the stage `what`, and shows how it goes: on a terminal each second, else every 15.

    Its variables are those of `environment`, where none are given.

    Raises:
        BootstrapError: its exit code is not 0; the message ends with its last output.
    """
    began = shown = time.monotonic()
    terminal = sys.stderr.isatty()
    last = ""
    refused: str | None = None
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    say(f"{what} ...")
    with subprocess.Popen(
        command,
        env=environment() if variables is None else variables,
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
                refused = refused or untrusted_index(line)
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
    if child.returncode != 0 and refused:
        raise BootstrapError(f"{what} failed: {refused}")
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
    """Prints a line where progress goes."""
    with contextlib.suppress(BrokenPipeError):  # nobody reads it: the work goes on
        print(text, file=sys.stderr, flush=True)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, NotADirectoryError):
        return ""


if __name__ == "__main__":
    if sys.getfilesystemencoding() != "utf-8":  # a locale of before; names of folders are UTF-8 all the same
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.argv])  # noqa: S606 - no shell
    sys.exit(main(sys.argv[1:]))
