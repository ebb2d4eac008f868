"""Sources of the server's certificate: one interface for all, and the one of localcloud's own CA."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from localcloud import authority as authorities
from localcloud.certificate.pair import Pair


class Source(Protocol):
    """A source of the server's certificate."""

    def current(self) -> Pair:
        """The chain and key to show from now on. It is asked again and again, and answers without waiting.

        Raises:
            StartError: there is nothing that callers would take; the message names the remedy.
            OSError: a file cannot be read or written.
        """
        ...


class OwnSource:
    """Certificates of localcloud's own CA, issued anew where one is due.

    Args:
        data: the data folder.
        host, name: the address, and the DNS name if there is one, that the certificate is for.
    """

    def __init__(self, data: Path, host: str, name: str | None) -> None:
        self._data, self._host, self._name = data, host, name

    def current(self) -> Pair:
        """As `Source.current`."""
        found = authorities.load_or_make(self._data, self._host, self._name)
        return Pair(found.certificate.read_bytes(), found.key.read_bytes())
