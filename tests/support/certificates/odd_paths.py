"""Files from which more than one way leads up: what is sent is the one that is good, wherever it stands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any

from cryptography import x509
from cryptography.x509 import AuthorityKeyIdentifier, SubjectKeyIdentifier

from tests.support.certificates.forge import (
    FAR,
    Made,
    authority,
    chain,
    intermediate,
    key,
    leaf,
    make,
    rewritten,
    root,
)
from tests.support.certificates.odd_bundles import GOOD, KEY, Case, Texts

_DAY = timedelta(days=1)


@cache
def old_root() -> Made:
    return authority("Old Root", None, key("P-256", 90))


def cross_signed(now: datetime, *, expired: bool) -> Made:
    """The root's name and key, certified by an older root."""
    end = now - 30 * _DAY if expired else FAR
    return authority("Test Root 0", old_root(), root().key, end=end)


def _whole(text: bytes) -> Texts:
    return text, KEY


def old_intermediate(now: datetime) -> Made:
    return authority("Test Intermediate 0", root(), intermediate().key, end=now - 30 * _DAY)


def other_key() -> Made:
    """The intermediate as it was before it had its key of today."""
    return authority("Test Intermediate 0", root(), key("P-256", 91))


def mended(now: datetime) -> list[Case]:
    """Files of which what is sent is CHAIN, to callers who hold the root."""
    cross, old = cross_signed(now, expired=True), old_intermediate(now)
    given = {
        "expired cross-sign": chain(GOOD, intermediate(), cross),
        "expired cross-sign first": chain(cross, GOOD, intermediate()),
        "renewed intermediate, then the old one": chain(GOOD, intermediate(), old),
        "old intermediate, then the renewed one": chain(GOOD, old, intermediate()),
        "intermediate with a new key, then the old one": chain(GOOD, intermediate(), other_key()),
        "intermediate with the old key, then the new one": chain(GOOD, other_key(), intermediate()),
    }
    return [
        Case(name, "chain-alternate", partial(_whole, text), ("which is not needed",), roots=(root(),))
        for name, text in given.items()
    ]


def fit(now: datetime) -> list[Case]:
    """Chains that are good as they are, though they are not like others."""
    cross = cross_signed(now, expired=False)
    short = authority("Short", root(), key("P-256", 96), basic=(True, 0))
    again = authority("Short", short, key("P-256", 97), basic=(True, 0))
    ways: dict[str, tuple[Callable[[], Texts], tuple[Made, ...]]] = {
        "cross-signed, older root held": (below(intermediate(), cross), (old_root(),)),
        "cross-signed, both roots held": (below(intermediate(), cross), (root(), old_root())),
        "identified by key, issuer and serial number": (
            below(identified(), extensions=[by(b"i", identified())]),
            (identified_root(),),
        ),
        "issued to itself for a new key": (below(again, short), (root(),)),
        "intermediate held as a root": (below(intermediate(), key=key("P-256", 98)), (intermediate(),)),
        "expired root beside the one in force, each identified": (
            below(identified(), extensions=[by(b"i", identified())]),
            (expired_root(now, b"old"), identified_root()),
        ),
    }
    return [Case(name, "", texts, (), roots=roots) for name, (texts, roots) in ways.items()]


def refused(now: datetime) -> list[Case]:
    """Chains that no client follows to the end."""
    ring = authority("Ring A", None, key("P-256", 100))
    other = authority("Ring B", ring, key("P-256", 101))
    ring = authority("Ring A", other, key("P-256", 100))
    return [
        Case(
            "authority key identifier of another",
            "chain-identifier-mismatch",
            below(identified(), extensions=[by(b"x", identified())]),
            ("'Identified'", "authority key identifier names"),
            roots=(identified_root(),),
        ),
        Case(
            "root with another identifier",
            "chain-untrusted",
            below(identified(), extensions=[by(b"i", identified())]),
            ("not signed by the root 'Identified Root'", "authority key identifier"),
            roots=(expired_root(now, b"old"),),
        ),
        Case(
            "issued to itself, not told apart",
            "authority-taken-for-root",
            below(
                authority("Test Intermediate 0", intermediate(), key("P-256", 97), identifiers=False),
                intermediate(),
            ),
            ("authority 'Test Intermediate 0'", "take it for a root"),
            roots=(root(),),
        ),
        Case(
            "ring of authorities",
            "chain-incomplete",
            below(other, ring),
            ("which issued 'Ring A'",),
            roots=(root(),),
        ),
        Case(
            "every root of the name may fail",
            "roots-ambiguous",
            below(cross_signed(now, expired=False), key=key("P-256", 99)),
            ("always go up to", "bears the name of 'Test Root 0', and is not valid now"),
            roots=(authority("Test Root 0", None, root().key, end=now - _DAY), old_root()),
        ),
    ]


def warned(now: datetime) -> list[Case]:
    """Chains that some clients do not follow, for the roots that they hold."""
    bare = make("Root of version 1", None, key("P-256", 92), basic=None, identifiers=False)
    first_version = rewritten(bare, bare, first_version=True)
    return [
        Case(
            "root of version 1",
            "strict-callers-refuse",
            below(authority("Below version 1", first_version, key("P-256", 93))),
            ("authority 'Root of version 1'",),
            roots=(first_version,),
        ),
        Case(
            "expired root beside the one in force",
            "roots-ambiguous",
            below(intermediate(), key=key("P-256", 99)),
            ("may go up to", "bears the name of 'Test Root 0', and is not valid now", "in force"),
            roots=(root(), authority("Test Root 0", None, root().key, end=now - _DAY)),
        ),
    ]


def identified_root() -> Made:
    return _identified_root(FAR, b"r")


def expired_root(now: datetime, identifier: bytes) -> Made:
    return _identified_root(now - _DAY, identifier)


@cache
def _identified_root(end: datetime, identifier: bytes) -> Made:
    own = called(identifier)
    return authority("Identified Root", None, key("P-256", 94), extensions=[own], end=end)


@cache
def identified() -> Made:
    """An intermediate that knows its root by all that an authority key identifier holds."""
    extensions = [called(b"i"), by(b"r", identified_root())]
    return authority("Identified", identified_root(), key("P-256", 95), extensions=extensions)


def called(identifier: bytes) -> tuple[x509.ExtensionType, bool]:
    """The subject key identifier of an authority."""
    return SubjectKeyIdentifier(identifier), False


def by(identifier: bytes, issuer: Made) -> tuple[x509.ExtensionType, bool]:
    """The authority key identifier of what `issuer` issued."""
    names = [x509.DirectoryName(issuer.certificate.issuer)]
    return AuthorityKeyIdentifier(identifier, names, issuer.certificate.serial_number), False


def below(*above: Made, **changes: Any) -> Callable[[], Texts]:
    """A leaf of the first of `above`, and all of them."""

    def texts() -> Texts:
        made = leaf(above[0], **changes)
        return chain(made, *above), made.key_pem

    return texts
