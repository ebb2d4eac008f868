"""Every path from a server certificate to what may be trusted, over the certificates that are there.

An authority may have several certificates: an old and a renewed one, one of its own and one by another
authority (cross-signed, even in a ring). All ways are walked, in an order that comes from the certificates
and not from their place in a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from certs.chain import Link, canonical_name, identity, is_self_signed, link

MAXIMUM_STEPS = 300
"""Authorities that are visited: far more than any true file needs, and few enough for one that is made to
take long.
"""
MAXIMUM_DEPTH = 12
"""Authorities on one path: more than are taken, so that too many are said to be that."""


@dataclass(frozen=True)
class Path:
    """A way up from the leaf.

    Attributes:
        chain: what a server sends: the leaf first, no root unless it is the leaf.
        anchor: the root on which it stands, where that is known: one that callers hold, or a self-signed one.
        stops_short: there are certificates further up, which this path leaves out.
        broken_by: the link to the chain's last certificate does not hold, and there is no better one.
    """

    chain: tuple[x509.Certificate, ...]
    anchor: x509.Certificate | None = None
    stops_short: bool = False
    broken_by: Link | None = None


def every_path(
    leaf: x509.Certificate,
    others: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate] | None = None,
) -> Iterator[Path]:
    """The paths from `leaf` over `others`, and to `roots` where it is known what callers hold.

    No path goes through one authority twice; no more than `MAXIMUM_STEPS` authorities are visited.
    """
    yield from _Walk(others, roots).up((leaf,), None)


class _Walk:
    def __init__(self, others: Sequence[x509.Certificate], roots: Sequence[x509.Certificate] | None) -> None:
        self._roots = _by_subject(roots or ())
        self._others = _by_subject(others)
        self._steps = 0

    def up(self, chain: tuple[x509.Certificate, ...], broken_by: Link | None) -> Iterator[Path]:
        self._steps += 1
        top = chain[-1]
        if is_self_signed(top):
            yield Path(chain[:-1] or chain, top, broken_by=broken_by)
            return
        if top in self._roots.get(canonical_name(top.subject), ()):
            yield Path(chain, top, broken_by=broken_by)
        issuers = canonical_name(top.issuer)
        for root in self._roots.get(issuers, ()):
            if link(top, root).holds:
                yield Path(chain, root, broken_by=broken_by)
        above, broken = self._above(chain)
        yield Path(chain, None, stops_short=bool(above), broken_by=broken_by)
        if len(chain) > MAXIMUM_DEPTH:
            return
        for issuer in above:
            if self._steps < MAXIMUM_STEPS:
                yield from self.up((*chain, issuer), broken_by or broken)

    def _above(self, chain: tuple[x509.Certificate, ...]) -> tuple[list[x509.Certificate], Link | None]:
        """The certificates that issued the last of `chain`; where none did, those that bear its issuer's
        name, and what is wrong with them.
        """
        named: dict[Link, list[x509.Certificate]] = {}
        passed = set(map(identity, chain))
        for one in self._others.get(canonical_name(chain[-1].issuer), ()):
            if identity(one) not in passed:
                named.setdefault(link(chain[-1], one), []).append(one)
        true = [*named.get(Link.VERIFIED, ()), *named.get(Link.UNVERIFIABLE, ())]
        if true or not named or self._is_rooted(chain[-1]):
            return true, None
        worst = Link.FORGED if Link.FORGED in named else Link.DISOWNED
        return named[worst][:1], worst

    def _is_rooted(self, certificate: x509.Certificate) -> bool:
        known = self._roots.get(canonical_name(certificate.issuer), ())
        return any(link(certificate, root).holds for root in known)


def _by_subject(certificates: Sequence[x509.Certificate]) -> dict[object, list[x509.Certificate]]:
    """`certificates` by the name that they bear, the one that lasts longest first."""
    found: dict[object, list[x509.Certificate]] = {}
    for one in sorted(dict.fromkeys(certificates), key=longest_first):
        found.setdefault(canonical_name(one.subject), []).append(one)
    return found


@lru_cache(maxsize=4096)
def longest_first(certificate: x509.Certificate) -> tuple[float, float, bytes]:
    """A key to sort by, the same whatever the order in which certificates were given: the one that ends last
    first, of two the one that was issued later.
    """
    return (
        -certificate.not_valid_after_utc.timestamp(),
        -certificate.not_valid_before_utc.timestamp(),
        certificate.fingerprint(hashes.SHA256()),
    )
