"""Rules of name constraints: the authorities of a chain may issue for the names in it (RFC 5280, 4.2.1.10).

Judged as OpenSSL and its kin judge: each constraint against all names of its form in all certificates below,
a subject being a directory name. What clients refuse to judge is refused; what some of them do, is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509.oid import ExtensionOID, NameOID

from certs.chain import canonical_name, is_self_issued, name_of
from certs.der import elements
from certs.findings import Finding, error, printable, warning
from certs.odd_certificate import decode_name, written_extensions

MAIL, DNS, DIRECTORY, URI, ADDRESS = 0x81, 0x82, 0xA4, 0x86, 0x87
"""Forms of a GeneralName (section 4.2.1.6) by their tags."""
_WORDS = {MAIL: "mail address", DNS: "DNS name", DIRECTORY: "directory name", URI: "URI", ADDRESS: "address"}
MAXIMUM_CHECKS = 1 << 20
"""Names times constraints: what BoringSSL compares at most."""
_HOST = re.compile(r"(?:(?!-)[a-z0-9-]{1,63}(?<!-)\.)*(?!\d+$|0x[0-9a-f]*$)(?!-)[a-z0-9-]{1,63}(?<!-)", re.I)
_AUTHORITY = re.compile(r"[a-z][a-z0-9+.-]*://([^/?#]+)", re.I)
_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+")
_DOMAIN = re.compile(r"[A-Za-z0-9.-]+")


class UnjudgedError(ValueError):
    """A name or a constraint of a form, or with a text, that clients cannot compare."""


@asn1.sequence
class _Subtree:
    base: asn1.TLV
    minimum: Annotated[int | None, asn1.Implicit(0)]
    maximum: Annotated[int | None, asn1.Implicit(1)]


@asn1.sequence
class _Subtrees:
    permitted: Annotated[list[_Subtree] | None, asn1.Implicit(0)]
    excluded: Annotated[list[_Subtree] | None, asn1.Implicit(1)]


@dataclass(frozen=True)
class Name:
    """A name of one form: its text, or the canonical parts of a directory's."""

    form: int
    value: object

    def __str__(self) -> str:
        what = _WORDS.get(self.form, "name of another form")
        return f"the {what} {printable(self.value)}" if isinstance(self.value, str) else f"a {what}"


@dataclass(frozen=True)
class _Constraint:
    base: Name
    is_ranged: bool
    """It has a minimum or maximum, which RFC 5280 does not let anyone use."""

    def covers(self, name: Name, *, excludes: bool) -> bool:
        """Whether `name` (of the same form) is within it.

        Raises:
            UnjudgedError: clients cannot compare them.
        """
        if self.is_ranged:
            raise UnjudgedError("constrains such names with a minimum or maximum")
        base, value = self.base.value, name.value
        if isinstance(base, tuple) and isinstance(value, tuple):
            return value[: len(base)] == base
        if not isinstance(base, str) or not isinstance(value, str):
            raise UnjudgedError("constrains names of that form")
        if name.form == DNS:
            return _covers_dns(base, value, excludes=excludes)
        return _covers_mail(base, value) if name.form == MAIL else _covers_uri(base, value)


def check_name_constraints(path: Sequence[x509.Certificate], label: str) -> Iterator[Finding]:
    """Findings about the names in `path`, the leaf first and its root, where that is known, last."""
    for place, authority in enumerate(path[1:], 1):
        try:
            permitted, excluded = _constraints(authority)
        except ValueError:
            message = "constrains names in a way that cannot be decoded, which clients refuse to judge."
            subject = f"{label}, authority {name_of(authority)}"
            yield error("name-constraints-unsupported", subject, message, "Have it issued anew.")
            continue
        if not permitted and not excluded:
            continue
        yield from _check_forms(
            authority, [*permitted, *excluded], f"{label}, authority {name_of(authority)}"
        )
        for below, certificate in enumerate(path[:place]):
            if below and is_self_issued(certificate):
                continue  # section 6.1.3 (b)
            subject = f"{label}, {'authority' if below else 'certificate'} {name_of(certificate)}"
            yield from _check(_names(certificate), permitted, excluded, subject, name_of(authority))


def _check(
    names: Sequence[Name],
    permitted: Sequence[_Constraint],
    excluded: Sequence[_Constraint],
    subject: str,
    authority: str,
) -> Iterator[Finding]:
    remedy = "Have it issued by an authority that may."
    if len(names) * (len(permitted) + len(excluded)) > MAXIMUM_CHECKS:
        message = f"has {len(names)} names, more than clients hold against the constraints of {authority}."
        yield error("name-constraints-unsupported", subject, message, remedy)
        return
    for name in names:
        try:
            problem = _problem(name, permitted, excluded)
        except UnjudgedError as why:
            message = f"has {name}, and the authority {authority} {why}, which clients refuse to judge."
            yield error("name-constraints-unsupported", subject, message, remedy)
        else:
            if problem:
                message = "is outside of the names that its authorities may issue for (name constraints): "
                yield error("name-constraints", subject, f"{message}{name} is {problem} {authority}.", remedy)


