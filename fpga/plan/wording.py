"""The wording that the terminal and the comment on a pull request share: the summary, and facts as rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from fpga.plan.model import Certificate, Change, Difference, Plan, RecordSet, Value
from infra import catalogue

Row = tuple[str, str, str]
"""A property, before, after."""

SECRET_CHANGED: Final = "changed (secret)"  # noqa: S105 - what stands in a secret's place
NOT_SET: Final = "not set"
NONE: Final = "none"
_NUMBERS: Final = {"replicas": "replicas", "max_replicas": "replicas at most"}
AT_APPLY: Final = "issued at apply"


def todo(plan: Plan) -> str:
    """The work of an update: `2 to update, 1 to replace`; empty: nothing."""
    counts = [f"{number} to {operation}" for operation, number in plan.counts.items()]
    if not counts and plan.outputs:
        return f"outputs alone: {', '.join(plan.outputs)}"
    return ", ".join(counts)


def summary(plan: Plan) -> str:
    """One line, such as `dev: 2 to update, 1 to replace, 15 unchanged`."""
    parts = [todo(plan)] if not plan.does_nothing else []
    if not plan.succeeded:
        stops = sum(finding.stops for finding in plan.policy)
        parts = ["the preview failed"]
        if plan.errors:
            parts.append(_number(len(plan.errors), "error"))
        if stops:
            parts.append(_number(stops, "policy violation"))
        return f"{plan.stack}: {', '.join(parts)}"
    if plan.drift:
        parts.append(f"{len(plan.drift)} drifted")
    return f"{plan.stack}: {', '.join([*(parts or ['no changes']), f'{plan.unchanged} unchanged'])}"


def told_parts(plan: Plan) -> list[tuple[str, Plan]]:
    """The parts of a plan that have something to tell, each with its name: what services share first."""
    return [(name, part) for name, part in plan.parts() if part.changes or part.drift]


def part_title(name: str) -> str:
    """The heading of a part of the plan of several services."""
    return f"service {name}" if name else "shared by the services"


def part_summary(part: Plan) -> str:
    """A part of a plan in a few words: `2 to update, 1 to replace, 1 drifted`."""
    counts = [f"{number} to {operation}" for operation, number in part.counts.items()]
    return ", ".join([*counts, *([f"{len(part.drift)} drifted"] if part.drift else [])])


def noticed(part: Plan) -> str:
    """The things that callers of a service notice: `certificate, keys, DNS`; empty: none."""
    told = {
        "certificate": certificate_rows(part) or certificate_notes(part),
        "keys": part.keys is not None,
        "DNS": part.records,
    }
    return ", ".join(name for name, there in told.items() if there)


def folded(plan: Plan) -> str:
    """The services of which nothing is told, as one line; empty: there are none, or nobody knows."""
    told = {name for name, _ in told_parts(plan)}
    count = sum(one.name not in told for one in plan.services)
    return f"{_number(count, 'service')} unchanged" if count and plan.succeeded else ""


def reason(change: Change) -> str:
    """The reason why a resource changes, in a few words."""
    if change.reasons:
        return " ".join(change.reasons)
    if change.operation in ("create", "import", "delete"):
        return ""
    paths = change.replaced_by or tuple(dict.fromkeys(_top(one.path) for one in change.differences))
    numbers = {one.path: _told_number(one) for one in change.differences if one.path in _NUMBERS}
    if numbers and not change.replaced_by and change.type == catalogue.SERVICE.token:
        told = ", ".join(numbers.values())
        rest = replace(
            change, differences=tuple(one for one in change.differences if one.path not in numbers)
        )
        return f"{told}; {reason(rest)}" if rest.differences else told
    said = "changes" if len(paths) == 1 else "change"
    if not change.replaced_by and all(_is_secret(one) for one in change.differences):
        return f"{_listed(paths)} {said} (secret)" if paths else ""
    order = ", and it is deleted first" if change.deleted_first else ""
    return f"{_listed(paths)} {said}{order}"


def _told_number(difference: Difference) -> str:
    """A number of replicas before and after: `replicas 1 -> 3`, `replicas at most 3 -> 5`."""
    before, after = (_value(side) for side in (difference.before, difference.after))
    return f"{_NUMBERS[difference.path]} {before} -> {after}"


def sides(difference: Difference) -> tuple[str, str]:
    """A property's values before and after."""
    if difference.before is not None and difference.after is not None and _is_secret(difference):
        return ("", SECRET_CHANGED)
    return _value(difference.before), _value(difference.after)


