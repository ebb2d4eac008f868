"""The records of a record set: what Resource Manager takes, by type, with the keys of Azure's API. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.arm.checks import object_of
from localcloud.dns.record_types import MAX_TTL, TYPES, RecordType, number_problem
from localcloud.dns.records import rdatas_of
from localcloud.errors import CloudError

MAX_RECORDS = 20
MAX_SET_BYTES = 64 * 1024 - 1024
"""A message of DNS has 65535 bytes, also over TCP; some are for its header and the question."""
_OTHER_BYTES_OF_A_RECORD = 12  # RFC 1035, 3.2.1: a compressed name, type, class, TTL and length
_OF_EVERY_TYPE = ("TTL", "metadata", "targetResource")


def parse_properties(kind_name: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of a record set as they are kept: `TTL`, `metadata` and the records, as far as given.

    Keys are taken in any case and kept in Azure's. An empty set is allowed: it answers nothing.

    Raises:
        CloudError: 400 BadRequest, naming the property and what it should be.
    """
    known = {key.lower(): key for key in (*_OF_EVERY_TYPE, *(one.property for one in TYPES.values()))}
    given = {
        known[key.lower()]: value
        for key, value in object_of(body, "properties").items()
        if key.lower() in known and value is not None
    }
    kind = TYPES[kind_name]
    for key, value in given.items():
        if value and key not in (*_OF_EVERY_TYPE, kind.property):
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
    kind = TYPES[kind_name]
    empty: dict[str, Any] = {} if kind.single else {kind.property: []}
    return empty | dict(properties)


def _ttl(value: Any) -> int:
    problem = number_problem(value, MAX_TTL, least=1)
    if problem is not None:
        raise _bad(f"The property 'TTL' has the value {value!r}: {problem}.")
    return int(value)


def _metadata(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise _bad("The property 'metadata' must be an object whose values are strings.")
    return value


def _records(kind_name: str, kind: RecordType, value: Any) -> Any:
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
    size = sum(
        _OTHER_BYTES_OF_A_RECORD + len(rdata.to_wire() or b"") for rdata in rdatas_of(kind_name, records)
    )
    if size > MAX_SET_BYTES:
        raise _bad(
            f"The record set of type {kind_name} takes {size} bytes in an answer, of which at most "
            f"{MAX_SET_BYTES} fit: give fewer records, or shorter ones."
        )
    return records


def _record(kind: RecordType, value: Any, where: str) -> dict[str, Any]:
    names = ", ".join(field.name for field in kind.fields)
    if not isinstance(value, dict):
        raise _bad(f"'{where}' must be an object with {names}.")
    by_name = {key.lower(): item for key, item in value.items()}
    record: dict[str, Any] = {}
    for field in kind.fields:
        if kind.single and field.name.lower() not in by_name:
            continue  # of a SOA record, what is not given stays
        item = by_name.get(field.name.lower())
        problem = field.problem(item)
        if problem is not None:
            raise _bad(f"'{where}.{field.name}' has the value {item!r:.300}: {problem}.")
        record[field.name] = int(item) if isinstance(item, float) else item
    if not record:
        raise _bad(f"'{where}' must have {names}.")
    return record


def _bad(message: str) -> CloudError:
    return CloudError(400, "BadRequest", message)
