"""Rules of names: the certificate covers the one that callers use. DNS names in the SAN alone count (RFC
9525).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cryptography import x509

from certs.chain import dns_names
from certs.errors import DomainNameError
from certs.findings import Finding, error, printable, warning
from certs.names import check_pattern, matches, to_ascii

_AGAIN = "Have it issued anew with -addext 'subjectAltName=DNS:{name}' (openssl req)."


def check_names(leaf: x509.Certificate, subject: str, fqdn: str) -> Iterator[Finding]:
    """Findings about the names of `leaf`, for the name `fqdn` that callers use."""
    try:
        name = to_ascii(fqdn)
    except DomainNameError as why:
        yield from why.findings
        return
    patterns = dns_names(leaf)
    for pattern in patterns:
        try:
            check_pattern(pattern)
        except DomainNameError as why:
            shown, about = printable(pattern), why.findings[0]
            if pattern.startswith("*.") and "." not in pattern[2:]:
                yield error(
                    "wildcard-too-wide", subject, f"names {shown!r}, which {about.message}", about.remedy
                )
            else:
                yield warning("name-malformed", subject, f"names {shown!r}, which {about.message}")
    if any(matches(pattern, name) for pattern in patterns):
        return
    yield _uncovered(leaf, subject, name, patterns)


def check_more_names(leaf: x509.Certificate, subject: str, names: Iterable[str]) -> Iterator[Finding]:
    """Findings about more names that callers use; a wildcard is covered by the same one alone."""
    patterns = dns_names(leaf)
    known = {pattern.lower() for pattern in patterns}
    for written in names:
        try:
            name = check_pattern(written)
        except DomainNameError as why:
            yield from why.findings
            continue
        if name not in known and not any(matches(pattern, name) for pattern in patterns):
            yield _uncovered(leaf, subject, name, patterns)


def _uncovered(leaf: x509.Certificate, subject: str, name: str, patterns: tuple[str, ...]) -> Finding:
    again = _AGAIN.format(name=name)
    if patterns:
        seen = ", ".join(printable(pattern) for pattern in patterns[:10]) + (
            ", …" if len(patterns) > 10 else ""
        )
        message = f"does not cover {name}: it is for {seen}."
        if any(name == pattern.lower()[2:] for pattern in patterns if pattern.startswith("*.")):
            message += " A wildcard does not cover the domain itself."
        elif any(name.endswith(pattern.lower()[1:]) for pattern in patterns if pattern.startswith("*.")):
            message += " A wildcard covers one label, not more."
        return error("name-not-covered", subject, message, f"Correct the FQDN, or: {again}")
    common = [str(part.value) for part in leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    if any(matches(part, name) for part in common):
        message = f"has {name} as its common name only; clients look at the SAN alone (RFC 9525)."
        return error("name-common-name-only", subject, message, again)
    if _addresses(leaf):
        message = f"is for addresses ({', '.join(_addresses(leaf))}), not for the name {name}."
        return error("name-address-only", subject, message, again)
    return error("name-missing", subject, f"has no DNS name at all; callers use {name}.", again)


def _addresses(leaf: x509.Certificate) -> list[str]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(address) for address in names.get_values_for_type(x509.IPAddress)]
