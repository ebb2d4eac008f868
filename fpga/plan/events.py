"""The engine's events of a preview, read line by line from `pulumi preview --json`.

With PULUMI_ENABLE_STREAMING_JSON_PREVIEW the CLI writes one JSON object a line
(https://pkg.go.dev/github.com/pulumi/pulumi/sdk/v3/go/common/apitype#EngineEvent). What is of no use here,
among it debug messages, stack traces and source positions with this machine's paths, ends here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

SEVERITIES: Final = ("warning", "error")
CUT_OFF: Final = "An event of the engine was cut off: this is not all that it told."


@dataclass(frozen=True)
class State:
    """A resource as the state has it, or as the program wants it.

    Attributes:
        inputs, outputs: properties by name; secret ones are masked, unknown ones a sentinel (`values`).
        retained: whether it goes on in the cloud when the program lets go of it.
    """

    custom: bool
    id: str
    inputs: Mapping[str, Any] = field(repr=False)
    outputs: Mapping[str, Any] = field(repr=False)
    retained: bool = False


@dataclass(frozen=True)
class Step:
    """One operation on a resource.

    Attributes:
        operation: the engine's word: `same`, `create`, `update`, `replace`, `delete-replaced`, `refresh`, …
        keys: the inputs that require a replacement.
        done: False: announced; True: it has its result, which for `refresh` is what is there now.
    """

    urn: str
    type: str
    operation: str
    old: State | None
    new: State | None
    keys: tuple[str, ...]
    done: bool

    @property
    def name(self) -> str:
        """The logical name."""
        return self.urn.rsplit("::", 1)[-1]


@dataclass(frozen=True)
class Diagnostic:
    """A warning or an error; `urn` is empty where it is about no resource."""

    severity: str
    message: str
    urn: str


@dataclass(frozen=True)
class PolicyViolation:
    """A finding of a policy pack. `enforcement` is `advisory`, `mandatory` or `remediate`."""

    pack: str
    rule: str
    enforcement: str
    message: str
    urn: str


@dataclass(frozen=True)
class Prelude:
    """The stack's configuration, as `namespace:key`; the CLI writes secret values as `[secret]`."""

    config: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class Summary:
    """The end: `result` is `succeeded`, `failed`, or `untold`."""

    result: str


Event = Step | Diagnostic | PolicyViolation | Prelude | Summary


def read(lines: Iterable[str]) -> Iterator[Event]:
    """The events in these lines, in their order; lines that are no events are passed over.

    What begins as one and cannot be read is an error: it may have been a change.
    """
    for line in lines:
        try:
            told = json.loads(line)
        except ValueError:
            if line.lstrip().startswith("{"):
                yield Diagnostic("error", CUT_OFF, "")
            continue
        if isinstance(told, dict) and (event := _event(told)) is not None:
            yield event


def _event(told: Mapping[str, Any]) -> Event | None:
    for name, reader in _READERS.items():
        if isinstance(content := told.get(name), dict):
            return reader(content)
    return None


def _announced(content: Mapping[str, Any]) -> Step:
    return _step(content["metadata"], done=False)


def _finished(content: Mapping[str, Any]) -> Step:
    return _step(content["metadata"], done=True)


def _step(metadata: Mapping[str, Any], *, done: bool) -> Step:
    return Step(
        urn=metadata["urn"],
        type=metadata["type"],
        operation=metadata["op"],
        old=_state(metadata.get("old")),
        new=_state(metadata.get("new")),
        keys=tuple(metadata.get("keys") or ()),
        done=done,
    )


def _state(told: Mapping[str, Any] | None) -> State | None:
    if told is None:
        return None
    return State(
        custom=bool(told.get("custom")),
        id=told.get("id") or "",
        inputs=told.get("inputs") or {},
        outputs=told.get("outputs") or {},
        retained=bool(told.get("retainOnDelete")),
    )


def _diagnostic(content: Mapping[str, Any]) -> Diagnostic | None:
    if content["severity"] not in SEVERITIES:
        return None
    return Diagnostic(content["severity"], content["message"], content.get("urn") or "")


def _violation(content: Mapping[str, Any]) -> PolicyViolation:
    return PolicyViolation(
        pack=content.get("policyPackName") or "",
        rule=content.get("policyName") or "",
        enforcement=content.get("enforcementLevel") or "",
        message=content.get("message") or "",
        urn=content.get("resourceUrn") or "",
    )


def _prelude(content: Mapping[str, Any]) -> Prelude:
    config = content.get("config") or {}
    return Prelude({key: value for key, value in config.items() if isinstance(value, str)})


def _summary(content: Mapping[str, Any]) -> Summary:
    return Summary(content.get("result") or "untold")


_READERS: Final = {
    "resourcePreEvent": _announced,
    "resOutputsEvent": _finished,
    "diagnosticEvent": _diagnostic,
    "policyEvent": _violation,
    "preludeEvent": _prelude,
    "summaryEvent": _summary,
}
