"""The stack that a command acts on: what is given, else what the shell is activated for, else `local`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.settings.reader import PROJECT_ROOT
from tests.support import waits

FPGA = Path(sys.executable).parent / "fpga"
PHOTO = str(PROJECT_ROOT / "samples" / "espresso.jpg")
COMMANDS = [
    ["plan"],
    ["watch"],
    ["apply", "--yes"],
    ["adopt"],
    ["predict", PHOTO],
    ["call-info"],
    ["certs", "renew"],
    ["state", "init"],
    ["state", "unlock"],
]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout without an engine and without any stack's file: each command refuses."""
    folder = tmp_path / "checkout"
    (folder / "stacks").mkdir(parents=True)
    shutil.copyfile(PROJECT_ROOT / "Pulumi.yaml", folder / "Pulumi.yaml")
    return folder


def run(checkout: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    dropped = ("PULUMI_", "FPGA_", "ARM_", "SSL_CERT_FILE")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return subprocess.run(
        [FPGA, *arguments],
        cwd=checkout,
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[:2]))
def test_every_command_acts_on_the_stack_of_the_shell(checkout: Path, command: list[str]) -> None:
    done = run(checkout, *command, PULUMI_STACK="prod")

    assert done.returncode == 1
    assert waits.without(done.stderr).startswith("Stack: prod (PULUMI_STACK)\n")
    assert f"{checkout}/stacks/Backend.prod.yaml is not there: it says where the state" in done.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[:2]))
def test_what_is_given_goes_first(checkout: Path, command: list[str]) -> None:
    done = run(checkout, *command, "-s", "dev", PULUMI_STACK="prod")

    assert done.returncode == 1
    assert "Stack: " not in done.stderr
    assert f"{checkout}/stacks/Backend.dev.yaml is not there: it says where the state" in done.stderr


def test_one_that_is_about_to_be_activated_goes_before_one_that_is(checkout: Path) -> None:
    done = run(checkout, "plan", FPGA_STACK="dev", PULUMI_STACK="prod")

    assert waits.without(done.stderr).startswith("Stack: dev (FPGA_STACK)\n")
    assert "Backend.dev.yaml is not there" in done.stderr


@pytest.mark.parametrize("variables", [{}, {"PULUMI_STACK": ""}, {"FPGA_STACK": "local"}])
def test_else_it_is_local(checkout: Path, variables: dict[str, str]) -> None:
    done = run(checkout, "plan", **variables)

    assert done.returncode == 1
    assert "plan of local: failed" in done.stderr
    assert "The engine is not installed" in done.stderr


def test_what_an_activation_sets_is_printed_for_the_stack_of_the_shell(checkout: Path) -> None:
    assert run(checkout, "stack", "new", "dev").returncode == 0
    (checkout / ".local" / "passphrases").mkdir(parents=True)
    (checkout / ".local" / "passphrases" / "dev").write_text("word")

    for selected in ({"PULUMI_STACK": "dev"}, {"PULUMI_STACK": "organization/fpga-web-service/dev"}):
        done = run(checkout, "stack", "environment", **selected)
        assert "export PULUMI_STACK=dev\n" in done.stdout
        assert waits.without(done.stderr) == ""


@pytest.mark.parametrize("written", ["organization/dev", "organization/fpga-web-service/dev"])
def test_a_name_that_pulumi_takes_is_taken(checkout: Path, written: str) -> None:
    for done in (run(checkout, "plan", "-s", written), run(checkout, "plan", PULUMI_STACK=written)):
        assert done.returncode == 1
        assert f"{checkout}/stacks/Backend.dev.yaml is not there" in done.stderr


@pytest.mark.parametrize(
    "written", ["acme/fpga-web-service/dev", "organization/other/dev", "acme/dev", "a/b/c/dev"]
)
def test_a_name_of_elsewhere_is_refused(checkout: Path, written: str) -> None:
    for done in (run(checkout, "plan", "-s", written), run(checkout, "plan", PULUMI_STACK=written)):
        assert done.returncode == 1
        assert waits.without(done.stderr) == (
            f"error: '{written}' is no stack of this project: its states are where there is no organization "
            "but 'organization', and the project is fpga-web-service. Give the name alone: dev.\n"
        )
