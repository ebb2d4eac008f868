"""Every client, one after the other: `python -m tools.compatibility [CLIENT…] [--page]`."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from engine import bootstrap
from engine.activation import python
from surroundings import settle
from tools.compatibility import page
from tools.compatibility.client import CLIENTS, HERE, Client
from tools.compatibility.given import given
from tools.compatibility.page import Outcomes

ENVIRONMENTS: Final = HERE.parents[1] / ".local" / "compatibility"
STEP_TIMEOUT_S: Final = 300.0


def main(arguments: list[str] | None = None) -> int:
    """Runs them. Exit codes: 0 every step has passed, 1 one has not."""
    settle()
    parser = argparse.ArgumentParser(
        prog="python -m tools.compatibility", description="Run other people's clients against a localcloud."
    )
    names = [client.name for client in CLIENTS]
    parser.add_argument("clients", nargs="*", metavar="CLIENT", help=f"{', '.join(names)} (default: all)")
    parser.add_argument("--page", action="store_true", help="write docs/compatibility.md; of all clients")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.clients if name not in names]:
        parser.error(f"there is no client {', '.join(unknown)}: {', '.join(names)} are there")
    if options.page and options.clients:
        parser.error("--page is for all clients: name none")
    chosen = [client for client in CLIENTS if client.name in (options.clients or names)]
    commands = {client.name: command(client) for client in chosen}
    with tempfile.TemporaryDirectory(prefix="compatibility-") as folder, given(Path(folder)) as told:
        found = {client.name: outcomes(client, commands[client.name], told) for client in chosen}
    if options.page:
        page.PAGE.write_text(page.page(found, CLIENTS), "utf-8")
    return int(any(error is not None for one in found.values() for error in one.values()))


def command(client: Client) -> list[str | Path]:
    """The command that runs a client, whose environment is made anew where its lock file has changed.

    Raises:
        FileNotFoundError: there is no Go to build a client with.
    """
    if not client.is_go:
        return [environment(client), client.script]
    go = shutil.which("go") or "/usr/local/go/bin/go"
    built = ENVIRONMENTS / client.name / "client"
    _say(f"{client.name}: building")
    subprocess.run([go, "build", "-o", built, "."], check=True, cwd=client.script.parent)
    return [built]


def environment(client: Client) -> Path:
    """The Python of a client's environment."""
    root = ENVIRONMENTS / client.name
    interpreter, mark = root / "bin" / "python", root / "installed.lock"
    locked = client.lock.read_bytes()
    if not (mark.is_file() and mark.read_bytes() == locked):
        _say(f"{client.name}: installing")
        variables = bootstrap.pip_environment(python())
        _run([python(), "-m", "venv", "--clear", root], variables)
        # all that is needed is in the file, whatever the packages of then say about each other
        pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "-r"]
        _run([interpreter, *pip, client.lock], variables)
        mark.write_bytes(locked)
    return interpreter


def outcomes(client: Client, command: list[str | Path], told: dict[str, Any]) -> Outcomes:
    """What became of each of a client's steps."""
    roots = {"REQUESTS_CA_BUNDLE": told["ca"], "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": told["roots"]}
    quiet = {"PYTHONWARNINGS": "ignore", "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(HERE / "clients")}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ.get("PATH", ""), "HOME": str(ENVIRONMENTS), **roots, **quiet},
    ) as child:
        try:
            said, errors = child.communicate(json.dumps(told), STEP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            child.kill()
            said, errors = child.communicate()
    done = {one["step"]: one["error"] for one in map(json.loads, said.splitlines())}
    missing = f"was not reached: {errors.strip().splitlines()[-1] if errors.strip() else 'no word'}"
    found = {step: done.get(step, missing) for step in client.steps}
    for step, error in found.items():
        _say(f"{client.name}: {step}: {error or 'passed'}")
    if any(found.values()):
        _say(errors)
    return found


def _run(arguments: list[str | Path], variables: dict[str, str]) -> None:
    subprocess.run([str(part) for part in arguments], check=True, env=variables)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
