"""The certificates of a service as a tree: from its own up to the root, with the days that each has left."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from cryptography import x509

from localcloud.scoring import certificate_text


@dataclass(frozen=True)
class Node:
    """A certificate.

    Attributes:
        subject: whose it is, as RFC 4514 writes names.
        issuer: who signed it.
        names: the DNS names and addresses that it is for.
        ends: its last moment, UTC; None: that cannot be read.
        days: whole days until then, negative once it is over; None as above.
        is_root: whether it is its own issuer.
    """

    subject: str
    issuer: str
    names: tuple[str, ...] = ()
    ends: dt.datetime | None = None
    days: int | None = None
    is_root: bool = False


@dataclass(frozen=True)
class Tree:
    """The certificates that a service sends.

    Attributes:
        nodes: the service's own first.
        days: whole days until the first of them ends that callers look at; None: that cannot be read.
    """

    nodes: tuple[Node, ...]
    days: int | None

    @property
    def missing_root(self) -> str | None:
        """The issuer that callers have to know themselves; None: the root is sent, too."""
        return None if self.nodes[-1].is_root else self.nodes[-1].issuer


def tree_of(pem: bytes, now: dt.datetime) -> Tree | None:
    """The tree of a chain in PEM; None: it cannot be read."""
    try:
        chain = certificate_text.read_chain(pem.decode())
    except ValueError:
        return None
    if not chain:
        return None
    try:
        days = _days(certificate_text.expiry(chain), now)
    except (ValueError, OverflowError):
        days = None
    return Tree(tuple(_node(der, now) for der in chain), days)


def _node(der: bytes, now: dt.datetime) -> Node:
    try:
        one = x509.load_der_x509_certificate(der)
        subject, issuer = one.subject.rfc4514_string(), one.issuer.rfc4514_string()
        ends = one.not_valid_after_utc
        # gRPC serves certificates in which the library finds faults
    except (ValueError, TypeError, OverflowError):
        return Node("(a certificate that cannot be read)", "(unknown)")
    names = _names(one)
    return Node(
        subject or ", ".join(names[:1]) or "(no name)",
        issuer,
        names,
        ends,
        _days(ends, now),
        one.subject == one.issuer,
    )


def _names(one: x509.Certificate) -> tuple[str, ...]:
    try:
        found = one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError, TypeError):
        return ()
    names = found.get_values_for_type(x509.DNSName)
    return (*names, *map(str, found.get_values_for_type(x509.IPAddress)))


def _days(ends: dt.datetime, now: dt.datetime) -> int:
    return (ends - now) // dt.timedelta(days=1)
