"""Rules of usage: what a certificate may be used for, by its extensions (RFC 5280 section 4.2)."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote
from typing import TypeVar

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from certs.chain import is_authority, is_self_signed
from certs.findings import Finding, error

_T = TypeVar("_T", bound=x509.ExtensionType)

_KNOWN = {
    x509.BasicConstraints.oid,
    x509.KeyUsage.oid,
    x509.ExtendedKeyUsage.oid,
    x509.SubjectAlternativeName.oid,
    x509.NameConstraints.oid,
    x509.CertificatePolicies.oid,
    x509.PolicyConstraints.oid,
    x509.InhibitAnyPolicy.oid,
    ExtensionOID.POLICY_MAPPINGS,
}
"""Extensions that TLS clients process; any other that is marked critical makes them refuse (section 4.2)."""


def extension(certificate: x509.Certificate, kind: type[_T]) -> _T | None:
    """The extension of the type `kind` in `certificate`, if it has one."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def check_leaf(leaf: x509.Certificate, subject: str, fqdn: str) -> Iterator[Finding]:
    """Findings about what `leaf` may be used for: a TLS server, and nothing that issues certificates."""
    yield from _check_critical(leaf, subject)
    if is_authority(leaf):
        own = (
            "self-signed certificate of an authority"
            if is_self_signed(leaf)
            else "certificate of an authority"
        )
        yield error(
            "leaf-is-authority",
            subject,
            f"is the {own} (CA:TRUE), not of a server.",
            "Issue a server certificate with it; or for a self-signed one: openssl req -x509 -newkey ec "
            "-pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out chain.pem -days 90 "
            f"-subj {quote('/CN=' + fqdn)} -addext basicConstraints=critical,CA:FALSE "
            f"-addext {quote('subjectAltName=DNS:' + fqdn)}",
        )
    extended = extension(leaf, x509.ExtendedKeyUsage)
    if extended is not None and ExtendedKeyUsageOID.SERVER_AUTH not in extended:
        yield error(
            "usage-not-server",
            subject,
            f"is not for TLS servers: its extended key usage is {_names(extended)}.",
            "Have it issued anew with -addext extendedKeyUsage=serverAuth.",
        )
    usage = extension(leaf, x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        yield error(
            "usage-no-signature",
            subject,
            "may not sign handshakes: its key usage is without digitalSignature.",
            "Have it issued anew with -addext keyUsage=critical,digitalSignature.",
        )


def check_authority(
    authority: x509.Certificate, subject: str, below: int, *, is_anchor: bool
) -> Iterator[Finding]:
    """Findings about whether `authority` may issue, with `below` authorities between it and the leaf.

    Args:
        is_anchor: callers hold it as a root. Such a one of version 1, which has no extensions, is taken.
    """
    yield from _check_critical(authority, subject)
    remedy = "Put the right intermediate in, or have that authority's certificate issued anew."
    constraints = extension(authority, x509.BasicConstraints)
    if is_anchor and authority.version is x509.Version.v1:
        pass
    elif constraints is None or not constraints.ca:
        message = "issued the certificate before it, but is no authority (basicConstraints without CA:TRUE)."
        yield error("issuer-not-authority", subject, message, remedy)
    elif constraints.path_length is not None and constraints.path_length < below:
        message = (
            f"allows {constraints.path_length} authorities below it (path length), and {below} are there."
        )
        yield error("path-too-long", subject, message, remedy)
    usage = extension(authority, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        yield error(
            "issuer-may-not-sign",
            subject,
            "may not sign certificates: no keyCertSign in its key usage.",
            remedy,
        )
    extended = extension(authority, x509.ExtendedKeyUsage)
    # An authority's extended key usage narrows what it may issue for.
    # BoringSSL does not take one for any use, except in a root, whose use it leaves alone.
    allowed = {ExtendedKeyUsageOID.SERVER_AUTH}
    if is_anchor:
        allowed.add(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    if extended is not None and allowed.isdisjoint(extended):
        message = f"may not issue for TLS servers: its extended key usage is {_names(extended)}."
        yield error("issuer-usage-not-server", subject, message, remedy)


def _check_critical(certificate: x509.Certificate, subject: str) -> Iterator[Finding]:
    for found in certificate.extensions:
        if not found.critical or found.oid in _KNOWN:
            continue
        if isinstance(found.value, x509.PrecertPoison):
            message = "is a precertificate (RFC 6962), made for logs and never for use."
            yield error("precertificate", subject, message, "Use the certificate that was issued after it.")
        else:
            message = f"has the critical extension {found.oid.dotted_string}, which clients do not know."
            yield error("critical-extension-unknown", subject, message, "Have it issued anew without it.")


def _names(extended: x509.ExtendedKeyUsage) -> str:
    # The library has names for the usual ones, and nothing public that gives them.
    names = {
        value: name
        for name, value in vars(ExtendedKeyUsageOID).items()
        if isinstance(value, x509.ObjectIdentifier)
    }
    return ", ".join(names.get(usage, usage.dotted_string).lower().replace("_", " ") for usage in extended)