def certificate_rows(plan: Plan) -> list[Row]:
    """The certificate before and after, where it changes."""
    told = plan.certificate
    if told is None or not told.changes:
        return []
    rows = [
        (name, before, after)
        for (name, before), (_, after) in zip(
            _certificate(told.before), _certificate(told.after), strict=True
        )
        if before or after
    ]
    if plan.ssl[0] != plan.ssl[1]:
        before, after = plan.ssl
        rows.insert(0, ("SSL", _switch(before), _switch(after)))
    return rows


def certificate_notes(plan: Plan) -> list[str]:
    """The notes on the certificate that callers need."""
    told, notes = plan.certificate, []
    if told is not None and told.root_changes:
        notes.append("Callers need the new root certificate: rootCertificate in the stack's outputs.")
    if plan.ssl == (True, False):
        notes.append("SSL is turned off: anyone who reaches the service may call it, without a key.")
    if plan.ssl == (False, True):
        notes.append("SSL is turned on: callers need TLS and a key from then on.")
    return notes


def key_rows(plan: Plan) -> list[Row]:
    """Generations of the keys before and after."""
    if plan.keys is None:
        return []
    before, after = plan.keys.before, plan.keys.after
    return [
        (
            f"{name} key",
            f"generation {before[index]}" if before else NONE,
            _generation(plan, index),
        )
        for index, name in enumerate(("primary", "secondary"))
        if before or after
    ]


def record_rows(plan: Plan) -> list[Row]:
    """The DNS record sets that change."""
    return [
        (_record_name(change.before or change.after), _record(change.before), _record(change.after))
        for change in plan.records
    ]


def policy_level(enforcement: str) -> str:
    """`refused`, or the level itself where it refuses nothing."""
    return "refused" if enforcement == "mandatory" else enforcement


def _number(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _listed(words: tuple[str, ...]) -> str:
    return " and ".join([*([", ".join(words[:-1])] if words[1:] else []), *words[-1:]])


def _top(path: str) -> str:
    return path.split("[")[0]


def _is_secret(difference: Difference) -> bool:
    return "secret" in {value.kind for value in (difference.before, difference.after) if value}


def _value(value: Value | None) -> str:
    return NOT_SET if value is None else value.text


def _switch(on: bool | None) -> str:
    return NONE if on is None else "on" if on else "off"


def _certificate(told: Certificate | None) -> Iterator[tuple[str, str]]:
    if told is None:
        yield from ((name, "") for name in ("names", "issuer", "source", "serial", "SHA-256"))
        yield from ((name, "") for name in ("private key", "valid from", "valid until", "days left"))
        return
    later = AT_APPLY if told.issued_at_apply else ""
    yield "names", ", ".join(told.names)
    yield "issuer", told.issuer or later
    yield "source", told.source
    yield "serial", told.serial_number or later
    yield "SHA-256", told.fingerprint_sha256 or later
    yield "private key", f"for public key {told.public_key_sha256[:16]}…" if told.public_key_sha256 else later
    yield "valid from", told.not_before or later
    yield "valid until", told.not_after or later
    yield "days left", later if told.days_left is None else str(told.days_left)


def _generation(plan: Plan, index: int) -> str:
    keys = plan.keys
    if keys is None or keys.after is None:
        return NONE
    ended = any(one.operation == "replace" for one in plan.changes if one.type == catalogue.KEYS.token)
    renewed = keys.before is not None and (ended or keys.after[index] > keys.before[index])
    goes_on = keys.before is not None and not renewed
    return f"generation {keys.after[index]}" + (", new" if renewed else ", goes on" if goes_on else "")


def _record_name(record: RecordSet | None) -> str:
    return f"{record.type} {record.name}" if record else ""


def _record(record: RecordSet | None) -> str:
    if record is None:
        return NONE
    return f"{', '.join(record.values)} (TTL {record.ttl_s} s)"
