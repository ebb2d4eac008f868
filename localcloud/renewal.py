"""Renewal of the server's certificate while it serves: whenever its source has another one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime

from localcloud import waiting
from localcloud.certificate.pair import Pair
from localcloud.certificate.source import Source
from localcloud.errors import StartError

INTERVAL_S = 60.0
"""So often the certificate is looked at: by the clock, which may be set meanwhile."""

log = logging.getLogger(__name__)


class Renewal:
    """Keeps the certificate of the listeners one that callers take.

    Args:
        source: where it comes from.
        shown: what the listeners show.
        listeners: each is called with another chain and key, which it then shows.
    """

    def __init__(self, source: Source, shown: Pair, listeners: Sequence[Callable[[Pair], None]]) -> None:
        self._source, self._shown = source, shown
        self._listeners = listeners
        self._turn = threading.Lock()
        self._trouble = ""

    def check(self) -> None:
        """Has what the source gives now shown, if it is another one. What is in the way is logged."""
        with self._turn:
            try:
                found = self._source.current()
            except (StartError, OSError) as error:
                self._tell(str(error))
                return
            self._trouble = ""
            if found != self._shown:
                for show in self._listeners:
                    show(found)
                self._shown = found
                log.info("The server's certificate is new, and shown from now on")

    def certificate_expires(self) -> datetime:
        """The last moment at which the certificate that is shown is valid (UTC)."""
        return self._shown.expires

    def kept_up(self) -> AbstractContextManager[None]:
        """Checks every `INTERVAL_S` seconds inside the block."""
        return waiting.every(INTERVAL_S, self.check, thread="certificate")

    def _tell(self, trouble: str) -> None:
        """Logs what is in the way once, and not every minute."""
        if trouble != self._trouble:
            log.error("The server's certificate cannot be renewed. %s", trouble)
        self._trouble = trouble
