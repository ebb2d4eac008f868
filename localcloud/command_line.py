"""The command line of a localcloud: read, written, and found again at a process that runs."""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from localcloud.settings import Settings

SERVE: Final = "serve"
_OPTION: Final = re.compile(r"\s(?=--[a-z])")


def parser() -> argparse.ArgumentParser:
    """The command line's parser."""
    defaults = Settings(Path(), Path())
    found = argparse.ArgumentParser(prog="localcloud", description="One localcloud, durable.")
    serve = found.add_subparsers(required=True).add_parser(SERVE, help="run in the foreground")
    serve.add_argument("--data", type=Path, required=True, help="folder of everything durable")
    serve.add_argument("--featurizers", type=Path, required=True, help="folder of the built-in featurizers")
    serve.add_argument("--node", type=Path, help="Node.js binary; without it no blob storage")
    serve.add_argument(
        "--azurite", type=Path, help="root of the npm package azurite; without it no blob storage"
    )
    serve.add_argument("--host", default=defaults.host, help="address of this machine to listen on")
    serve.add_argument("--name", help="DNS name by which callers reach that address")
    serve.add_argument("--public", action="store_true", help="listen where other machines reach it")
    serve.add_argument("--https-port", type=int, default=0, help="0: as last time, or a free one")
    serve.add_argument("--dns-port", type=int, default=0, help="0: as last time, or a free one")
    serve.add_argument("--blob-port", type=int, default=0, help="0: as last time, or a free one")
    serve.add_argument(
        "--scoring-network", default=defaults.scoring_network, help="each service's address is of it"
    )
    serve.add_argument(
        "--scoring-port", type=int, default=defaults.scoring_port, help="port of every service"
    )
    serve.add_argument(
        "--package-host",
        action="append",
        default=[],
        metavar="HOST[:PORT]",
        help="fetch packages from there, too, although it is this machine or its link, or goes over http",
    )
    serve.add_argument("--ready-fd", type=int, help=argparse.SUPPRESS)
    return found


def settings(options: argparse.Namespace) -> Settings:
    """The settings that were read from a command line."""
    return Settings(
        data=options.data.absolute(),
        featurizers=options.featurizers.absolute(),
        node=options.node,
        azurite=options.azurite,
        host=options.host,
        name=options.name,
        public=options.public,
        https_port=options.https_port,
        dns_port=options.dns_port,
        blob_port=options.blob_port,
        scoring_network=options.scoring_network,
        scoring_port=options.scoring_port,
        package_hosts=tuple(options.package_host),
    )


def arguments(wanted: Settings, ready_fd: int) -> list[str]:
    """The command line that starts a localcloud with these settings."""
    options: dict[str, object] = {
        "--data": wanted.data,
        "--featurizers": wanted.featurizers,
        "--node": wanted.node,
        "--azurite": wanted.azurite,
        "--host": wanted.host,
        "--name": wanted.name,
        "--https-port": wanted.https_port,
        "--dns-port": wanted.dns_port,
        "--blob-port": wanted.blob_port,
        "--scoring-network": wanted.scoring_network,
        "--scoring-port": wanted.scoring_port,
        "--ready-fd": ready_fd,
    }
    given = [(name, value) for name, value in options.items() if value is not None]
    given += [("--package-host", host) for host in wanted.package_hosts]
    public = ["--public"] if wanted.public else []
    return [SERVE, *public, *(part for name, value in given for part in (name, str(value)))]


def of_process(pid: int) -> Settings | None:
    """The settings that a process was started with; None where its command line is not to be seen."""
    line = _command_line(pid)
    if SERVE not in line:
        return None
    # an option of another version is none of ours; what it misses it would say on standard error
    with contextlib.suppress(SystemExit), contextlib.redirect_stderr(io.StringIO()):
        options, _ = parser().parse_known_args(line[line.index(SERVE) :])
        return settings(options)
    return None


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
