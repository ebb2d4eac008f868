"""The changes of a plan, with the reasons for them, and the drift that a refresh found."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, Final

from certs import renewal
from fpga.plan.clouds import Clouds
from fpga.plan.differences import completed, differences, hidden, worded
from fpga.plan.events import State
from fpga.plan.model import Change, Drift
from fpga.plan.resources import Resource
from infra import catalogue

_SUCCEEDED: Final = "Succeeded"
_FORMAT: Final = "%Y-%m-%d %H:%M UTC"
# what the program leaves out, so that states of before see no change
_DEFAULTS: Final = {catalogue.SERVICE.token: {"replicas": 1}}
_ADDRESS: Final = ("ip", "port")


def changes(resources: Iterable[Resource], clouds: Clouds) -> tuple[Change, ...]:
    """The changes: one for each resource that does not stay as it is."""
    return tuple(_change(one, clouds) for one in resources if one.operation != "same")


def drift(resources: Iterable[Resource], clouds: Clouds) -> tuple[Drift, ...]:
    """The drift: one for each resource that a refresh found gone, or not as the state has it."""
    found = []
    for one in resources:
        if one.refreshed is None:
            continue
        before, after = one.refreshed.old, one.refreshed.new
        gone = after is None
        differing = (one.refreshed.differences if before and after else ()) or differences(
            _address(before), _address(after)
        )
        if gone or differing:
            told = () if gone else completed(differing, _DEFAULTS.get(one.type, {}))
            found.append(Drift(one.urn, one.name, one.type, gone, told, clouds.of(one), one.service))
    return tuple(found)


def _change(resource: Resource, clouds: Clouds) -> Change:
    differing, reasons = resource.differences, _reasons(resource)
    if _is_let_go(resource):
        differing = ()  # what the stack made and what it uses from now on have no inputs in common
    if not differing and not reasons and resource.operation == "update":
        # the engine masks secrets on both sides: what differs and is not seen is one of them
        differing = hidden(resource.after)
    if resource.operation in ("update", "replace"):
        differing = completed(differing, _DEFAULTS.get(resource.type, {}))
    return Change(
        urn=resource.urn,
        name=resource.name,
        type=resource.type,
        operation=resource.operation,
        differences=differing,
        reasons=tuple(reasons),
        replaced_by=resource.keys if resource.operation == "replace" else (),
        deleted_first=resource.operation == "replace" and resource.deleted_first,
        cloud=clouds.of(resource),
        service=resource.service,
    )


def _reasons(resource: Resource) -> list[str]:
    """The reasons, where it is not that an input differs."""
    outputs = resource.old.outputs if resource.old else {}
    if resource.operation == "forget":
        return ["It is let go of, and goes on in the cloud."]
    if resource.operation != "update":
        return []
    if _is_let_go(resource):
        return ["It leaves the stack, which made it, and stays in the cloud as it is: others keep it."]
    if resource.type in catalogue.ISSUING and not resource.differences:
        return _due(outputs)
    if resource.type == catalogue.SERVICE.token and outputs.get("state", _SUCCEEDED) != _SUCCEEDED:
        return [f"The service's state is {worded(outputs['state'])}: it is deployed again."]
    return []


def _is_let_go(resource: Resource) -> bool:
    """Whether the stack made what it uses as others' from now on."""
    is_existing = resource.type == catalogue.EXISTING_RESOURCE.token and resource.operation == "update"
    return is_existing and "resource_id" not in resource.before


def _due(outputs: Mapping[str, Any]) -> list[str]:
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


def _address(state: State | None) -> dict[str, Any]:
    """The outputs that a refresh reads, are no inputs, and should never change by themselves."""
    return {name: state.outputs[name] for name in _ADDRESS if name in state.outputs} if state else {}
