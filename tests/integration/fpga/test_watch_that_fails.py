"""`fpga watch` of a stack that cannot be looked at: a finding, and no other one is settled by it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

FPGA = Path(sys.executable).parent / "fpga"


def watch(checkout: Path, stack: str) -> subprocess.CompletedProcess[str]:
    dropped = ("PULUMI_", "FPGA_", "ARM_", "AZURE_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return subprocess.run(
        [FPGA, "watch", "-s", stack, "--out", "watch-dev.json"],
        cwd=checkout, env=environment, capture_output=True, text=True,
    )  # fmt: skip


def test_a_passphrase_that_is_missing_is_a_finding_without_a_path_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: fpga-web-service\n")
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "Backend.dev.yaml").write_text(
        "url: file://.local/state\npassphraseFile: .local/passphrases/dev\n"
    )

    done = watch(tmp_path, "dev")

    assert done.returncode == 1
    assert "dev: the watch could not look at it" in done.stdout
    (finding,) = json.loads((tmp_path / "watch-dev.json").read_text())["findings"]
    assert finding["kind"] == "failed"
    assert (
        "The passphrase of the stack dev is missing: put it into .local/passphrases/dev" in finding["detail"]
    )
    assert str(tmp_path) not in done.stdout + finding["detail"]


def test_a_stack_that_is_not_there_is_no_finding(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: fpga-web-service\n")

    done = watch(tmp_path, "dev")

    assert done.returncode == 1
    assert "Backend.dev.yaml is not there" in done.stderr
    assert not (tmp_path / "watch-dev.json").exists()
