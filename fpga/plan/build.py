"""From the engine's events to a plan: pure, and the same whatever order the events came in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any, Final

from certs import renewal
from fpga.plan import certificate
from fpga.plan import differences as values
from fpga.plan import keys_and_records as facts
from fpga.plan.events import CUT_OFF, Diagnostic, Event, PolicyViolation, Prelude, Step, Summary
from fpga.plan.model import ISSUED_BY, Change, Drift, Plan, PolicyFinding
from fpga.plan.redaction import Redaction
from fpga.plan.resources import Resource, gather

_STACK: Final = "pulumi:pulumi:Stack"
_SUCCEEDED: Final = "Succeeded"
_NOTHING: Final = "The engine told of no resource that it looked at, not even of the stack."
_NO_END: Final = "The engine did not tell how the preview ended."
_FAILED: Final = "preview failed"  # what the engine adds when the cause is told
_FORMAT: Final = "%Y-%m-%d %H:%M UTC"


def build(
    events: Iterable[Event],
    *,
    project: str,
    stack: str,
    refreshed: bool,
    now: dt.datetime,
    redaction: Redaction,
    failure: Sequence[str] = (),
) -> Plan:
    """The plan.

    Args:
        now: the moment for the days that certificates have left (with a time zone).
        failure: what a CLI that failed has said besides its events.
    """
    told = list(events)
    resources = gather(event for event in told if isinstance(event, Step))
    config = next((event.config for event in told if isinstance(event, Prelude)), {})
    results = [event.result for event in told if isinstance(event, Summary)]
    policy = _policy([event for event in told if isinstance(event, PolicyViolation)], redaction)
    warnings, errors = (
        _messages([event for event in told if isinstance(event, Diagnostic)], severity, redaction)
        for severity in ("warning", "error")
    )
    looked = any(isinstance(event, Step) for event in told)
    if not errors and not failure and not policy and not (looked and results):
        errors = [_NOTHING if results else _NO_END]
    if len(errors) > 1 or any(finding.stops for finding in policy):
        errors = [error for error in errors if error != _FAILED]
    elif errors in ([], [CUT_OFF]):
        errors += list(dict.fromkeys(redaction.clean(line) for line in failure))
    return Plan(
        project=project,
        stack=stack,
        succeeded=looked and not failure and results == ["succeeded"] and not errors,
        refreshed=refreshed,
        changes=tuple(_change(one, redaction) for one in resources if one.operation != "same"),
        unchanged=sum(one.operation == "same" and one.new is not None for one in resources),
        drift=tuple(_drift(resources, redaction)),
        certificate=certificate.change(resources, config, now, redaction),
        ssl=certificate.ssl(resources),
        keys=facts.keys(resources),
        records=facts.records(resources, redaction),
        policy=policy,
        warnings=tuple(warnings),
        errors=tuple(errors),
        outputs=_outputs([event for event in told if isinstance(event, Step)]),
    )


def _outputs(steps: Sequence[Step]) -> tuple[str, ...]:
    """The names of those that differ; the program tells of all of them when it ends."""
    ended = [step for step in steps if step.done and step.type == _STACK and step.new is not None]
    if not ended or ended[-1].new is None:
        return ()
    before = ended[-1].old.outputs if ended[-1].old else {}
    after = ended[-1].new.outputs
    return tuple(sorted(name for name in {*before, *after} if before.get(name) != after.get(name)))


def _change(resource: Resource, redaction: Redaction) -> Change:
    differences = values.differences(resource.before, resource.after, redaction)
    reasons = _reasons(resource, redaction, seen=bool(differences))
    if not differences and not reasons and resource.operation == "update":
        # the engine masks secrets on both sides: what differs and is not seen is one of them
        differences = values.hidden(resource.after)
    return Change(
        urn=resource.urn,
        name=resource.name,
        type=resource.type,
        operation=resource.operation,
        differences=differences,
        reasons=tuple(reasons),
        replaced_by=resource.keys if resource.operation == "replace" else (),
        deleted_first=resource.operation == "replace" and resource.deleted_first,
    )


def _reasons(resource: Resource, redaction: Redaction, *, seen: bool) -> list[str]:
    """Why, where it is not that an input differs."""
    outputs = resource.old.outputs if resource.old else {}
    if resource.operation == "forget":
        return ["It is let go of, and goes on in the cloud."]
    if resource.operation != "update":
        return []
    if resource.kind in ISSUED_BY and not seen:
        return _due(outputs)
    if resource.kind == "Service" and outputs.get("state", _SUCCEEDED) != _SUCCEEDED:
        state = values.worded(outputs.get("state"), redaction).text
        return [f"The service's state is {state}: it is deployed again."]
    return []


def _due(outputs: Any) -> list[str]:
    """A renewal by the dates in the state, as the providers decide it."""
    try:
        begin, end = (dt.datetime.fromisoformat(outputs[key]) for key in ("not_before", "not_after"))
        wanted = outputs.get("renew_at")
        window = dt.datetime.fromisoformat(wanted) if wanted else None
    except (KeyError, TypeError, ValueError):
        return []
    due, until = renewal.due(begin, end, window), f"it is valid until {_moment(end)}"
    if due.suggested:
        return [f"The renewal is due: its authority wants it since {_moment(due.at)} (RFC 9773); {until}."]
    return [f"The renewal is due: two thirds of its life were over on {_moment(due.at)}; {until}."]


def _moment(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime(_FORMAT)


def _drift(resources: Sequence[Resource], redaction: Redaction) -> list[Drift]:
    found = []
    for one in resources:
        if one.refreshed is None:
            continue
        before, after = one.refreshed
        gone = after is None
        differing = (
            values.differences(before.inputs, after.inputs, redaction) if before and after else ()
        ) or (values.differences(_address(before), _address(after), redaction))
        if gone or differing:
            found.append(Drift(one.urn, one.name, one.type, gone, () if gone else differing))
    return found


def _address(state: Any) -> dict[str, Any]:
    """Of what a refresh reads, the outputs that are no inputs and should never change by themselves."""
    outputs = state.outputs if state else {}
    return {name: outputs[name] for name in ("ip", "port") if name in outputs}


def _policy(found: Sequence[PolicyViolation], redaction: Redaction) -> tuple[PolicyFinding, ...]:
    findings = {
        PolicyFinding(
            pack=redaction.clean(one.pack),
            rule=redaction.clean(one.rule),
            enforcement=one.enforcement,
            name=one.urn.rsplit("::", 1)[-1],
            urn=one.urn,
            message=redaction.clean(one.message),
        )
        for one in found
    }
    weight = {"mandatory": 0, "remediate": 1}
    return tuple(
        sorted(
            findings,
            key=lambda one: (weight.get(one.enforcement, 2), one.pack, one.rule, one.urn, one.message),
        )
    )


def _messages(found: Sequence[Diagnostic], severity: str, redaction: Redaction) -> list[str]:
    """Each once, those about the program first."""
    ours = sorted(
        (bool(one.urn), one.urn, redaction.clean(one.message)) for one in found if one.severity == severity
    )
    return [message for message in dict.fromkeys(message for _, _, message in ours) if message]
