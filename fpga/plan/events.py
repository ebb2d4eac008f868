"""The engine's events of a preview, read line by line from `pulumi preview --json`.

With PULUMI_ENABLE_STREAMING_JSON_PREVIEW the CLI writes one JSON object a line
(https://pkg.go.dev/github.com/pulumi/pulumi/sdk/v3/go/common/apitype#EngineEvent). What is of no use here,
among it debug messages, stack traces and source positions, ends here; and so does what others may not read:
an event holds no secret and no path of this machine (docs/adr/0032-a-plan-is-cleaned-where-it-is-read.md).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fpga.plan.differences import differences
from fpga.plan.model import Difference
from fpga.plan.redaction import Redaction

SEVERITIES: Final = ("warning", "error")
CUT_OFF: Final = "An event of the engine was cut off: this is not all that it told."
# how a dynamic resource finds its provider: not the program's
_ENGINE_PROPERTIES: Final = frozenset(("__provider", "__defaults"))


@dataclass(frozen=True)
class State:
    """A resource as the state has it, or as the program wants it.

    Attributes:
        inputs, outputs: properties by name; secret ones are masked, unknown ones a sentinel (`differences`).
        retained: whether it goes on in the cloud when the program lets go of it.
    """

    custom: bool
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    retained: bool = False


@dataclass(frozen=True)
class Step:
    """One operation on a resource.

    Attributes:
        operation: the engine's word: `same`, `create`, `update`, `replace`, `delete-replaced`, `refresh`, …
        keys: the inputs that require a replacement.
        differences: of the inputs; the engine itself tells none for dynamic resources.
        outputs: names of the outputs that differ.
        done: False: announced; True: it has its result, which for `refresh` is what is there now.
        provider: URN of the resource's provider; empty: it has none.
        parent: URN of the resource that it is in; empty: it is in none.
    """

    urn: str
    type: str
    operation: str
    old: State | None
    new: State | None
    keys: tuple[str, ...]
    differences: tuple[Difference, ...]
    outputs: tuple[str, ...]
    done: bool
    provider: str = ""
    parent: str = ""

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

    config: Mapping[str, str]


@dataclass(frozen=True)
class Summary:
    """The end: `result` is `succeeded`, `failed`, or `untold`."""

    result: str


Event = Step | Diagnostic | PolicyViolation | Prelude | Summary


def read(lines: Iterable[str], redaction: Redaction) -> Iterator[Event]:
    """The events in these lines, in their order, cleaned; lines that are no events are passed over.

    A line that begins as one and cannot be read is an error: it may have been a change.
    """
    reader = _Reader(redaction)
    for line in lines:
        try:
            told = json.loads(line)
            event = reader.event(told) if isinstance(told, dict) else None
        except (ValueError, KeyError, TypeError, AttributeError):
            # not JSON, or not of the shape that the engine documents
            event = Diagnostic("error", CUT_OFF, "") if line.lstrip().startswith("{") else None
        if event is not None:
            yield event


@dataclass(frozen=True)
class _Reader:
    """A reader of each kind of event, by its name in the engine's JSON."""

    redaction: Redaction

    def event(self, told: Mapping[str, Any]) -> Event | None:
        for name, read_kind in _KINDS.items():
            if isinstance(content := told.get(name), dict):
                return read_kind(self, content)
        return None

    def announced(self, content: Mapping[str, Any]) -> Step:
        return self._step(content["metadata"], done=False)

    def finished(self, content: Mapping[str, Any]) -> Step:
        return self._step(content["metadata"], done=True)

    def diagnostic(self, content: Mapping[str, Any]) -> Diagnostic | None:
        if content["severity"] not in SEVERITIES:
            return None
        message = self.redaction.clean(content["message"])
        return Diagnostic(content["severity"], message, content.get("urn") or "")

    def violation(self, content: Mapping[str, Any]) -> PolicyViolation:
        return PolicyViolation(
            pack=self.redaction.clean(content.get("policyPackName") or ""),
            rule=self.redaction.clean(content.get("policyName") or ""),
            enforcement=content.get("enforcementLevel") or "",
            message=self.redaction.clean(content.get("message") or ""),
            urn=content.get("resourceUrn") or "",
        )

    def prelude(self, content: Mapping[str, Any]) -> Prelude:
        config = content.get("config") or {}
        return Prelude(
            {key: self.redaction.clean(value) for key, value in config.items() if isinstance(value, str)}
        )

    def summary(self, content: Mapping[str, Any]) -> Summary:
        return Summary(content.get("result") or "untold")

    def _step(self, metadata: Mapping[str, Any], *, done: bool) -> Step:
        old, new = (metadata.get(side) or {} for side in ("old", "new"))
        before, after = _own(old, "outputs"), _own(new, "outputs")
        return Step(
            urn=metadata["urn"],
            type=metadata["type"],
            operation=metadata["op"],
            old=self._state(old),
            new=self._state(new),
            keys=tuple(metadata.get("keys") or ()),
            # compared as the engine told them: two paths that are told alike may be two
            differences=differences(_own(old, "inputs"), _own(new, "inputs"), self.redaction.clean),
            outputs=tuple(sorted(name for name in {*before, *after} if before.get(name) != after.get(name))),
            done=done,
            provider=str(metadata.get("provider") or "").rpartition("::")[0],
            parent=str(new.get("parent") or old.get("parent") or ""),
        )

    def _state(self, told: Mapping[str, Any]) -> State | None:
        if not told:
            return None
        return State(
            custom=bool(told.get("custom")),
            inputs=self.redaction.properties(_own(told, "inputs")),
            outputs=self.redaction.properties(_own(told, "outputs")),
            retained=bool(told.get("retainOnDelete")),
        )


def _own(state: Mapping[str, Any], side: str) -> dict[str, Any]:
    """The inputs or outputs that are the program's."""
    return {name: value for name, value in (state.get(side) or {}).items() if name not in _ENGINE_PROPERTIES}


_KINDS: Final = {
    "resourcePreEvent": _Reader.announced,
    "resOutputsEvent": _Reader.finished,
    "diagnosticEvent": _Reader.diagnostic,
    "policyEvent": _Reader.violation,
    "preludeEvent": _Reader.prelude,
    "summaryEvent": _Reader.summary,
}
