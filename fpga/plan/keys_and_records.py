"""The keys and DNS records that change: what callers notice besides the certificate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fpga.plan.differences import worded
from fpga.plan.model import KeysChange, RecordChange, RecordSet
from fpga.plan.resources import Resource, only
from infra import catalogue

_KEYS = ("primary", "secondary")
# what a record set of each type consists of, in the names of Azure's API
_RECORDS = {
    "A": ("aRecords", "ipv4Address"),
    "AAAA": ("aaaaRecords", "ipv6Address"),
    "NS": ("nsRecords", "nsdname"),
}


def keys(resources: Sequence[Resource]) -> KeysChange | None:
    """The change of the authentication keys; None: they stay, or there are none."""
    found = only(resources, catalogue.KEYS)
    if found is None or found.operation == "same":
        return None
    before = _generations(found.before) if found.before else None
    after = _generations(found.after) if found.goes_on else None
    return KeysChange(before, after, tuple(_told_to_callers(found, before, after)))


def records(resources: Sequence[Resource]) -> tuple[RecordChange, ...]:
    """The DNS record sets that change."""
    return tuple(
        RecordChange(_record_set(one.before), _record_set(one.after), one.service)
        for one in resources
        if one.type == catalogue.RECORD_SET.token and one.operation != "same"
    )


def _generations(inputs: Mapping[str, Any]) -> tuple[int, int]:
    """A state from before there were generations has none: they are the first."""
    first, second = (inputs.get(f"{key}_generation", 1) for key in _KEYS)
    return int(first), int(second)


def _told_to_callers(
    found: Resource, before: tuple[int, int] | None, after: tuple[int, int] | None
) -> list[str]:
    where = f"serviceKeys.{found.service}." if found.service else ""
    if after is None:
        return ["The service's keys end: calls are refused from then on."]
    if before is None:
        return [
            f"The keys are new to the stack: callers need {where}primaryKey or {where}secondaryKey of its "
            "outputs, but for those of a service that is taken over, which keeps its keys."
        ]
    if found.operation != "update":
        return [
            f"Both keys end with the service that is replaced: callers need new ones, {where}primaryKey or "
            f"{where}secondaryKey of the stack's outputs, as soon as the update is done."
        ]
    told = []
    for index, key in enumerate(_KEYS):
        if after[index] > before[index]:
            other = _KEYS[1 - index]
            told.append(
                f"The {key} key is withdrawn and made anew: callers that use it need the new one, "
                f"{where}{key}Key of the stack's outputs. The {other} key goes on."
            )
    return told


def _record_set(inputs: Mapping[str, Any]) -> RecordSet | None:
    if not inputs:
        return None

    def words(value: Any) -> str:
        return worded(value).text

    kind = words(inputs.get("recordType", ""))
    name, zone = words(inputs.get("relativeRecordSetName", "@")), words(inputs.get("zoneName", ""))
    return RecordSet(
        name=zone if name == "@" else f"{name}.{zone}",
        type=kind,
        ttl_s=words(inputs.get("ttl", "")),
        values=tuple(words(one) for one in _contents(kind, inputs)),
    )


def _contents(kind: str, inputs: Mapping[str, Any]) -> list[Any]:
    if kind == "CNAME":
        return [(inputs.get("cnameRecord") or {}).get("cname", "")]
    if kind == "CAA":
        return [
            f'{one.get("flags", 0):.0f} {one.get("tag", "")} "{one.get("value", "")}"'
            for one in inputs.get("caaRecords") or []
        ]
    name, field = _RECORDS.get(kind, ("", ""))
    listed = inputs.get(name) or []
    return [one.get(field, "") for one in listed] if isinstance(listed, list) else [listed]
