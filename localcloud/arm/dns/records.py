"""The records of a record set: what Resource Manager takes, by type, with the keys of Azure's API. Pure.

Source: Azure DNS REST API, `RecordSetProperties`, 2018-05-01; RFC 1035, 2782, 3596, 8659.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.arm.checks import object_of
from localcloud.arm.dns.names import target_problem
from localcloud.errors import CloudError

MAX_TTL = 2**31 - 1
MAX_RECORDS = 20
MAX_TXT_STRING = 255
MAX_TXT = 4096
MAX_CAA_VALUE = 1024

Check = Callable[[Any], str | None]
"""What is wrong with a field's value, as the end of a sentence; None: nothing."""


@dataclass(frozen=True)
class RecordKind:
    """A record type: the property that holds its records, and the fields of one.

    `single`: the property holds one record, not a list.
    """

    property: str
    fields: Mapping[str, Check]
    single: bool = False


def _ipv4(value: Any) -> str | None:
    try:
        ipaddress.IPv4Address(value if isinstance(value, str) else "")
    except ValueError:
        return "an IPv4 address such as 203.0.113.7 is expected"
    return None


def _ipv6(value: Any) -> str | None:
    try:
        scoped = ipaddress.IPv6Address(value if isinstance(value, str) else "").scope_id
    except ValueError:
        scoped = ""
    return None if scoped is None else "an IPv6 address such as 2001:db8::7 is expected"


def _number(most: int) -> Check:
    def check(value: Any) -> str | None:
        whole = type(value) is int or (isinstance(value, float) and value.is_integer())
        return None if whole and 0 <= value <= most else f"a whole number from 0 to {most} is expected"

    return check


def _caa_tag(value: Any) -> str | None:
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9]{1,15}", value):
        return None
    return "a tag of letters and digits such as 'issue' is expected"


def _caa_value(value: Any) -> str | None:
    if isinstance(value, str) and len(value.encode()) <= MAX_CAA_VALUE:
        return None
    return f"a text of at most {MAX_CAA_VALUE} bytes is expected"


def _strings(value: Any) -> str | None:
    if not isinstance(value, list) or not value or not all(isinstance(part, str) for part in value):
        return "an array of strings is expected"
    sizes = [len(part.encode()) for part in value]
    if max(sizes) > MAX_TXT_STRING:
        return f"a string has {max(sizes)} bytes, and at most {MAX_TXT_STRING} fit: split it into several"
    return f"a record has at most {MAX_TXT} bytes" if sum(sizes) > MAX_TXT else None


_SOA_NUMBERS = ("serialNumber", "refreshTime", "retryTime", "expireTime", "minimumTTL")
KINDS = {
    "A": RecordKind("ARecords", {"ipv4Address": _ipv4}),
    "AAAA": RecordKind("AAAARecords", {"ipv6Address": _ipv6}),
    "CAA": RecordKind("caaRecords", {"flags": _number(255), "tag": _caa_tag, "value": _caa_value}),
    "CNAME": RecordKind("CNAMERecord", {"cname": target_problem}, single=True),
    "MX": RecordKind("MXRecords", {"preference": _number(65535), "exchange": target_problem}),
    "NS": RecordKind("NSRecords", {"nsdname": target_problem}),
    "PTR": RecordKind("PTRRecords", {"ptrdname": target_problem}),
    "SOA": RecordKind(
        "SOARecord",
        {"host": target_problem, "email": target_problem}
        | {name: _number(2**32 - 1 if name == "serialNumber" else MAX_TTL) for name in _SOA_NUMBERS},
        single=True,
    ),
    "SRV": RecordKind(
        "SRVRecords",
        {name: _number(65535) for name in ("priority", "weight", "port")} | {"target": target_problem},
    ),
    "TXT": RecordKind("TXTRecords", {"value": _strings}),
}
_KNOWN = {
    key.lower(): key
    for key in ("TTL", "metadata", "targetResource", *(kind.property for kind in KINDS.values()))
}


def parse_properties(kind_name: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of a record set as they are kept: `TTL`, `metadata` and the records, as far as given.

    Keys are taken in any case and kept in Azure's. An empty set is allowed: it answers nothing.

    Raises:
        CloudError: 400 BadRequest, naming the property and what it should be.
    """
    given = {
        _KNOWN[key.lower()]: value
        for key, value in object_of(body, "properties").items()
        if key.lower() in _KNOWN and value is not None
    }
    kind = KINDS[kind_name]
    for key, value in given.items():
        if value and key not in ("TTL", "metadata", "targetResource", kind.property):
            raise _bad(
                f"A record set of type {kind_name} has its records in '{kind.property}', not in '{key}'."
            )
    target = object_of(given, "targetResource")
    if target.get("id") is not None:
        raise _bad("Alias record sets ('targetResource') are not available here: give the records.")
    kept: dict[str, Any] = {}
    if "TTL" in given:
        kept["TTL"] = _ttl(given["TTL"])
    if "metadata" in given:
        kept["metadata"] = _metadata(given["metadata"])
    if kind.property in given:
        kept[kind.property] = _records(kind_name, kind, given[kind.property])
    return kept


def with_defaults(kind_name: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Properties of a set that is written whole: the TTL is required, an absent list of records is empty.

    Raises:
        CloudError: 400 BadRequest: there is no TTL.
    """
    if "TTL" not in properties:
        raise _bad(f"The property 'TTL' is required: a whole number of seconds from 1 to {MAX_TTL}.")
    kind = KINDS[kind_name]
    empty: dict[str, Any] = {} if kind.single else {kind.property: []}
    return empty | dict(properties)


def _ttl(value: Any) -> int:
    if _number(MAX_TTL)(value) or value < 1:
        raise _bad(
            f"The property 'TTL' has the value {value!r}: a whole number from 1 to {MAX_TTL} is expected."
        )
    return int(value)


def _metadata(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise _bad("The property 'metadata' must be an object whose values are strings.")
    return value


def _records(kind_name: str, kind: RecordKind, value: Any) -> Any:
    if kind.single:
        return _record(kind, value, kind.property)
    if not isinstance(value, list):
        raise _bad(f"The property '{kind.property}' must be an array of records.")
    if len(value) > MAX_RECORDS:
        raise _bad(f"The record set has {len(value)} records; at most {MAX_RECORDS} are allowed.")
    records = [_record(kind, item, f"{kind.property}[{index}]") for index, item in enumerate(value)]
    for index, record in enumerate(records):
        if record in records[:index]:
            raise _bad(f"The record set of type {kind_name} has the same record twice: {record}.")
    return records


def _record(kind: RecordKind, value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _bad(f"'{where}' must be an object with {', '.join(kind.fields)}.")
    by_name = {key.lower(): item for key, item in value.items()}
    record: dict[str, Any] = {}
    for name, check in kind.fields.items():
        if kind.single and name.lower() not in by_name:
            continue  # of a SOA record, what is not given stays
        item = by_name.get(name.lower())
        problem = check(item)
        if problem is not None:
            raise _bad(f"'{where}.{name}' has the value {item!r:.300}: {problem}.")
        record[name] = int(item) if isinstance(item, float) else item
    if not record:
        raise _bad(f"'{where}' must have {', '.join(kind.fields)}.")
    return record


def _bad(message: str) -> CloudError:
    return CloudError(400, "BadRequest", message)
