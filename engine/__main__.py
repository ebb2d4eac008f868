"""`python -m engine install` and `python -m engine env`."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path

from engine import activation
from engine.bootstrap import default_local
from engine.errors import EngineError
from engine.report import ConsoleReport
from surroundings import settle


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns the exit code."""
    found = dict(os.environ)
    settle()
    parser = argparse.ArgumentParser(prog="python -m engine", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("install", "put the Pulumi CLI, its language host and the azure-native plugin into a folder"),
        ("env", "print the variables to run pulumi with, as a POSIX shell's unset and export lines"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument(
            "--local", type=Path, default=default_local(), help="the folder (default: %(default)s)"
        )
    options = parser.parse_args(arguments)
    if options.command == "env":
        variables = activation.environment(options.local)
        for name in found.keys() - variables.keys():
            print(f"unset {name}")
        for name, value in variables.items():
            if found.get(name) != value:
                print(f"export {name}={shlex.quote(value)}")
        return 0
    from engine.install import install

    os.umask(0o077)
    report = ConsoleReport()
    try:
        with report.stage("Installing the engine"):
            install(options.local, report)
    except EngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(f"Use it in a shell with: . {shlex.quote(str(options.local / 'activate'))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
