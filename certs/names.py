"""Domain names: what a fully qualified one is, and which a certificate's name covers.

Sources: RFC 1035 section 2.3.4 (lengths), RFC 1123 section 2.1 (letters, digits, hyphen), RFC 5891 (IDNA
2008), RFC 9525 section 6.3 (wildcards).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from certs.errors import DomainNameError

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_LABEL_OF_RECORD = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_MAXIMUM_NAME = 253  # octets in text; 255 on the wire with the length of the first label and the root


def to_ascii(name: str, *, of_record: bool = False) -> str:
    """The fully qualified domain name `name` in lower case and A-labels, without the final dot.

    Args:
        of_record: it is that of a record and of no host, whose labels may hold an underscore (RFC 2181, 11).

    Raises:
        DomainNameError: it is anything else: an address, a URL, a single label, a wildcard, a label that is
            too long or that IDNA 2008 does not allow.
    """
    if not name or name.isspace():
        raise DomainNameError.of(
            name, "is empty.", "Give the name that callers use, such as api.example.com."
        )
    if name != name.strip() or any(character.isspace() for character in name):
        raise DomainNameError.of(name, "holds white space.", "Remove it.")
    if "/" in name or "@" in name:
        raise DomainNameError.of(
            name, "is not a bare name.", "Give the host alone, without scheme, user and path."
        )
    if is_address(name):
        raise DomainNameError.of(
            name, "is an IP address.", "A certificate is matched by name: give a domain name."
        )
    if ":" in name:
        raise DomainNameError.of(name, "holds a port.", "Give the host alone; the port is the service's.")
    if "*" in name:
        raise DomainNameError.of(
            name, "is a wildcard.", "Give one name that callers use, such as api.example.com."
        )
    ascii_name = name.lower() if name.isascii() and "xn--" not in name.lower() else _encode_idna(name)
    ascii_name = ascii_name.removesuffix(".")
    labels = ascii_name.split(".")
    for label in labels:
        _check_label(name, label, _LABEL_OF_RECORD if of_record else _LABEL)
    if len(ascii_name) > _MAXIMUM_NAME:
        raise DomainNameError.of(
            name[:60] + "…",
            f"has {len(ascii_name)} characters; the DNS holds {_MAXIMUM_NAME} (RFC 1035).",
            "Shorten it.",
        )
    if len(labels) < 2:
        raise DomainNameError.of(
            name, "is a single label.", "Give it with its domain, such as api.example.com."
        )
    if labels[-1].isdigit():
        raise DomainNameError.of(
            name, "ends in a number, which no top-level domain is (RFC 1123).", "Correct its end."
        )
    return ascii_name


def _check_label(name: str, label: str, pattern: re.Pattern[str]) -> None:
    if not label:
        raise DomainNameError.of(name, "has an empty label.", "Remove the dot that is too many.")
    if len(label) > 63:
        raise DomainNameError.of(
            name if len(name) <= 80 else name[:60] + "…",
            f"has a label of {len(label)} characters; the DNS holds 63 (RFC 1035).",
            "Shorten that label.",
        )
    if not pattern.fullmatch(label):
        raise DomainNameError.of(
            name,
            f"has the label {label!r}; a label is of letters, digits and inner hyphens (RFC 1123).",
            "Rename it.",
        )


def _encode_idna(name: str) -> str:
    import unicodedata  # only a name beyond ASCII needs these two

    import idna

    # RFC 5895: what a person types may be in upper case and decomposed; IDNA 2008 itself takes neither.
    typed = unicodedata.normalize("NFC", name.lower())
    try:
        return idna.encode(typed).decode("ascii")
    except (idna.IDNAError, UnicodeError) as why:
        raise DomainNameError.of(
            name, f"is not allowed by IDNA 2008: {why}.", "Use another spelling."
        ) from None


def is_address(name: str) -> bool:
    """Whether `name` is an IPv4 or IPv6 address, in brackets or not."""
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def check_pattern(pattern: str) -> str:
    """The name `pattern` of a certificate, in canonical form: a domain name whose first label may be `*`.

    Raises:
        DomainNameError: it is neither, as `f*.example.com` and `a.*.example.com` are not (RFC 9525 section
            6.3); or it is a wildcard over a whole top-level domain.
    """
    if not pattern.startswith("*."):
        return to_ascii(pattern)
    below = pattern[2:].removesuffix(".")
    if "." not in below and below and "*" not in below:
        raise DomainNameError.of(
            pattern,
            "spans a whole top-level domain, which clients refuse.",
            "Name the domain: *.example.com.",
        )
    return "*." + to_ascii(below)


def matches(pattern: str, fqdn: str) -> bool:
    """Whether `pattern` out of a certificate covers `fqdn` (RFC 9525 section 6.3).

    `*` stands for the whole left-most label and for exactly one; a pattern that is not well formed covers
    nothing.
    """
    try:
        known, asked = check_pattern(pattern), to_ascii(fqdn)
    except DomainNameError:
        return False
    if not known.startswith("*."):
        return known == asked
    return asked.partition(".")[2] == known[2:]


def without_covered(names: Iterable[str]) -> list[str]:
    """The names of a certificate, each once, without those that a wildcard among them covers.

    Let's Encrypt refuses an order that has both ("redundant with a wildcard domain").
    """
    each = list(dict.fromkeys(names))
    wildcards = [name for name in each if name.startswith("*.")]
    return [name for name in each if not any(matches(wildcard, name) for wildcard in wildcards)]
