"""`python -m localcloud serve`: one localcloud in the foreground, until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from localcloud.errors import StartError
from localcloud.settings import REFUSAL, Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code: 0 stopped as asked, 1 could not start."""
    options = _parser().parse_args(arguments)
    ready_fd = options.ready_fd
    if ready_fd is not None:
        # Not for the children: their starter waits until the last copy of it is closed.
        os.set_inheritable(ready_fd, False)
    settings = Settings(
        data=options.data.absolute(),
        featurizers=options.featurizers.absolute(),
        node=options.node,
        azurite=options.azurite,
        host=options.host,
        https_port=options.https_port,
        dns_port=options.dns_port,
        blob_port=options.blob_port,
        scoring_network=options.scoring_network,
        scoring_port=options.scoring_port,
    )
    os.umask(0o077)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    # Imported late: what it costs must not delay the words of a refused command line.
    from localcloud.server import Cloud

    try:
        with Cloud(settings) as cloud:
            cloud.hold_until_exit()
            if ready_fd is not None:
                os.write(ready_fd, b"ready\n")
                os.close(ready_fd)
            else:
                print(f"localcloud is ready at {cloud.status()['https']}", flush=True)
            stop.wait()
    except StartError as error:
        print(f"{REFUSAL}{error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    defaults = Settings(Path(), Path())
    parser = argparse.ArgumentParser(prog="localcloud", description=__doc__)
    serve = parser.add_subparsers(required=True).add_parser("serve", help="run in the foreground")
    serve.add_argument("--data", type=Path, required=True, help="folder of everything durable")
    serve.add_argument("--featurizers", type=Path, required=True, help="folder of the built-in featurizers")
    serve.add_argument("--node", type=Path, help="Node.js binary; without it no blob storage")
    serve.add_argument(
        "--azurite", type=Path, help="root of the npm package azurite; without it no blob storage"
    )
    serve.add_argument("--host", default=defaults.host, help="loopback address to listen on")
    serve.add_argument("--https-port", type=int, default=0, help="0: as last time, or a free one")
    serve.add_argument("--dns-port", type=int, default=0, help="0: as last time, or a free one")
    serve.add_argument("--blob-port", type=int, default=0, help="0: as last time, or a free one")
    serve.add_argument(
        "--scoring-network", default=defaults.scoring_network, help="each service's address is of it"
    )
    serve.add_argument(
        "--scoring-port", type=int, default=defaults.scoring_port, help="port of every service"
    )
    serve.add_argument("--ready-fd", type=int, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
