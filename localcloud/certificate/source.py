"""Sources of the server's certificate: one interface for all, and the one of localcloud's own CA."""

from __future__ import annotations

import ssl
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol

from localcloud import authority as authorities
from localcloud.certificate import rules, trusted
from localcloud.certificate.pair import Pair
from localcloud.datafolder import sealed_file
from localcloud.datafolder.vault import IN_CLEAR, Vault
from localcloud.dns.challenges import Challenges
from localcloud.errors import StartError
from localcloud.network import listeners
from localcloud.settings import Settings
from surroundings.tls import ServerContexts


class Source(Protocol):
    """A source of the server's certificate.

    Attributes:
        interval_s: how often it is to be asked, in seconds.
    """

    @property
    def interval_s(self) -> float: ...

    @property
    def trouble(self) -> str:
        """What is in the way of another certificate, though one can be shown; empty: nothing."""
        ...

    def kept_up(self) -> AbstractContextManager[None]:
        """Does inside the block what takes longer."""
        ...

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
        names: the addresses and DNS names that the certificate is for; None: left out.
        vault: of the folder's secrets.
    """

    interval_s = 60.0
    trouble = ""

    def __init__(self, data: Path, *names: str | None, vault: Vault = IN_CLEAR) -> None:
        self._data, self._names, self._vault = data, names, vault

    def current(self) -> Pair:
        """As `Source.current`."""
        found = authorities.load_or_make(self._data, *self._names, vault=self._vault)
        return Pair(found.certificate.read_bytes(), sealed_file.read(found.key, self._vault))

    def kept_up(self) -> AbstractContextManager[None]:
        """As `Source.kept_up`: nothing takes longer."""
        return nullcontext()


def source_of(
    settings: Settings, challenges: Challenges, name_server: tuple[str, int], vault: Vault = IN_CLEAR
) -> Source:
    """The source that the settings choose.

    Args:
        challenges: where proofs for an authority are published.
        name_server: host and port where this machine finds its own name server.
        vault: of the data folder's secrets.

    Raises:
        StartError: what it needs of the data folder is damaged, or a file that a setting names.
    """
    if settings.certificate_source == rules.FILES:
        # Imported late: who has localcloud's own CA pays for no other source.
        from localcloud.certificate.files import FilesSource

        return FilesSource(settings, rules.names(settings))
    own = OwnSource(settings.data, *listeners.own_names(settings), vault=vault)
    if settings.certificate_source == rules.ACME:
        from localcloud.certificate.acme import AcmeSource

        return AcmeSource(settings, own, challenges, name_server, vault)
    return own


def first(settings: Settings, source: Source) -> Pair:
    """The chain and key to begin with; the data folder says by what they are trusted.

    Raises:
        StartError: there are none.
    """
    found = source.current()
    try:
        ServerContexts(found.chain, found.key)
    except ssl.SSLError as error:
        raise StartError(
            f"{settings.written('certificate_source')}: OpenSSL does not take the certificate "
            f"({error.reason}). Have one issued with a key on P-256 or of RSA-2048, signed with SHA-256."
        ) from None
    if settings.certificate_source == rules.OWN:
        trusted.forget(settings.data)
    else:
        trusted.keep(settings.data, found)
    return found
