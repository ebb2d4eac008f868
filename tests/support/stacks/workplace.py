"""A checkout at a machine of a test's own: `fpga` and plain `pulumi` as a person there types them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from engine.install import Engine
from tests.support.machines import Machine
from tests.support.stacks.pulumi_project import Result
from tests.support.stacks.team_project import ACTIVATED, FPGA, TeamProject
from tests.support.waiting import PATIENCE_S


class Workplace(TeamProject):
    """A checkout, and who works in it.

    Attributes:
        machine: where all its commands run.
        signed_in: the variables by which who works there signs in.
    """

    def __init__(self, engine: Engine, folder: Path, machine: Machine, roots: Path) -> None:
        """
        Args:
            roots: PEM of what the machine trusts.
        """
        super().__init__(engine, folder)
        self.machine = machine
        self.signed_in: Mapping[str, str] = {}
        self.environment["SSL_CERT_FILE"] = str(roots)
        self._runs = 0

    def fpga(self, *arguments: str, code: int = 0) -> str:
        """Runs `fpga` in the checkout: what it printed on its standard output."""
        done = self.machine.run(
            FPGA,
            *arguments,
            code=code,
            timeout_s=PATIENCE_S,
            environment=self.environment | dict(self.signed_in),
            folder=self.folder,
        )
        return done.stdout

    def stack_file(self, stack: str) -> Path:
        return self.folder / "stacks" / f"Pulumi.{stack}.yaml"

    def configure(self, stack: str, settings: Mapping[str, object]) -> None:
        """Writes settings of the program (and others, by their keys with namespace) into a stack's file."""
        file = self.stack_file(stack)
        content = yaml.safe_load(file.read_text())
        named = {key if ":" in key else f"fpga-web-service:{key}": value for key, value in settings.items()}
        content["config"] = content["config"] | named
        file.write_text(yaml.safe_dump(content))

    def pulumi(self, stack: str, *arguments: str, code: int | None = 0) -> Result:
        """Runs plain `pulumi` in a shell that was activated for the stack."""
        done = self.machine.run(
            "/bin/sh",
            "-euc",
            ACTIVATED,
            "sh",
            *arguments,
            code=code,
            timeout_s=2 * PATIENCE_S,
            environment=self.environment | dict(self.signed_in) | {"FPGA_STACK": stack},
            folder=self.folder,
        )
        return Result(arguments, done.returncode, done.stdout, done.stderr)

    def operate(self, stack: str, verb: str, *flags: str, code: int | None = 0) -> Result:
        """Runs `preview` or `up`, with its events."""
        self._runs += 1
        log = self.folder / f"{stack}-{self._runs}.jsonl"
        yes = () if verb == "preview" else ("--yes", "--skip-preview")
        done = self.pulumi(stack, verb, *yes, "--event-log", str(log), *flags, code=code)
        events = tuple(json.loads(line) for line in log.read_text().splitlines()) if log.exists() else ()
        return Result(done.command, done.code, done.stdout, done.stderr, events)

    def outputs(self, stack: str) -> dict[str, Any]:
        """The stack's outputs, the secret ones, too."""
        told: dict[str, Any] = json.loads(
            self.pulumi(stack, "stack", "output", "--json", "--show-secrets").stdout
        )
        return told
