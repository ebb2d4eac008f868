"""Renewal of the server's certificate while it serves: before it runs out, and when another CA issues."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from localcloud import authority as authorities
from localcloud import waiting
from localcloud.authority import Authority
from localcloud.errors import StartError

INTERVAL_S = 60.0
"""So often the certificate is looked at: by the clock, which may be set meanwhile."""

log = logging.getLogger(__name__)


class Renewal:
    """Keeps the certificate of the listeners one that callers take.

    Args:
        data: the data folder.
        host, name: the address, and the DNS name if there is one, that the certificate is for.
        authority: as it was loaded at the start.
        listeners: each is called when the files have another certificate, which it then shows.
    """

    def __init__(
        self,
        data: Path,
        host: str,
        name: str | None,
        authority: Authority,
        listeners: Sequence[Callable[[], None]],
    ) -> None:
        self._data, self._host, self._name = data, host, name
        self._certificate = authority.certificate
        self._listeners = listeners
        self._turn = threading.Lock()
        self._shown = self._certificate.read_bytes()
        self._trouble = ""

    def check(self) -> None:
        """Issues a new certificate where one is due, and has it shown. What is in the way is logged."""
        with self._turn:
            try:
                authorities.load_or_make(self._data, self._host, self._name)
                found = self._certificate.read_bytes()
            except (StartError, OSError) as error:
                self._tell(str(error))
                return
            self._trouble = ""
            if found != self._shown:
                for show in self._listeners:
                    show()
                self._shown = found
                log.info("%s is new, and shown from now on", self._certificate)

    def kept_up(self) -> AbstractContextManager[None]:
        """Checks every `INTERVAL_S` seconds inside the block."""
        return waiting.every(INTERVAL_S, self.check, thread="certificate")

    def _tell(self, trouble: str) -> None:
        """Logs what is in the way once, and not every minute."""
        if trouble != self._trouble:
            log.error("The server's certificate cannot be renewed. %s", trouble)
        self._trouble = trouble
