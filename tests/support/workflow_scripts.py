"""The workflows as data, and what their steps run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

CHECKOUT: Final = Path(__file__).parents[2]
FOLDER: Final = CHECKOUT / ".github" / "workflows"
FILES: Final = tuple(sorted(file.name for file in FOLDER.iterdir()))

_ASSIGNMENT: Final = re.compile(r"(?P<name>\w+)=\$\((?P<command>[^()]*)\)")
_REDIRECTION: Final = re.compile(r"\s*>>? \"\$(?P<file>\w+)\"$")
_VARIABLE: Final = re.compile(r"\$(\w+)")
_QUOTED: Final = re.compile(r'"[^"]*"')


def read(file: str) -> dict[str, Any]:
    """A workflow. YAML 1.1 reads the key `on` as true: it is under `on` here."""
    content = yaml.safe_load((FOLDER / file).read_text())
    content["on"] = content.pop(True)
    assert isinstance(content, dict)
    return content


@dataclass(frozen=True)
class Command:
    """A command that a step runs.

    Attributes:
        words: with the variables' names in them, as `$STACK`.
        variables: what the step's environment declares, or an earlier line sets.
    """

    words: tuple[str, ...]
    variables: Mapping[str, Any] = field(repr=False)

    @property
    def used(self) -> set[str]:
        return {name for word in self.words for name in _VARIABLE.findall(word)}

    def with_values(self, values: Mapping[str, str]) -> list[str]:
        return [_VARIABLE.sub(lambda match: values[match[1]], word) for word in self.words]


def jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every job: its file, its name, itself."""
    for file in FILES:
        for name, job in read(file)["jobs"].items():
            yield file, name, job


def commands() -> Iterator[tuple[str, Command]]:
    """Every command of every step, and where it stands."""
    for file, name, job in jobs():
        for step in job["steps"]:
            if "run" not in step:
                continue
            environment = {**job.get("env", {}), **step.get("env", {})}
            for line in step["run"].splitlines():
                command, environment = _parsed(line, environment)
                yield f"{file} {name}: {step['name']}", command


def _parsed(line: str, environment: Mapping[str, Any]) -> tuple[Command, dict[str, Any]]:
    """One line: a command, whose output may go to a variable or a file; no other piece of shell."""
    redirected = _REDIRECTION.search(line)
    line = _REDIRECTION.sub("", line.strip())
    assigned = _ASSIGNMENT.fullmatch(line)
    text = assigned["command"] if assigned else line
    unquoted = _QUOTED.sub("", text)
    assert not re.search(r"[|&;`<>(){}*?$\\]", unquoted), f"more shell than a line should hold: {line}"
    command = Command(tuple(shlex.split(text)), environment)
    told = {"GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"}
    assert redirected is None or redirected["file"] in told, line
    return command, {**environment, **({assigned["name"]: ""} if assigned else {})}
