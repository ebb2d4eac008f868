"""The judgement of a chain and key for a service under one name, at one time: every rule is asked.

The rules are in `certs.rules`; those about the form of the text are in `certs.pem` and `certs.reading`. An
error here is what a caller's handshake would fail on, or what the service cannot be given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from cryptography import x509

from certs.bundle import Bundle, Reading
from certs.chain import name_of
from certs.errors import DomainNameError, RefusedError, unreadable
from certs.findings import Finding, error, errors_in, sort
from certs.keys import belongs_to, kind, kind_of
from certs.names import to_ascii
from certs.rules import algorithms, encoding, trust, usage, validity
from certs.rules.names import check_more_names, check_names
from certs.rules.path import check_path
from certs.rules.strict import check_strict

DEFAULT_MINIMUM_DAYS = 1
"""Days that a certificate must have left. One, for there are public certificates that live 160 hours."""


@dataclass(frozen=True)
class Checked:
    """A chain and key that are fit, and what a person should still know: warnings, and what was mended.

    There is none without a bundle, and none with an error: fit is what was read and judged, never what is
    left when nothing was said.

    Attributes:
        reading: has the chain that was judged.
    """

    reading: Reading
    findings: tuple[Finding, ...]

    def __post_init__(self) -> None:
        if errors_in(self.findings):
            raise ValueError("what has an error is not fit")
        self.reading.bundle()

    @property
    def bundle(self) -> Bundle:
        """The chain and key."""
        return self.reading.bundle()


@dataclass(frozen=True)
class Unfit:
    """A chain and key that the service must not be given, and why.

    Attributes:
        reading: has the chain that was judged, as far as there is one.
    """

    reading: Reading
    findings: tuple[Finding, ...]

    @property
    def is_read(self) -> bool:
        """Whether the chain and key were read, and are refused."""
        return self.reading.is_read()


def judge(
    subject: Bundle | Reading,
    fqdn: str,
    now: datetime,
    roots: Sequence[x509.Certificate] | None = None,
    minimum_days: int = DEFAULT_MINIMUM_DAYS,
    likely_roots: Callable[[], Sequence[x509.Certificate]] | None = None,
    also: Sequence[str] = (),
) -> Checked | Unfit:
    """The verdict on `subject` for a service named `fqdn` at `now` (with a time zone), with all that is to be
    said.

    Nothing is raised for what a file holds. Errors come first, then warnings, then what was mended.

    Args:
        roots: those that callers hold; None: not known, then the last link is not asked for.
        minimum_days: how long the certificate must still be valid.
        likely_roots: gives those that callers are likely to hold, such as this machine's. They are asked for
            where `roots` are not known and the chain is refused: what leads from one of them to an older
            root, and has expired, can then be left out.
        also: more names that callers use; one may be a wildcard, which only the same one covers.
    """
    names = (fqdn, *also)
    judged = _judge(subject, names, now, roots, minimum_days)
    if (
        isinstance(judged, Unfit)
        and judged.is_read
        and roots is None
        and likely_roots
        and (likely := likely_roots())
    ):
        again = _judge(subject, names, now, likely, minimum_days)
        return again if isinstance(again, Checked) else judged
    return judged


def _judge(
    subject: Bundle | Reading,
    names: Sequence[str],
    now: datetime,
    roots: Sequence[x509.Certificate] | None,
    minimum_days: int,
) -> Checked | Unfit:
    reading = _arranged(subject, roots, now)
    findings = tuple(_findings(reading, names, now, roots, minimum_days))
    if not reading.is_read() or errors_in(findings):
        return Unfit(reading, findings)
    return Checked(reading, findings)


def _findings(
    reading: Reading,
    names: Sequence[str],
    now: datetime,
    roots: Sequence[x509.Certificate] | None,
    minimum_days: int,
) -> list[Finding]:
    found = [*reading.findings, *reading.absences(), *_check_all(reading, names, now, roots, minimum_days)]
    if reading.chain and roots and not errors_in(found):
        found += trust.check_choice(reading.chain, roots, reading.certificate_origin.label, now)
    return sort(found)


def require(
    subject: Bundle | Reading,
    fqdn: str,
    now: datetime,
    roots: Sequence[x509.Certificate] | None = None,
    minimum_days: int = DEFAULT_MINIMUM_DAYS,
    likely_roots: Callable[[], Sequence[x509.Certificate]] | None = None,
    also: Sequence[str] = (),
) -> Checked:
    """The bundle of `subject` if it is fit, as `judge` finds it.

    Raises:
        certs.errors.UnreadableError: the chain or the key could not be read; with all that was found.
        certs.errors.RefusedError: they are not fit; with all that was found.
    """
    judged = judge(subject, fqdn, now, roots, minimum_days, likely_roots, also)
    if isinstance(judged, Checked):
        return judged
    raise RefusedError(judged.findings) if judged.is_read else unreadable(judged.findings)


def _check_all(
    reading: Reading,
    names: Sequence[str],
    now: datetime,
    roots: Sequence[x509.Certificate] | None,
    minimum_days: int,
) -> Iterator[Finding]:
    fqdn, *also = names
    if not reading.chain:
        yield from _check_name(fqdn)
        if reading.key is not None:
            yield from algorithms.check_private_key(reading.key, reading.key_origin.label)
        return
    leaf = reading.chain[0]
    subject = _subject(reading, leaf)
    yield from check_names(leaf, subject, fqdn)
    yield from check_more_names(leaf, subject, dict.fromkeys(name for name in also if name != fqdn))
    yield from encoding.check_encoding(leaf, subject)
    yield from validity.check_dates(leaf, subject, now)
    yield from validity.check_remaining(leaf, subject, now, minimum_days)
    yield from algorithms.check_certificate(leaf, subject, is_leaf=True, signed=True)
    yield from usage.check_leaf(leaf, subject, fqdn)
    if reading.key is not None and not belongs_to(reading.key, leaf):
        yield _mismatch(reading, leaf)
    label = reading.certificate_origin.label
    yield from trust.check_complete(reading.chain, reading.root, reading.anchor, roots, label)
    yield from check_path(reading.chain, reading.anchor, label, now)
    anchor = reading.anchor
    whole = [*reading.chain, *([] if anchor is None or anchor in reading.chain else [anchor])]
    yield from check_strict([(one, _subject(reading, one)) for one in whole], anchored=anchor is not None)
    for child, issuer in pairwise(whole):
        yield from encoding.check_spelling(child, issuer, _subject(reading, child))


def _arranged(subject: Bundle | Reading, roots: Sequence[x509.Certificate] | None, now: datetime) -> Reading:
    reading = Reading.of(subject) if isinstance(subject, Bundle) else subject
    return reading.arranged(roots, now)


def _check_name(fqdn: str) -> tuple[Finding, ...]:
    try:
        to_ascii(fqdn)
    except DomainNameError as why:
        return why.findings
    return ()


def _subject(reading: Reading, certificate: x509.Certificate) -> str:
    role = "certificate" if certificate == reading.chain[0] else "authority"
    return f"{reading.certificate_origin.label}, {role} {name_of(certificate)}"


def _mismatch(reading: Reading, leaf: x509.Certificate) -> Finding:
    assert reading.key is not None  # noqa: S101  (for the type checker: its caller asked)
    others = [other for other in reading.chain[1:] if belongs_to(reading.key, other)]
    if others:
        seen = f"It is the key of the authority {name_of(others[0])}, which should not be here at all."
    else:
        seen = f"The key is {kind(reading.key.public_key())}, the certificate's is {kind_of(leaf)}."
    return error(
        "key-mismatch",
        reading.key_origin.label,
        f"is not the key of the certificate {name_of(leaf)}. {seen}",
        "Give the key that the certificate was made for; compare: openssl pkey -in KEY -pubout, and "
        "openssl x509 -in CHAIN -noout -pubkey.",
    )
