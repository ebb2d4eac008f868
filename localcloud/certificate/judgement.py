"""The judgement of a chain and key that others issued, for the names by which callers reach the server.

The rules are those of `certs`, by which the program judges what a service is given. A certificate for an
address, which a private authority may issue, is judged by the same ones.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from cryptography import x509

from certs import checks
from certs.bundle import Bundle, Reading, read_roots, to_pem
from certs.chain import is_self_signed
from certs.errors import CertificateError, RefusedError, unreadable
from certs.findings import Finding, Origin, error, errors_in
from certs.names import is_address
from certs.rules.trust import anchor_of
from localcloud.certificate import trusted
from localcloud.certificate.pair import Pair

_NO_NAME: Final = "address.invalid"
_OF_NAMES: Final = {"name-not-covered", "name-common-name-only", "name-address-only", "name-missing"}


def require(
    reading: Reading, names: Sequence[str], now: datetime, roots: Sequence[x509.Certificate] | None
) -> Pair:
    """The chain and key in canonical form, if they are fit, with the roots that callers need.

    Args:
        names: DNS names and addresses of the server.
        roots: those that callers are given; None: nobody said.

    Raises:
        certs.errors.CertificateError: they are not fit; with all that was found.
    """
    known = _known(roots)
    findings: list[Finding] = []
    judged = reading
    for name in names:
        verdict = checks.judge(reading, _NO_NAME if is_address(name) else name, now, roots, 0, lambda: known)
        judged = verdict.reading
        findings += [one for one in verdict.findings if not (is_address(name) and one.code in _OF_NAMES)]
        if is_address(name) and judged.chain:
            findings += _uncovered(judged, name)
    findings = list(dict.fromkeys(findings))
    if errors_in(findings):
        raise RefusedError(findings) if judged.is_read() else unreadable(findings)
    made = _pair(judged, roots, known)
    return replace(made, notes=(*made.notes, *(str(one) for one in findings if one.severity == "warning")))


def as_it_is(reading: Reading, roots: Sequence[x509.Certificate] | None) -> Pair:
    """A chain and key that were fit once, whatever the time, with the roots that callers need.

    Raises:
        certs.errors.CertificateError: they cannot be read.
    """
    return _pair(reading, roots, _known(roots))


def roots_in(pem: str) -> tuple[x509.Certificate, ...]:
    """The roots in a text that was read already."""
    return tuple(x509.load_pem_x509_certificates(pem.encode()))


def words(why: CertificateError) -> str:
    """All that is wrong, in one line."""
    return " ".join(map(str, errors_in(why.findings)))


def _uncovered(reading: Reading, address: str) -> list[Finding]:
    leaf = reading.chain[0]
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        if ipaddress.ip_address(address) in names.get_values_for_type(x509.IPAddress):
            return []
    except x509.ExtensionNotFound:
        pass
    message = f"does not cover the address {address}, by which callers reach the server."
    remedy = "Give the DNS name that it is for as the server's name, or have it issued for the address."
    return [error("address-not-covered", reading.certificate_origin.label, message, remedy)]


def _pair(
    reading: Reading, roots: Sequence[x509.Certificate] | None, known: Sequence[x509.Certificate]
) -> Pair:
    bundle = reading.bundle()
    needed, notes = _needed_roots(reading, bundle, roots, known)
    return Pair(
        bundle.certificate_pem.encode(),
        bundle.key_pem.encode(),
        to_pem(needed).encode() if needed else None,
        tuple(notes),
    )


def _needed_roots(
    reading: Reading,
    bundle: Bundle,
    roots: Sequence[x509.Certificate] | None,
    known: Sequence[x509.Certificate],
) -> tuple[Sequence[x509.Certificate], list[str]]:
    """The roots that callers must be given, and what is to be said where nobody knows."""
    if roots is not None:
        return roots, []
    if anchor_of(bundle.chain, reading.root, known) is not None:
        return (), []
    if reading.root is not None:
        return (reading.root,), []
    if is_self_signed(bundle.leaf):
        return (bundle.leaf,), []
    return (), [
        f"{reading.certificate_origin.label}: this machine knows no root of it. If it is of a private "
        "authority, name that one's root (certificateRootsFile, acmeRootsFile), for callers need it."
    ]


def _known(roots: Sequence[x509.Certificate] | None) -> Sequence[x509.Certificate]:
    """The roots that callers know anyway, where nobody said which they are given."""
    if roots is not None:
        return ()
    return _of_this_machine()


def _of_this_machine() -> tuple[x509.Certificate, ...]:
    file = trusted.of_this_machine()
    try:
        return read_roots(file.read_bytes(), Origin("roots of this machine", str(file)))
    except (OSError, CertificateError):
        return ()
