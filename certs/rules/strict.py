"""Rules of strict callers: those of Python 3.13 and later, unless they were told otherwise.

OpenSSL's X509_V_FLAG_X509_STRICT (`check_extensions` in crypto/x509/x509_vfy.c, version 3.0) asks of a
chain what RFC 5280 section 4 asks of those who issue. gRPC, Go and OpenSSL as it comes do not: this warns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

from cryptography import x509

from certs.chain import is_self_signed
from certs.findings import Finding, warning

_T = TypeVar("_T", bound=x509.ExtensionType)


class _Found(Generic[_T]):
    """The extension of one type in a certificate; `value` is None where it has none."""

    def __init__(self, certificate: x509.Certificate, kind: type[_T]) -> None:
        self.value: _T | None = None
        self.critical = False
        try:
            found = certificate.extensions.get_extension_for_class(kind)
        except x509.ExtensionNotFound:
            return
        self.value, self.critical = found.value, found.critical


def check_strict(path: Sequence[tuple[x509.Certificate, str]], *, anchored: bool) -> Iterator[Finding]:
    """Findings about each certificate of a path that strict callers refuse.

    Args:
        path: certificates, each with what messages call it, the leaf first.
        anchored: the last one is what callers trust; else its issuer is.
    """
    leaf, _ = path[0]
    alone = len(path) == 1 and (anchored or is_self_signed(leaf))
    for position, (certificate, subject) in enumerate(path):
        is_leaf, is_last = position == 0, anchored and position == len(path) - 1
        faults = [*_usage_faults(certificate, is_leaf=is_leaf, alone=alone)]
        if not alone:
            faults += _name_faults(certificate, is_leaf=is_leaf)
            faults += _identifier_faults(certificate, is_leaf=is_leaf, is_last=is_last)
        if faults:
            yield warning(
                "strict-callers-refuse",
                subject,
                "is refused by callers that verify strictly, as Python 3.13 and later do by themselves: it "
                f"{' and '.join(fault for fault, _ in faults)}.",
                f"Have it issued anew with {', '.join(remedy for _, remedy in faults)} (in OpenSSL's words), "
                "or have those callers leave VERIFY_X509_STRICT out.",
            )


def _usage_faults(certificate: x509.Certificate, *, is_leaf: bool, alone: bool) -> Iterator[tuple[str, str]]:
    basic = _Found(certificate, x509.BasicConstraints)
    usage = _Found(certificate, x509.KeyUsage).value
    authority = basic.value is not None and basic.value.ca
    if authority and not alone:
        if not basic.critical:
            yield "has basic constraints that are not critical", "basicConstraints=critical,CA:TRUE"
        if usage is None:
            yield "is an authority without a key usage", "keyUsage=critical,keyCertSign,cRLSign"
    elif is_leaf and usage is not None and usage.key_cert_sign and (basic.value is None or not alone):
        yield "may sign certificates and is no authority", "keyUsage=critical,digitalSignature"
    elif not is_leaf and not authority:
        yield "is no authority, and issued another", "basicConstraints=critical,CA:TRUE"


def _name_faults(certificate: x509.Certificate, *, is_leaf: bool) -> Iterator[tuple[str, str]]:
    names = _Found(certificate, x509.SubjectAlternativeName)
    usage = _Found(certificate, x509.KeyUsage).value
    if not certificate.issuer.rdns:
        yield "has no name of its issuer", "the authority's name"
    if not certificate.subject.rdns:
        if not is_leaf or names.value is None or (usage is not None and usage.crl_sign):
            yield "has no name", "a subject"
        elif not names.critical:
            yield (
                "has its name in a subject alternative name alone that is not critical",
                "subjectAltName=critical,…",
            )


def _identifier_faults(
    certificate: x509.Certificate, *, is_leaf: bool, is_last: bool
) -> Iterator[tuple[str, str]]:
    issuers = _Found(certificate, x509.AuthorityKeyIdentifier).value
    if not is_last and (issuers is None or issuers.key_identifier is None):
        yield "has no authority key identifier", "authorityKeyIdentifier=keyid"
    if not is_leaf and _Found(certificate, x509.SubjectKeyIdentifier).value is None:
        yield "has no subject key identifier", "subjectKeyIdentifier=hash"
