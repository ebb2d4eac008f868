"""`fpga apply` before any engine runs: what it refuses, and in which words."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import waits


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "stacks").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: fpga-web-service\n")
    (tmp_path / "stacks" / "Backend.dev.yaml").write_text(
        "url: file://.local/state\npassphraseFile: .local/passphrase\n"
    )
    return tmp_path


def apply(checkout: Path, *options: str) -> subprocess.CompletedProcess[str]:
    variables = {name: value for name, value in os.environ.items() if name != "FPGA_LOCAL"}
    return subprocess.run(
        [sys.executable, "-m", "fpga.cli", "apply", "-s", "dev", *options],
        cwd=checkout,
        env=variables | {"PULUMI_CONFIG_PASSPHRASE": "a passphrase"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_without_an_engine_it_says_how_to_come_by_one(checkout: Path) -> None:
    done = apply(checkout, "--yes")
    assert done.returncode == 1
    assert done.stderr.endswith(
        f"error: The engine is not installed in {checkout / '.local'}: run `make up` (or `fpga up`) first.\n"
    )
    assert not (checkout / ".local").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("not JSON", "is not JSON: `fpga plan --out FILE` writes a plan."),
        ("[]", "This is no plan of schema 1"),
        ('{"schema": 1}', "This plan is damaged, fields are missing"),
    ],
)
def test_what_is_no_plan_is_refused(checkout: Path, content: str, words: str) -> None:
    file = checkout / "plan-dev.json"
    file.write_text(content)
    done = apply(checkout, "--reviewed", str(file))
    assert done.returncode == 1
    assert waits.without(done.stderr).startswith(f"error: {file}")
    assert words in done.stderr


def test_a_plan_that_is_not_there_is_named(checkout: Path) -> None:
    done = apply(checkout, "--reviewed", "plan-dev.json")
    assert (done.returncode, waits.without(done.stderr)) == (
        1,
        "error: plan-dev.json: No such file or directory\n",
    )
