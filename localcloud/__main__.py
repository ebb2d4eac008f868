"""`python -m localcloud serve`: one localcloud in the foreground, until SIGTERM or SIGINT."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from collections.abc import Sequence

from localcloud import command_line
from localcloud.errors import StartError
from localcloud.settings import FOLLOW, REFUSAL
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
        print(f"{REFUSAL}{error}", file=sys.stderr)
        return 1
    os.umask(0o077)
    faulthandler.disable()  # whatever the environment says: what it reports goes to the data folder
    told = _signals()
    # Imported late: what it costs must not delay the words of a refused command line.
    from localcloud.server import Cloud

    try:
        with Cloud(settings) as cloud:
            cloud.hold_until_exit()
            if ready_fd is not None:
                os.write(ready_fd, b"ready\n")
                os.close(ready_fd)
            else:
                print(f"localcloud is ready at {cloud.status().https}", flush=True)
            while os.read(told, 1)[0] == FOLLOW:
                cloud.follow()
    except StartError as error:
        print(f"{REFUSAL}{error}", file=sys.stderr)
        return 1
    return 0


def _signals() -> int:
    """A pipe in which the numbers of the signals are to be read that stop it, or have it follow a command.

    The system may hand a signal to any thread. A lock that the main one waits for does not hear of it then;
    the pipe does, in which the signal itself writes.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    for number in (signal.SIGTERM, signal.SIGINT, FOLLOW):
        signal.signal(number, lambda *_: None)
    return reading


if __name__ == "__main__":
    sys.exit(main())
