"""A certificate authority of the tests' own, which is trusted today, and what it gives out."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.certificates import forge

DAY = dt.timedelta(days=1)


class Authority:
    """Issues certificates that one who trusts `root` accepts."""

    def __init__(self, name: str = "test root") -> None:
        now, key = dt.datetime.now(dt.UTC), ec.generate_private_key(ec.SECP256R1())
        self._made = forge.authority(
            name, None, key, basic=(True, 0), begin=now - 90 * DAY, end=now + 90 * DAY
        )

    @property
    def root(self) -> bytes:
        """The root certificate, PEM."""
        return self._made.pem

    def issue(
        self, names: Sequence[str], *, key: Any = None, starts_in: int = -1, ends_in: int = 30
    ) -> forge.Made:
        """A leaf for names and addresses, valid between two days counted from now.

        Args:
            key: the leaf's private key; a new one where none is given.
        """
        now = dt.datetime.now(dt.UTC)
        return forge.make(
            None,
            self._made,
            key or ec.generate_private_key(ec.SECP256R1()),
            names=[_general_name(name) for name in names],
            begin=now + starts_in * DAY,
            end=now + ends_in * DAY,
            basic=None,
        )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
