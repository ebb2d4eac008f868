"""The source `files`: a PEM chain and a PEM key, as paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from certs.bundle import read, read_roots, to_pem
from certs.errors import UnreadableError
from certs.findings import Finding, Origin
from certs.sources.local_file import check_mode, read_file
from certs.sources.source import Obtained


@dataclass(frozen=True)
class FilesSource:
    """A source of two files in PEM, read anew at each call.

    Attributes:
        roots: names a third, for a chain of a private authority.
    """

    certificate: Path
    key: Path
    roots: Path | None = None

    def obtain(self, dns_names: Sequence[str], now: datetime) -> Obtained:  # noqa: ARG002  (what is there is there)
        """The chain and key of the files, whatever their names and dates: `certs.checks` judges those.

        Raises:
            certs.errors.UnreadableError: `roots` is given and cannot be read.
        """
        certificate_origin = Origin.of_file("certificate file", str(self.certificate))
        key_origin = Origin.of_file("key file", str(self.key))
        findings: list[Finding] = []
        certificate = read_file(self.certificate, certificate_origin, findings)
        key = read_file(self.key, key_origin, findings)
        if key is not None:
            findings += check_mode(self.key, key_origin)
        reading = read(certificate, key, certificate_origin=certificate_origin, key_origin=key_origin)
        root_pem = reading.root_pem if self.roots is None else read_roots_file(self.roots)
        return Obtained(reading.with_findings(findings), root_pem)


def read_roots_file(path: Path) -> str:
    """The root certificates in the file `path` in canonical PEM.

    Raises:
        certs.errors.UnreadableError: there are none to be had.
    """
    origin = Origin.of_file("roots file", str(path))
    findings: list[Finding] = []
    data = read_file(path, origin, findings)
    if data is None:
        raise UnreadableError(findings)
    return to_pem(read_roots(data, origin))
