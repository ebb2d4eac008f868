"""From the engine's events to a plan: pure, and the same whatever order the events came in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Final

from fpga.plan import certificate, changes, keys_and_records, messages
from fpga.plan.clouds import Clouds
from fpga.plan.events import Diagnostic, Event, PolicyViolation, Prelude, Step, Summary
from fpga.plan.model import Plan, ServicePlan
from fpga.plan.resources import Resource, gather
from fpga.stacks import service_items

_STACK: Final = "pulumi:pulumi:Stack"


def build(
    events: Iterable[Event],
    *,
    project: str,
    stack: str,
    refreshed: bool,
    now: dt.datetime,
    failure: Sequence[str] = (),
) -> Plan:
    """The plan.

    Args:
        now: the moment for the days that certificates have left (with a time zone).
        failure: what a CLI that failed has said besides its events, cleaned.
    """
    told = list(events)
    steps = [event for event in told if isinstance(event, Step)]
    config = next((event.config for event in told if isinstance(event, Prelude)), {})
    results = [event.result for event in told if isinstance(event, Summary)]
    diagnostics = [event for event in told if isinstance(event, Diagnostic)]
    resources, clouds = gather(steps), Clouds(steps, config)
    services, items = _by_service(resources), {one.name: one for one in service_items.items(config)}
    policy = messages.policy(
        (event for event in told if isinstance(event, PolicyViolation)),
        {one.urn: one.service for one in resources},
    )
    errors = messages.errors(diagnostics, policy, failure, looked=bool(steps), ended=bool(results))
    return Plan(
        project=project,
        stack=stack,
        succeeded=bool(steps) and not failure and results == ["succeeded"] and not errors,
        refreshed=refreshed,
        changes=changes.changes(resources, clouds),
        unchanged=_unchanged(resources),
        drift=changes.drift(resources, clouds),
        certificate=None if services else certificate.change(resources, resources, config, now),
        ssl=(None, None) if services else certificate.ssl(resources),
        keys=None if services else keys_and_records.keys(resources),
        records=keys_and_records.records(resources),
        policy=policy,
        warnings=messages.warnings(diagnostics),
        errors=errors,
        outputs=_outputs(steps),
        services=tuple(
            ServicePlan(
                name,
                _unchanged(own),
                certificate.change(
                    own, resources, items[name].settings(config) if name in items else config, now
                ),
                certificate.ssl(own),
                keys_and_records.keys(own),
            )
            for name, own in services.items()
        ),
    )


def _by_service(resources: Iterable[Resource]) -> dict[str, list[Resource]]:
    """The resources of each service that has a name, by name."""
    found: dict[str, list[Resource]] = {}
    for one in resources:
        if one.service:
            found.setdefault(one.service, []).append(one)
    return dict(sorted(found.items()))


def _unchanged(resources: Iterable[Resource]) -> int:
    return sum(one.operation == "same" and one.new is not None for one in resources)


def _outputs(steps: Iterable[Step]) -> tuple[str, ...]:
    """The names of the stack's that differ; the program tells of all of them when it ends."""
    ended = [step.outputs for step in steps if step.done and step.type == _STACK and step.new is not None]
    return ended[-1] if ended else ()
