"""The source `config`: the chain and the key as two texts of a stack's configuration.

The chain is public, and stands there in plain, where a pull request shows its change; the key is a secret
there. Whoever asks decrypts it: this room knows no stack.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from certs.bundle import read
from certs.findings import Origin
from certs.sources.files import read_roots_file
from certs.sources.source import Obtained


@dataclass(frozen=True)
class ConfigSource:
    """A source of two texts in PEM, with the names of their settings.

    Attributes:
        roots: names a file, for a chain of a private authority.
    """

    certificate: str
    key: str = field(repr=False)
    certificate_setting: str
    key_setting: str
    roots: Path | None = None

    def obtain(self, dns_names: Sequence[str], now: datetime) -> Obtained:  # noqa: ARG002  (what is there is there)
        """The chain and key of the settings, whatever their names and dates: `certs.checks` judges those.

        Raises:
            certs.errors.UnreadableError: `roots` is given and cannot be read.
        """
        reading = read(
            self.certificate,
            self.key,
            certificate_origin=Origin(f"setting {self.certificate_setting}", "chain.pem"),
            key_origin=Origin(f"setting {self.key_setting}", "key.pem"),
        )
        return Obtained(reading, reading.root_pem if self.roots is None else read_roots_file(self.roots))
