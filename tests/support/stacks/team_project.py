"""A team's checkout: stacks made by `fpga stack new`, driven by plain `pulumi` in an activated shell."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import activation
from engine.install import Engine
from infra.settings.reader import PROJECT_ROOT
from tests.support import waits
from tests.support.stacks.local_cloud import LocalCloud
from tests.support.stacks.pulumi_project import Result
from tests.support.waiting import PATIENCE_S

FPGA = Path(sys.executable).parent / "fpga"
ACTIVATED = '. "$FPGA_LOCAL/activate"; exec pulumi "$@" --non-interactive --color never'
# what a shell that is not activated has nothing of
_SELECTED = ("PULUMI_", "SSL_CERT_FILE", "ARM_", "FPGA_")


class TeamProject:
    """A checkout in `folder`, with the installed engine in its `.local`, and no stack yet."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.folder, self.local = folder, folder / ".local"
        self.local.mkdir(mode=0o700, parents=True)
        for name in ("infra", "Pulumi.yaml"):
            (folder / name).symlink_to(PROJECT_ROOT / name)
        for name in ("bin", "pulumi-home"):
            (self.local / name).symlink_to(engine.local / name)
        (self.local / "state").mkdir()
        (self.local / "activate").write_text(activation.script(self.local))
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_SELECTED)}
        self.environment = inherited | {
            "FPGA_LOCAL": str(self.local),
            "PULUMI_DEBUG_COMMANDS": "true",  # it has `--event-log`
        }
        if cache := os.environ.get("FPGA_CACHE"):
            self.environment["FPGA_CACHE"] = cache

    def fpga(self, *arguments: str, code: int = 0) -> str:
        """Runs `fpga` in the checkout: all that it printed, but for what it waited for."""
        command = [str(FPGA), *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=PATIENCE_S
        )
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + waits.without(done.stderr)


@dataclass
class TeamStack:
    """One of the project's stacks, on a localcloud of its own. Its client's secret is in the environment."""

    project: TeamProject
    name: str
    cloud: LocalCloud
    _runs: int = 0

    @property
    def file(self) -> Path:
        return self.project.folder / "stacks" / f"Pulumi.{self.name}.yaml"

    def change(self, key: str, value: str) -> None:
        """Changes one line of the stack's file, as a person does."""
        text, count = re.subn(rf"(fpga-web-service:{key}: ).*", rf'\g<1>"{value}"', self.file.read_text())
        assert count == 1, f"{self.file} sets {key} {count} times"
        self.file.write_text(text)

    def pulumi(self, *arguments: str, code: int = 0, stdin: str | None = None) -> Result:
        """Runs plain `pulumi` in a shell that was activated for the stack."""
        environment = self.project.environment | {
            "FPGA_STACK": self.name,
            "ARM_CLIENT_SECRET": self.cloud.client_secret,
        }
        given: dict[str, Any] = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
        done = subprocess.run(
            ["/bin/sh", "-euc", ACTIVATED, "sh", *arguments],
            cwd=self.project.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            **given,
        )
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return Result(arguments, done.returncode, done.stdout, done.stderr)

    def operate(self, verb: str, *flags: str, code: int = 0) -> Result:
        """Runs `preview`, `up` or `destroy`, with its events."""
        self._runs += 1
        log = self.project.folder / f"{self.name}-{self._runs}.jsonl"
        yes = () if verb == "preview" else ("--yes", "--skip-preview")
        done = self.pulumi(verb, *yes, "--event-log", str(log), *flags, code=code)
        events = tuple(json.loads(line) for line in log.read_text().splitlines()) if log.exists() else ()
        return Result(done.command, done.code, done.stdout, done.stderr, events)

    def state(self) -> dict[str, Any]:
        """The stack's state, secrets encrypted."""
        exported: dict[str, Any] = json.loads(self.pulumi("stack", "export").stdout)
        return exported

    def outputs(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.pulumi("stack", "output", "--json").stdout)
        return found
