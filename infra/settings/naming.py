"""Names: what Azure and the DNS accept, and the names that the program derives itself.

Each `*_problem` returns None for a good name, else what is wrong with it, as the end of a sentence.
Sources: "Naming rules and restrictions for Azure resources" (groups, storage, DNS zones), RFC 8659 (CAA),
Model Management API 2018-04-01-preview (accounts, models, services); domain names are those of `certs.names`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

_GROUP = re.compile(r"[-\w.()]{0,89}[-\w()]")
_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{1,31}")
_STORAGE = re.compile(r"[a-z0-9]{3,24}")
_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_BASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,54}")
_LOGICAL = re.compile(r"[A-Za-z](?:-?[A-Za-z0-9])*")
_LOGICAL_LENGTH = 32
_CAA_PARAMETER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?=[!-:<-~]*")
_SUFFIXED = re.compile(r".+-[0-9a-f]{8}")


def resource_group_problem(name: str) -> str | None:
    if _GROUP.fullmatch(name):
        return None
    return "takes 1 to 90 letters, digits, '_', '-', '.', '(' and ')', and does not end with '.'"


def account_problem(name: str) -> str | None:
    if _ACCOUNT.fullmatch(name):
        return None
    return "takes 2 to 32 letters, digits, '-' and '_', and starts with a letter or digit"


def storage_account_problem(name: str) -> str | None:
    return None if _STORAGE.fullmatch(name) else "takes 3 to 24 lower-case letters and digits, nothing else"


def service_problem(name: str) -> str | None:
    if _SERVICE.fullmatch(name):
        return None
    return "takes 1 to 64 letters, digits, '-', '_' and '.', and starts with a letter or digit"


def logical_problem(name: str) -> str | None:
    """The problem of a logical name of a service: it is in URNs, and what physical names start with."""
    if len(name) <= _LOGICAL_LENGTH and _LOGICAL.fullmatch(name):
        return None
    return (
        f"takes 1 to {_LOGICAL_LENGTH} letters, digits and single hyphens between these, and starts with a "
        "letter"
    )


def base_problem(name: str) -> str | None:
    """The problem of the beginning of a derived name: a suffix of 9 characters follows."""
    if _BASE.fullmatch(name):
        return None
    return "takes 1 to 55 letters, digits, '-', '_' and '.', and starts with a letter or digit"


def a_labels(name: str, *, of_record: bool = False) -> str:
    """A domain name as it goes over the wire: internationalized labels as A-labels (`xn--…`), in lower case,
    without the final dot. What `certs` takes for a name of a host is taken here.

    Args:
        of_record: it is the name of a record and of no host: labels with an underscore are taken, too.

    Raises:
        ValueError: it is none; the text is the end of a sentence.
    """
    from certs.names import to_ascii

    return _in_words(lambda: to_ascii(name, of_record=of_record))


def certificate_name(name: str) -> str:
    """A name of a certificate in A-labels: that of a host, or `*.` and one.

    Raises:
        ValueError: it is none; the text is the end of a sentence.
    """
    from certs.names import check_pattern

    return _in_words(lambda: check_pattern(name))


def u_labels(name: str) -> str:
    """A domain name as people write it: A-labels as what they stand for."""
    if "xn--" not in name:
        return name
    import idna

    return idna.decode(name)


def caa_issuer_problem(issuer: str) -> str | None:
    """The value of a CAA record's property `issue` (RFC 8659, 4.2): an authority's name, parameters."""
    name, *parameters = (part.strip() for part in issuer.split(";"))
    if not issuer.isascii() or '"' in issuer:
        return "has characters that a CAA record does not take"
    try:
        a_labels(name)
    except ValueError as error:
        return f"{error} (it names a certification authority, such as letsencrypt.org)"
    for parameter in parameters:
        if parameter and not _CAA_PARAMETER.fullmatch(parameter):
            return f"has the parameter '{parameter}'; one is written as tag=value (RFC 8659, section 4.2)"
    return None


def caa_issuer(value: str) -> str:
    """The value of the property `issue` with the authority's name in lower case.

    Authorities compare it to their own, octet by octet.
    """
    name, semicolon, parameters = value.partition(";")
    return f"{name.lower()}{semicolon}{parameters}"


def is_under(name: str, zone: str) -> bool:
    """Whether a name is the zone itself, or below it; both in A-labels."""
    return name == zone or name.endswith(f".{zone}")


def relative_record_name(fqdn: str, zone: str) -> str:
    """The record set's name inside its zone; `@` stands for the zone itself."""
    return "@" if fqdn == zone else fqdn.removesuffix(f".{zone}")


def suffixed(base: str, *scope: str) -> str:
    """A physical name that is ours: `base` and a suffix that only this `scope` gives.

    Models and services carry no tags, so their names say whose they are: what bears this very name was
    made by this project, stack and logical name.
    """
    return f"{base}-{_digest(*scope)[:8]}"


def kept(name: str, before: str | None) -> str:
    """A name of our own making as it stands already: what derives it may change, as a stack's name does, and
    what bears it stays. With another base it is another one.
    """
    if before is None or not (is_suffixed(before) and is_suffixed(name)):
        return name
    if before.rpartition("-")[0] == name.rpartition("-")[0]:
        return before
    return name


def is_suffixed(name: str) -> bool:
    """Whether a physical name has the form of ours: nobody gives such a one by hand but in imitation."""
    return _SUFFIXED.fullmatch(name) is not None


def derived_storage_account(*scope: str) -> str:
    """A storage account's name, unique in all of Azure as far as 80 bits go."""
    return f"fpga{_digest(*scope)[:20]}"


def _in_words(read: Callable[[], str]) -> str:
    from certs.errors import DomainNameError

    try:
        return read()
    except DomainNameError as error:
        finding = error.findings[0]
        raise ValueError(f"{finding.message.rstrip('.')}. {finding.remedy.rstrip('.')}") from None


def _digest(*scope: str) -> str:
    return hashlib.sha256("\n".join(scope).encode()).hexdigest()
