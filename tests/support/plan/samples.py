"""Plans of events that the engine wrote, shortened, with the paths of a machine that is none."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fpga.plan.build import build
from fpga.plan.events import read
from fpga.plan.model import Plan
from fpga.plan.redaction import Redaction

EVENTS = Path(__file__).parent / "events"
NOW = dt.datetime(2026, 12, 1, 12, 0, tzinfo=dt.UTC)
REDACTION = Redaction(Path("/home/dev/checkout"), Path("/home/dev"))
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:abc:def"}
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
EMPTY = Plan(
    project="fpga-web-service",
    stack="dev",
    succeeded=True,
    refreshed=False,
    changes=(),
    unchanged=16,
    drift=(),
    certificate=None,
    ssl=(True, True),
    keys=None,
    records=(),
    policy=(),
    warnings=(),
    errors=(),
)
"""A plan that does nothing, for what is made by hand."""
SERVICE, RECORD = "pulumi-python:dynamic/fpga:Service", "azure-native:dns:RecordSet"


def lines(name: str) -> list[str]:
    return (EVENTS / f"{name}.jsonl").read_text().splitlines()


def plan_of(events: Iterable[str], *, now: dt.datetime = NOW, refreshed: bool = False) -> Plan:
    return build(
        read(events, REDACTION),
        project="fpga-web-service",
        stack="dev",
        refreshed=refreshed,
        now=now,
    )


def sample(name: str) -> Plan:
    return plan_of(lines(name))


def urn(type_: str, name: str) -> str:
    return f"urn:pulumi:dev::fpga-web-service::{type_}::{name}"


def step(
    operation: str,
    type_: str,
    name: str,
    old: Mapping[str, Any] | None,
    new: Mapping[str, Any] | None,
    *,
    event: str = "resourcePreEvent",
    custom: bool = True,
    outputs: Mapping[str, Any] | None = None,
    retained: bool = False,
    keys: Iterable[str] = (),
    provider: str = "",
    parent: str = "",
) -> str:
    def state(inputs: Mapping[str, Any] | None) -> dict[str, Any] | None:
        if inputs is None:
            return None
        return {
            "custom": custom,
            "id": "x",
            "inputs": dict(inputs),
            "outputs": dict(outputs or {}),
            "retainOnDelete": retained,
            "parent": parent,
        }

    metadata = {
        "op": operation,
        "urn": urn(type_, name),
        "type": type_,
        "old": state(old),
        "new": state(new),
        "keys": list(keys),
        "provider": provider and f"{provider}::some-id",
    }
    return json.dumps({event: {"metadata": metadata}})


def summary(result: str = "succeeded") -> str:
    return json.dumps({"summaryEvent": {"result": result}})


def diagnostic(severity: str, message: str, about: str = "") -> str:
    return json.dumps({"diagnosticEvent": {"severity": severity, "message": message, "urn": about}})


def violation(rule: str, enforcement: str, message: str, about: str) -> str:
    event = {
        "policyPackName": "fpga",
        "policyName": rule,
        "enforcementLevel": enforcement,
        "message": message,
        "resourceUrn": about,
    }
    return json.dumps({"policyEvent": event})
