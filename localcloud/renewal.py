"""Renewal of the server's certificate while it serves: whenever its source has another one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

from localcloud import waiting
from localcloud.certificate import rules, trusted
from localcloud.certificate.pair import Pair
from localcloud.certificate.source import Source
from localcloud.errors import StartError
from localcloud.status import CertificateStatus
from surroundings.tls import ServerContexts

INTERVAL_S = 60.0
"""So often the certificate is looked at, or oftener: by the clock, which may be set meanwhile."""

log = logging.getLogger(__name__)


class Renewal:
    """Keeps the certificate of the listeners one that callers take.

    Args:
        data: the data folder.
        kind: the name of the source (`localcloud.certificate.rules`).
        source: where it comes from.
        shown: what the listeners show.
        listeners: each is called with another chain and key, which it then shows.
    """

    def __init__(
        self,
        data: Path,
        kind: str,
        source: Source,
        shown: Pair,
        listeners: Sequence[Callable[[Pair], None]],
    ) -> None:
        self._data, self._kind, self._source, self._shown = data, kind, source, shown
        self._listeners = listeners
        self._turn = threading.Lock()
        self._trouble = ""
        self._notes: tuple[str, ...] = ()
        self._note(shown.notes)

    def check(self) -> None:
        """Has what the source gives now shown, if it is another one. What is in the way is logged."""
        with self._turn:
            try:
                found = self._source.current()
                if found != self._shown:
                    self._show(found)
            except (StartError, OSError) as error:
                self._tell(str(error))
                return
            self._note(found.notes)
            if self._trouble and self._kind != rules.OWN:
                log.info("The server's certificate: what was in the way is gone")
            self._trouble = ""

    def certificate_expires(self) -> datetime:
        """The last moment at which the certificate that is shown is valid (UTC)."""
        return self._shown.expires

    def status(self) -> CertificateStatus:
        """What is shown, and what is in the way of another."""
        return CertificateStatus(
            source=self._kind,
            expires=f"{self._shown.expires:%Y-%m-%dT%H:%M:%SZ}",
            trouble=self._trouble or None,
            notes=self._notes,
        )

    def kept_up(self) -> AbstractContextManager[None]:
        """Checks every `INTERVAL_S` seconds, or as often as the source wants, inside the block."""
        return waiting.every(min(INTERVAL_S, self._source.interval_s), self.check, thread="certificate")

    def _show(self, found: Pair) -> None:
        ServerContexts(found.chain, found.key)  # before one listener has it, and another cannot
        if self._kind != rules.OWN:
            trusted.keep(self._data, found, self._shown)
        for show in self._listeners:
            show(found)
        self._shown = found
        log.info("The server's certificate is new, and shown from now on; it expires on %s", found.expires)

    def _note(self, notes: tuple[str, ...]) -> None:
        for note in notes:
            if note not in self._notes:
                log.warning("The server's certificate: %s", note)
        self._notes = notes

    def _tell(self, trouble: str) -> None:
        """Logs what is in the way once, and not every minute."""
        if trouble != self._trouble:
            log.error("The server's certificate cannot be renewed. %s", trouble)
        self._trouble = trouble
