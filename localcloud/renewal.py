"""Renewal of the server's certificate while it serves: whenever its source has another one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
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
            self._tell(self._source.trouble)

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

    @contextmanager
    def kept_up(self) -> Iterator[None]:
        """Checks every `INTERVAL_S` seconds, or as often as the source wants, inside the block."""
        interval_s = min(INTERVAL_S, self._source.interval_s)
        with self._source.kept_up(), waiting.every(interval_s, self.check, thread="certificate"):
            yield

    def _show(self, found: Pair) -> None:
        ServerContexts(found.chain, found.key)  # before one listener has it, and another cannot
        if self._kind != rules.OWN:
            trusted.keep(self._data, found, self._shown)
        for show in self._listeners:
            show(found)
        if self._kind != rules.OWN:
            trusted.settle(self._data, found)
        self._shown = found
        log.info("The server's certificate is new, and shown from now on; it expires on %s", found.expires)

    def _note(self, notes: tuple[str, ...]) -> None:
        for note in notes:
            if note not in self._notes:
                log.warning("The server's certificate: %s", note)
        self._notes = notes

    def _tell(self, trouble: str) -> None:
        """Logs what is in the way once, and not every minute."""
        if trouble and trouble != self._trouble:
            log.error("The server's certificate cannot be renewed. %s", trouble)
        elif self._trouble and not trouble:
            log.info("The server's certificate: what was in the way of another one is gone")
        self._trouble = trouble
