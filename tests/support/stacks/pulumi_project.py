"""A Pulumi project in a folder of a test's own, driven by the real CLI."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from engine import state_url
from engine.install import Engine
from tests.support.waiting import PATIENCE_S


@dataclass(frozen=True)
class Result:
    """What a `pulumi` command did.

    Attributes:
        command: its arguments.
        code: exit code; negative for the signal that ended it.
        stdout, stderr: what it printed, without colours.
        events: the engine's events, one mapping each, as `--event-log` writes them; none for commands that do
            not run the engine.
    """

    command: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    events: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)

    @property
    def text(self) -> str:
        """All that it printed."""
        return self.stdout + self.stderr

    @cached_property
    def changes(self) -> dict[str, int]:
        """How many resources each operation touched, the stack included: `{"create": 2, "same": 1}`."""
        summaries = [event["summaryEvent"] for event in self.events if "summaryEvent" in event]
        return dict(summaries[-1].get("resourceChanges", {})) if summaries else {}

    @cached_property
    def operations(self) -> dict[str, str]:
        """The operation on each resource by its logical name, such as `create`, `update`, `same`.

        Of the several steps of a replacement the one called `replace` counts.
        """
        found: dict[str, str] = {}
        for event in self.events:
            if metadata := event.get("resourcePreEvent", {}).get("metadata"):
                name = metadata["urn"].split("::")[-1]
                if found.get(name) != "replace":
                    found[name] = metadata["op"]
        return found

    @cached_property
    def diagnostics(self) -> dict[str, list[str]]:
        """The messages of the diagnostic events by severity: `info`, `info#err`, `warning`, `error`."""
        found: dict[str, list[str]] = {}
        for event in self.events:
            if one := event.get("diagnosticEvent"):
                found.setdefault(one["severity"], []).append(one["message"])
        return found

    @property
    def complaints(self) -> list[str]:
        """The messages of warnings and errors."""
        return [*self.diagnostics.get("warning", []), *self.diagnostics.get("error", [])]


class PulumiProject:
    """A project and one stack of it, with a state of its own beside it.

    Args:
        engine: the installed engine.
        folder: where `Pulumi.yaml` is, or is to be written by `write`.
        state: folder of the file backend; made if missing.
        stack: name of the stack.
        environment: variables over those of the engine.
    """

    def __init__(
        self,
        engine: Engine,
        folder: Path,
        *,
        state: Path,
        stack: str = "test",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.engine, self.folder, self.stack = engine, folder, stack
        self.environment = {
            **engine.environment,
            "PULUMI_BACKEND_URL": state_url.url_of(state),
            "PULUMI_DEBUG_COMMANDS": "true",  # it has `--event-log`
            **(environment or {}),
        }
        self._runs = itertools.count(1)
        self._state = state
        self._events = state / ".test-events"
        self._events.mkdir(exist_ok=True)

    def write(self, files: Mapping[str, str], *, name: str = "project", main: str = "program") -> None:
        """Write `Pulumi.yaml` and the program's files, by their paths in the project."""
        manifest = {"name": name, "runtime": "python", "main": main}
        for path, text in {"Pulumi.yaml": yaml.safe_dump(manifest), **files}.items():
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)

    def init(self, config: Mapping[str, str] | None = None, secrets: Mapping[str, str] | None = None) -> None:
        """Make the stack and set its configuration; keys with their namespace: `azure-native:tenantId`."""
        self.run("stack", "init", self.stack)
        self.configure(config, secrets)

    def configure(
        self, config: Mapping[str, str] | None = None, secrets: Mapping[str, str] | None = None
    ) -> None:
        """Sets values: plain ones in the stack's file, secret ones by the CLI, which encrypts them."""
        if config:
            file = self.folder / f"Pulumi.{self.stack}.yaml"
            content = yaml.safe_load(file.read_text()) or {}
            content["config"] = content.get("config", {}) | dict(config)
            file.write_text(yaml.safe_dump(content))
        if secrets:
            arguments = [part for key, value in secrets.items() for part in ("--secret", f"{key}={value}")]
            self.run("config", "set-all", "--stack", self.stack, *arguments)

    def run(self, *arguments: str, code: int | None = 0, timeout_s: float = PATIENCE_S) -> Result:
        """Run `pulumi` with `arguments` in the project and wait for it; a time-out ends all that it started.

        Args:
            arguments: without the program's name.
            code: the exit code that it must have; None for any.
            timeout_s: seconds until it is killed and the test fails.
        """
        with self.start(*arguments) as child:
            try:
                stdout, stderr = child.communicate(timeout=timeout_s)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                stdout, stderr = child.communicate()
                raise AssertionError(
                    f"pulumi {' '.join(arguments)} did not end in {timeout_s} s:\n{stdout}{stderr}"
                ) from None
        result = Result(arguments, child.returncode, stdout, stderr)
        if code is not None:
            assert result.code == code, (
                f"pulumi {' '.join(arguments)} ended with {result.code}:\n{result.text}"
            )
        return result

    @contextmanager
    def start(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Start `pulumi` with `arguments` in a process group of its own, which is killed at the end."""
        child = subprocess.Popen(
            [self.engine.pulumi, *arguments, "--non-interactive", "--color", "never"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )
        with child:
            try:
                yield child
            finally:
                if child.poll() is None:
                    os.killpg(child.pid, signal.SIGKILL)

    def preview(self, *flags: str, code: int | None = 0, timeout_s: float = PATIENCE_S) -> Result:
        """`pulumi preview`."""
        return self._operate("preview", *flags, code=code, timeout_s=timeout_s)

    def up(self, *flags: str, code: int | None = 0, timeout_s: float = PATIENCE_S) -> Result:
        """`pulumi up`, without a preview and without asking."""
        return self._operate("up", "--yes", "--skip-preview", *flags, code=code, timeout_s=timeout_s)

    def refresh(self, *flags: str, code: int | None = 0, timeout_s: float = PATIENCE_S) -> Result:
        """`pulumi refresh`, without a preview and without asking."""
        return self._operate("refresh", "--yes", "--skip-preview", *flags, code=code, timeout_s=timeout_s)

    def destroy(self, *flags: str, code: int | None = 0, timeout_s: float = PATIENCE_S) -> Result:
        """`pulumi destroy`, without a preview and without asking."""
        return self._operate("destroy", "--yes", "--skip-preview", *flags, code=code, timeout_s=timeout_s)

    def outputs(self, *, show_secrets: bool = False) -> dict[str, Any]:
        """The stack's outputs; secret ones as `[secret]` unless they are asked for."""
        flags = ["--show-secrets"] if show_secrets else []
        outputs: dict[str, Any] = json.loads(
            self.run("stack", "output", "--json", "--stack", self.stack, *flags).stdout
        )
        return outputs

    def export(self) -> dict[str, Any]:
        """The stack's state, secrets encrypted."""
        state: dict[str, Any] = json.loads(self.run("stack", "export", "--stack", self.stack).stdout)
        return state

    def resources(self) -> list[dict[str, Any]]:
        """The resources of the state, the stack itself and providers included.

        They are read where the file backend keeps them: a process less than an export takes.
        """
        files = list(self._state.glob(f".pulumi/stacks/*/{self.stack}.json"))
        if files:
            (file,) = files
            latest = json.loads(file.read_text())["checkpoint"]["latest"]
        else:
            latest = self.export()["deployment"]
        found: list[dict[str, Any]] = (latest or {}).get("resources", [])
        return found

    def _operate(self, verb: str, *flags: str, code: int | None, timeout_s: float) -> Result:
        log = self._events / f"{next(self._runs)}.jsonl"
        arguments = (verb, "--stack", self.stack, "--event-log", str(log), *flags)
        result = self.run(*arguments, code=code, timeout_s=timeout_s)
        events = tuple(json.loads(line) for line in log.read_text().splitlines()) if log.exists() else ()
        return Result(result.command, result.code, result.stdout, result.stderr, events)
