"""The command line of a localcloud: read, written, and found again at a process that runs."""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from localcloud.configuration import reading, table
from localcloud.settings import Settings

SERVE: Final = "serve"
_OPTION: Final = re.compile(r"\s(?=--[a-z])")


@dataclass(frozen=True)
class CommandLine:
    """A command line that starts a localcloud.

    Attributes:
        options: what it says for settings, by their fields (`localcloud.configuration.reading`).
        config: the file that it names.
        ready_fd: descriptor that is told when the start is done.
        folder: the folder from which its relative paths go.
    """

    options: Mapping[str, Sequence[str]]
    config: Path | None
    ready_fd: int | None
    folder: Path

    def settings(self) -> Settings:
        """The settings that it gives, with those of its file.

        Raises:
            StartError: a setting is missing, or cannot be used; or the file cannot.
        """
        return reading.read(self.options, self.config, self.folder).settings()


def parser() -> argparse.ArgumentParser:
    """The command line's parser."""
    found = argparse.ArgumentParser(prog="localcloud", description="One localcloud, durable.")
    serve = found.add_subparsers(required=True).add_parser(SERVE, help="run in the foreground")
    serve.add_argument("--config", type=Path, metavar="FILE", help="File of settings; an option wins")
    for setting in table.of(Settings).values():
        default = f" ({setting.shown_default})" if setting.shown_default else ""
        about = (setting.about + default).replace("%", "%%")
        if setting.kind.is_switch:
            serve.add_argument(
                setting.option, dest=setting.field, action=argparse.BooleanOptionalAction, help=about
            )
        else:
            serve.add_argument(
                setting.option, dest=setting.field, action="append", metavar=setting.kind.metavar, help=about
            )
    serve.add_argument("--ready-fd", type=int, help=argparse.SUPPRESS)
    return found


def read(options: argparse.Namespace, folder: Path | None = None) -> CommandLine:
    """The command line of which the parser read these options."""
    given = {
        field: [str(value).lower()] if isinstance(value, bool) else value
        for field in table.of(Settings)
        if (value := getattr(options, field)) is not None
    }
    return CommandLine(given, options.config, options.ready_fd, folder or Path.cwd())


def arguments(wanted: Settings, ready_fd: int | None = None) -> list[str]:
    """The command line that starts a localcloud with these settings.

    What a file says is left to the file: a restart in place takes what it says then.
    """
    config = wanted.config
    found = [SERVE] if config is None else [SERVE, "--config", str(config.path)]
    for setting in table.of(Settings).values():
        value = getattr(wanted, setting.field)
        if config is not None and setting.field in config.lines:
            continue
        if value == setting.default and (config is None or setting.field not in config.options):
            continue
        if setting.kind.is_switch:
            found.append(setting.option if value else f"--no-{setting.option.removeprefix('--')}")
        else:
            found += [part for text in setting.texts(value) for part in (setting.option, text)]
    return found if ready_fd is None else [*found, "--ready-fd", str(ready_fd)]


def of_process(pid: int) -> CommandLine | None:
    """The command line that a process was started with; None: it is not to be seen, or no localcloud's."""
    line = _command_line(pid)
    if SERVE not in line:
        return None
    # an option of another version is none of ours
    with contextlib.suppress(SystemExit), contextlib.redirect_stderr(io.StringIO()):
        options, _ = parser().parse_known_args(line[line.index(SERVE) :])
        found = read(options, _folder(pid))
        is_ours = found.config is not None or {"data", "featurizers"} <= found.options.keys()
        return found if is_ours else None
    return None


def _folder(pid: int) -> Path:
    try:
        return Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return Path.cwd()


def _command_line(pid: int) -> Sequence[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")
    except OSError:
        pass
    try:
        told = subprocess.run(
            ["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False
        ).stdout
    except OSError:
        return ()
    # `ps` does not say where a path with spaces ends: each option goes on to the next one
    before, _, options = told.strip().partition(f" {SERVE} ")
    if not options:
        return ()
    return [before, SERVE, *(part for one in _OPTION.split(options) for part in one.strip().split(" ", 1))]
