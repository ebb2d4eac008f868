"""`python -m localcloud serve`: one localcloud in the foreground, until SIGTERM or SIGINT.

Either has the calls under way end first; a second one ends it at once. Under a service manager SIGHUP has it
take what is new, as SIGUSR1 always does.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import sys
from collections.abc import Sequence

from localcloud import command_line, logs, service_manager, signals
from localcloud.errors import StartError
from localcloud.settings import END_S, FOLLOW, REFUSAL
from localcloud.signals import STOP, Signals
from surroundings import settle


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code: 0 stopped as asked, 1 could not start."""
    settle()
    line = command_line.read(command_line.parser().parse_args(arguments))
    ready_fd = line.ready_fd
    if ready_fd is not None:
        # Not for the children: their starter waits until the last copy of it is closed.
        os.set_inheritable(ready_fd, False)
    try:
        settings = line.settings()
    except StartError as error:
        return _refused(error)
    os.umask(0o077)
    faulthandler.disable()  # whatever the environment says: what it reports goes to the data folder
    manager = service_manager.taken(os.environ)
    # Of a terminal that hangs up it is no order to take something anew.
    told = Signals([FOLLOW, signal.SIGHUP] if manager.is_there else [FOLLOW])
    # Imported late: what it costs must not delay the words of a refused command line.
    from localcloud.server import Cloud

    try:
        with Cloud(settings) as cloud:
            cloud.hold_until_exit()
            ready = f"localcloud is ready at {cloud.status().https}"
            if ready_fd is not None:
                os.write(ready_fd, b"ready\n")
                os.close(ready_fd)
            elif not manager.is_there:
                print(ready, flush=True)
            manager.ready(ready)
            with manager.watched(cloud.is_alive):
                while told.next() not in STOP:
                    manager.reloading()
                    cloud.follow()
                    manager.ready(ready)
            within_s = settings.drain_timeout + END_S
            manager.stopping(f"calls under way have up to {settings.drain_timeout:g} s", within_s)
            signals.end_within(within_s)
    except StartError as error:
        return _refused(error)
    return 0


def _refused(error: StartError) -> int:
    print(logs.marked(f"{REFUSAL}{error}", logging.ERROR), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
