"""The report of a night watch, as `fpga watch` writes it and `fpga github issues` reads it.

{"stack": "dev", "findings": [{"key": "drift/record", "kind": "drift", "title": "dev: …", "detail": "…"}]}
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fpga.errors import CommandError
from surroundings import json_text

FAILED: Final = "failed"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]*")


@dataclass(frozen=True)
class Finding:
    """One thing that the watch found.

    Attributes:
        key: the same every night while the same thing is wrong; unique in its stack.
        kind: `drift`, `unapplied`, `renewal`, `expiry`, `policy`, or `failed`: it could not be looked at.
        title: one line, which names the stack.
        detail: Markdown: what was seen, and what to do.
        service: the logical name of the service that it is of; empty: of all, or of the only one.
    """

    key: str
    kind: str
    title: str
    detail: str
    service: str = ""


@dataclass(frozen=True)
class Watch:
    """A watch of one stack with all its findings; without any the stack is in order.

    Attributes:
        services: the logical names of those that were looked at; none of a stack whose one has no name.
    """

    stack: str
    findings: tuple[Finding, ...]
    services: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether the stack could be looked at: what a watch that failed does not find may be there."""
        return all(finding.kind != FAILED for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """The watch as JSON has it, for `read`."""
        services = {"services": list(self.services)} if self.services else {}
        return {"stack": self.stack, **services, "findings": [vars(finding) for finding in self.findings]}


def read(file: Path) -> Watch:
    """The watch that is written in a file.

    Raises:
        CommandError: it is no report of a watch.
        OSError: it cannot be read.
    """
    try:
        content = json_text.loads(file.read_bytes())
        stack = _name(content["stack"])
        findings = tuple(_finding(entry) for entry in content["findings"])
    except (ValueError, KeyError, TypeError) as error:
        raise CommandError(
            f"{file} is not what `fpga watch --format json` writes ({type(error).__name__}: {error})."
        ) from None
    keys = [finding.key for finding in findings]
    if len(set(keys)) < len(keys):
        raise CommandError(f"{file}: two findings have the same key.")
    return Watch(stack, findings, tuple(_name(name) for name in content.get("services", ())))


def _finding(entry: Any) -> Finding:
    return Finding(
        key=_name(entry["key"]),
        kind=_name(entry["kind"]),
        title=" ".join(str(entry["title"]).split()),
        detail=str(entry["detail"]),
        service=_name(entry["service"]) if entry.get("service") else "",
    )


def _name(value: Any) -> str:
    # it becomes part of a marker: `-->` in it would end the marker early
    if not isinstance(value, str) or not _NAME.fullmatch(value) or "--" in value:
        raise ValueError(f"{value!r} is not a name")
    return value
