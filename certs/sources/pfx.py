"""The source `pfx`: one PKCS#12 container that holds the chain and the key, as a path and its password."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from certs.bundle import Reading
from certs.findings import Finding, Origin
from certs.pkcs12_reading import read_container
from certs.sources.files import read_roots_file
from certs.sources.local_file import check_mode, read_file
from certs.sources.source import Obtained


@dataclass(frozen=True)
class PfxSource:
    """A source of one container, read anew at each call.

    Attributes:
        ask: gives the password where one is needed and there is none; None: nobody knows it.
        roots: names a file in PEM, for a chain of a private authority.
    """

    container: Path
    password: str | None = field(default=None, repr=False)
    roots: Path | None = None
    ask: Callable[[], str | None] | None = None

    def obtain(self, dns_names: Sequence[str], now: datetime) -> Obtained:  # noqa: ARG002  (what is there is there)
        """The chain and key of the container, whatever their names and dates: `certs.checks` judges those.

        Raises:
            certs.errors.UnreadableError: `roots` is given and cannot be read.
        """
        origin = self.origin
        findings: list[Finding] = []
        data = read_file(self.container, origin, findings)
        if data is not None:
            findings += check_mode(self.container, origin)
        reading = self.open(data)
        root_pem = reading.root_pem if self.roots is None else read_roots_file(self.roots)
        return Obtained(reading.with_findings(findings), root_pem)

    @property
    def origin(self) -> Origin:
        """The container's name in messages."""
        return Origin.of_file("PFX file", str(self.container))

    def open(self, data: bytes | None) -> Reading:
        """The content of the container whose octets are `data`: a pipe gives them once, a password or not."""
        reading = read_container(data, self.password, self.origin)
        if self.ask and any(finding.code == "pfx-password-missing" for finding in reading.read_findings):
            password = self.ask()
            if password:
                return read_container(data, password, self.origin)
        return reading
