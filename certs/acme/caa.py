"""CAA records (RFC 8659): who may issue for a name, read as an authority reads them. No I/O.

What a record adds for one account or one kind of proof (RFC 8657) is left to the authority to judge.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from certs.findings import printable

CRITICAL = 0x80
"""The flag of a property that an authority must understand (RFC 8659, 4.1)."""
# those of IANA's registry: whether an authority understands one of them is its own affair
_KNOWN_TAGS = frozenset(
    {"issue", "issuewild", "issuemail", "issuevmc", "iodef", "contactemail", "contactphone"}
)
_LABEL = r"[A-Za-z0-9](?:-*[A-Za-z0-9])*"
_PARAMETER = rf"{_LABEL}[ \t]*+=[ \t]*+[!-:<-~]*"
# issue-value of RFC 8659, 4.2
_VALUE = re.compile(
    rf"[ \t]*+(?P<issuer>{_LABEL}(?:\.{_LABEL})*)?[ \t]*+"
    rf"(?:;[ \t]*+(?:{_PARAMETER}[ \t]*+(?:;[ \t]*+{_PARAMETER}[ \t]*+)*)?)?"
)


@dataclass(frozen=True)
class Property:
    """A CAA record: flags (0 to 255), tag (letters and digits, any case), value."""

    flags: int
    tag: str
    value: str


@dataclass(frozen=True)
class RelevantSet:
    """The records that count for a name, and where they are; none: anyone may issue."""

    at: str
    properties: tuple[Property, ...]


class Unanswered(Exception):
    """A lookup that tells nothing: nobody could be asked about the name."""


def relevant_set(name: str, look_up: Callable[[str], Sequence[Property]]) -> RelevantSet:
    """Climbs from the name to the top, and stops where there are records (RFC 8659, 3).

    Args:
        name: in A-labels; a wildcard is looked up below which it is.
        look_up: the CAA records of a name, aliases followed; none: empty. Where it raises
            `Unanswered` the climb ends: the authority sees for itself.
    """
    labels = name.removeprefix("*.").split(".")
    try:
        for depth in range(len(labels)):
            at = ".".join(labels[depth:])
            found = tuple(look_up(at))
            if found:
                return RelevantSet(at, found)
    except Unanswered:
        pass
    return RelevantSet("", ())


def issuer_of(value: str) -> str:
    """The authority that the value of an `issue` property names, in lower case; empty: none at all.

    A value that is not written as RFC 8659, 4.2 has it names none.
    """
    read = _VALUE.fullmatch(value)
    return (read["issuer"] or "").lower() if read else ""


def refusal(properties: Sequence[Property], identities: Sequence[str], *, wildcard: bool) -> str | None:
    """The reason why an authority with these names (`caaIdentities` of RFC 8555, 7.1.1) may not issue; None:
    it may.

    The text goes on from "CAA records at …".
    """
    for one in properties:
        if one.flags & CRITICAL and one.tag.lower() not in _KNOWN_TAGS:
            return f"have the critical tag {printable(one.tag)!r}, which authorities do not know"
    tags = ["issue"]
    if wildcard and any(one.tag.lower() == "issuewild" for one in properties):
        tags = ["issuewild"]
    governing = [one for one in properties if one.tag.lower() in tags]
    if not governing:
        return None
    permitted = sorted({issuer_of(one.value) for one in governing} - {""})
    if {identity.lower().rstrip(".") for identity in identities} & set(permitted):
        return None
    return f"let {' and '.join(map(printable, permitted)) or 'nobody'} issue ({tags[0]})"