def _problem(name: Name, permitted: Sequence[_Constraint], excluded: Sequence[_Constraint]) -> str:
    allowing = [one for one in permitted if one.base.form == name.form]
    if allowing and not any(one.covers(name, excludes=False) for one in allowing):
        return "not among those permitted to"
    forbidding = [one for one in excluded if one.base.form == name.form]
    return "excluded for" if any(one.covers(name, excludes=True) for one in forbidding) else ""


def _check_forms(
    authority: x509.Certificate, constraints: Sequence[_Constraint], subject: str
) -> Iterator[Finding]:
    """Go judges four forms, and refuses an authority whose critical constraints have others."""
    is_critical = authority.extensions.get_extension_for_oid(ExtensionOID.NAME_CONSTRAINTS).critical
    others = {one.base.form for one in constraints} - {MAIL, DNS, URI, ADDRESS}
    if is_critical and others:
        forms = ", ".join(sorted(_WORDS.get(form, "another form") for form in others))
        yield warning(
            "name-constraints-unjudged",
            subject,
            f"constrains names that not every client judges ({forms}): Go refuses its chains.",
            "Have an authority issue it that constrains DNS names, addresses, mail and URIs alone.",
        )


def _constraints(authority: x509.Certificate) -> tuple[list[_Constraint], list[_Constraint]]:
    """The constraints of `authority`, permitted and excluded.

    Raises:
        ValueError: they cannot be decoded.
    """
    octets = written_extensions(authority).get(ExtensionOID.NAME_CONSTRAINTS.dotted_string)
    if octets is None:
        return [], []
    found = asn1.decode_der(_Subtrees, octets)
    permitted, excluded = (
        [
            _Constraint(
                _name(authority, one.base.tag_bytes[0], bytes(one.base.data)),
                is_ranged=one.minimum is not None or one.maximum is not None,
            )
            for one in subtrees or []
        ]
        for subtrees in (found.permitted, found.excluded)
    )
    return permitted, excluded


def _names(certificate: x509.Certificate) -> list[Name]:
    """The names in `certificate` that are constrained: its subject, mail addresses there, and the SAN."""
    names = []
    if certificate.subject.rdns:
        names.append(Name(DIRECTORY, canonical_name(certificate.subject)))
    for one in certificate.subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS):
        names.append(Name(MAIL, str(one.value)))
    octets = written_extensions(certificate).get(ExtensionOID.SUBJECT_ALTERNATIVE_NAME.dotted_string, b"")
    try:
        for _, header, element in elements(octets):
            for tag, inner, name in elements(element[header:]):
                names.append(_name(certificate, tag, name[inner:]))
    except ValueError:
        return names  # what is no name at all is refused when the certificate is read
    return names


def _name(certificate: x509.Certificate, form: int, content: bytes) -> Name:
    """The name of that form, as `certificate` writes it; without its text where none compares that form."""
    if form == DIRECTORY:
        try:
            return Name(form, canonical_name(decode_name(certificate, content)))
        except ValueError:
            return Name(form, None)
    return Name(form, content.decode("latin-1") if form in (MAIL, DNS, URI) else None)


def _covers_dns(base: str, name: str, *, excludes: bool) -> bool:
    base, name = base.lower().removesuffix("."), name.lower().removesuffix(".")
    if not base:
        return True
    if excludes and name.startswith("*.") and "." in base and base.partition(".")[2] == name[2:]:
        return True  # the wildcard stands for the name that is excluded, among others
    if base.startswith("."):
        return name.endswith(base)  # not of RFC 5280, and taken by all: names below it alone
    return name == base or name.endswith("." + base)


def _covers_mail(base: str, name: str) -> bool:
    local_part, at, domain = name.partition("@")
    if not at or not _LOCAL_PART.fullmatch(local_part) or not _DOMAIN.fullmatch(domain):
        raise UnjudgedError("constrains mail addresses")
    box, at, host = base.rpartition("@")
    if not _DOMAIN.fullmatch(host) or (at and not _LOCAL_PART.fullmatch(box)):
        raise UnjudgedError(f"constrains mail addresses by {printable(base)!r}")
    domain, host = domain.lower(), host.lower()
    if at:
        return (local_part, domain) == (box, host)
    return domain.endswith(host) if host.startswith(".") else domain == host


def _covers_uri(base: str, name: str) -> bool:
    authority = _AUTHORITY.match(name)
    host, colon, port = (authority[1] if authority else "").partition(":")
    host = host.removesuffix(".")
    if not _HOST.fullmatch(host) or (colon and not re.fullmatch(r"[0-9]*", port)):
        raise UnjudgedError("constrains the hosts of URIs")
    base = base.removesuffix(".")
    if not _HOST.fullmatch(base.removeprefix(".")):
        raise UnjudgedError(f"constrains the hosts of URIs by {printable(base)!r}")
    base, host = base.lower(), host.lower()
    return host.endswith(base) if base.startswith(".") else host == base
