"""Signals that end a localcloud, or have it take what is new: heard on a thread of their own."""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from collections.abc import Collection

STOP = (signal.SIGTERM, signal.SIGINT)


class Signals:
    """The signals of this process. Made in its main thread.

    The first that stops it is handed out as any other; a second one ends the process at once, whatever it
    does. Data is safe then as behind SIGKILL.

    The system may hand a signal to any thread. A lock that the main one waits for does not hear of it then;
    a pipe does, in which the signal itself writes.

    Args:
        follow: those at which it takes what is new.
    """

    def __init__(self, follow: Collection[signal.Signals]) -> None:
        self._heard: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing)
        for number in (*STOP, *follow):
            signal.signal(number, lambda *_: None)
        threading.Thread(target=self._hear, name="signals", daemon=True).start()

    def next(self) -> int:
        """The next signal; waits for it."""
        return self._heard.get()

    def _hear(self) -> None:
        is_stopping = False
        while True:
            for number in os.read(self._reading, 64):
                if number not in STOP:
                    self._heard.put(number)
                elif is_stopping:
                    end_at_once(128 + number, f"{signal.Signals(number).name} came again")
                else:
                    is_stopping = True
                    self._heard.put(number)


def end_at_once(code: int, reason: str) -> None:
    """Ends this process without waiting for anything. Data is safe as behind SIGKILL."""
    print(f"localcloud ends at once: {reason}.", file=sys.stderr, flush=True)
    os._exit(code)


def end_within(seconds: float) -> None:
    """Ends this process in so many seconds, if it has not ended by then."""
    reason = f"it had not ended {seconds:g} s after it was told to"
    timer = threading.Timer(seconds, end_at_once, (1, reason))
    timer.daemon = True
    timer.start()
