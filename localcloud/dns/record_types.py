"""The record types: the spelling and the checks of Resource Manager, and the values of DNS. No I/O.

One entry of `TYPES` is all that a record type takes: dnspython knows its wire form.
Source: Azure DNS REST API, `RecordSetProperties`, 2018-05-01; RFC 1035, 2782, 3596, 8659.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import dns.name

from localcloud.dns.names import target_problem
from localcloud.whole_numbers import whole

MAX_TTL: Final = 2**31 - 1
MAX_TXT_STRING: Final = 255
MAX_TXT: Final = 4096
MAX_CAA_VALUE: Final = 1024


@dataclass(frozen=True)
class Field:
    """A field of a record.

    Attributes:
        name: its key in Azure's API.
        problem: tells what is wrong with a value, as the end of a sentence; None: nothing.
        rdata: turns a value into the one that dnspython's class for the type takes.
    """

    name: str
    problem: Callable[[Any], str | None]
    rdata: Callable[[Any], Any]


@dataclass(frozen=True)
class RecordType:
    """A record type.

    Attributes:
        property: the key of a record set's properties that holds its records.
        fields: of one record, in the order in which the RFC, and so dnspython's class, has them.
        single: the property holds one record, not a list.
    """

    property: str
    fields: tuple[Field, ...]
    single: bool = False

    def records(self, properties: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """The records in a record set's properties."""
        given = properties.get(self.property) or []
        return given if isinstance(given, list) else [given]

    def rdata(self, record: Mapping[str, Any]) -> tuple[Any, ...]:
        """The values of a record as dnspython's class takes them.

        Raises:
            AttributeError, KeyError, TypeError, ValueError, dns.exception.DNSException: one is absent, or
                nothing that DNS can express.
        """
        return tuple(field.rdata(record[field.name]) for field in self.fields)


def number_problem(value: Any, most: int, least: int = 0) -> str | None:
    """The problem with a number, as the end of a sentence; None: there is none."""
    number = whole(value)
    if number is not None and least <= number <= most:
        return None
    return f"a whole number from {least} to {most} is expected"


def _number(name: str, bits: int) -> Field:
    return Field(name, lambda value: number_problem(value, 2**bits - 1), int)


def _target(name: str) -> Field:
    """A field for a domain name, which is absolute, with or without its last dot."""
    return Field(name, target_problem, dns.name.from_text)


def _ipv4_problem(value: Any) -> str | None:
    try:
        ipaddress.IPv4Address(value if isinstance(value, str) else "")
    except ValueError:
        return "an IPv4 address such as 203.0.113.7 is expected"
    return None


def _ipv6_problem(value: Any) -> str | None:
    try:
        scoped = ipaddress.IPv6Address(value if isinstance(value, str) else "").scope_id
    except ValueError:
        scoped = ""
    return None if scoped is None else "an IPv6 address such as 2001:db8::7 is expected"


def _caa_tag_problem(value: Any) -> str | None:
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9]{1,15}", value):
        return None
    return "a tag of letters and digits such as 'issue' is expected"


def _caa_value_problem(value: Any) -> str | None:
    if isinstance(value, str) and len(value.encode()) <= MAX_CAA_VALUE:
        return None
    return f"a text of at most {MAX_CAA_VALUE} bytes is expected"


def _strings_problem(value: Any) -> str | None:
    if not isinstance(value, list) or not value or not all(isinstance(part, str) for part in value):
        return "an array of strings is expected"
    sizes = [len(part.encode()) for part in value]
    if max(sizes) > MAX_TXT_STRING:
        return f"a string has {max(sizes)} bytes, and at most {MAX_TXT_STRING} fit: split it into several"
    return f"a record has at most {MAX_TXT} bytes" if sum(sizes) > MAX_TXT else None


_SOA = (
    _target("host"),
    _target("email"),
    _number("serialNumber", 32),
    *(_number(name, 31) for name in ("refreshTime", "retryTime", "expireTime", "minimumTTL")),
)
_SRV = (*(_number(name, 16) for name in ("priority", "weight", "port")), _target("target"))
_CAA = (
    _number("flags", 8),
    Field("tag", _caa_tag_problem, str.encode),
    Field("value", _caa_value_problem, str.encode),
)
TYPES: Final[dict[str, RecordType]] = {
    "A": RecordType("ARecords", (Field("ipv4Address", _ipv4_problem, str),)),
    "AAAA": RecordType("AAAARecords", (Field("ipv6Address", _ipv6_problem, str),)),
    "CAA": RecordType("caaRecords", _CAA),
    "CNAME": RecordType("CNAMERecord", (_target("cname"),), single=True),
    "MX": RecordType("MXRecords", (_number("preference", 16), _target("exchange"))),
    "NS": RecordType("NSRecords", (_target("nsdname"),)),
    "PTR": RecordType("PTRRecords", (_target("ptrdname"),)),
    "SOA": RecordType("SOARecord", _SOA, single=True),
    "SRV": RecordType("SRVRecords", _SRV),
    "TXT": RecordType(
        "TXTRecords",
        (Field("value", _strings_problem, lambda value: [part.encode() for part in value]),),
    ),
}
