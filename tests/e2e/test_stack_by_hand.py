"""A stack that plain `pulumi stack init` has made: `fpga stack new` writes what it lacks."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from engine.install import Engine
from tests.support.stacks.local_cloud import LocalCloud
from tests.support.stacks.team_project import TeamProject, TeamStack

NAME = "by-hand"
_INIT = '. "$FPGA_LOCAL/activate"; exec pulumi stack init "$1" --non-interactive'


@pytest.fixture(scope="module")
def stack(engine: Engine, local_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> TeamStack:
    """Made in a shell that is activated for the checkout, and nothing more."""
    project = TeamProject(engine, tmp_path_factory.mktemp("by-hand") / "checkout")
    (project.local / "passphrase").write_text("word")
    (project.folder / "stacks").mkdir()
    subprocess.run(
        ["/bin/sh", "-euc", _INIT, "sh", NAME], cwd=project.folder, env=project.environment, check=True
    )
    return TeamStack(project, NAME, local_cloud)


def test_it_says_what_lacks_and_what_writes_it(stack: TeamStack) -> None:
    said = stack.project.fpga("plan", "-s", NAME, code=1)

    assert f"Backend.{NAME}.yaml is not there" in said
    assert f"`fpga stack new {NAME}` writes one" in said


def test_what_lacks_is_written_and_the_stack_is_used_at_once(stack: TeamStack) -> None:
    made = yaml.safe_load(stack.file.read_text())
    assert made.keys() == {"encryptionsalt"}
    stack.project.fpga("model", "build")

    said = stack.project.fpga("stack", "new", NAME, "--cloud", str(stack.cloud.settings.data))

    backend = stack.file.with_name(f"Backend.{NAME}.yaml")
    assert f"Written: {stack.file}\nWritten: {backend}\n" in said
    assert f"the stack {NAME} is there already, in file://" in said
    assert yaml.safe_load(stack.file.read_text())["encryptionsalt"] == made["encryptionsalt"]
    assert yaml.safe_load(backend.read_text())["passphraseFile"] == ".local/passphrase"
    stack.pulumi("config", "set", "--secret", "azure-native:clientSecret", stdin=stack.cloud.client_secret)
    assert "13 to create" in stack.project.fpga("plan", "-s", NAME)
    assert stack.project.fpga("stack", "init", NAME) == f"The stack {NAME} is there already.\n"


def test_a_renamed_stack_is_told_what_it_lacks_and_keeps_its_settings(
    stack: TeamStack, tmp_path: Path
) -> None:
    text = stack.file.read_text()
    stack.pulumi("stack", "rename", "renamed")
    renamed = stack.file.with_name("Pulumi.renamed.yaml")
    assert renamed.read_text() == text

    assert "`fpga stack new renamed` writes one" in stack.project.fpga("plan", "-s", "renamed", code=1)
    stack.project.fpga("stack", "new", "renamed")

    assert renamed.read_text() == text
    assert "13 to create" in stack.project.fpga("plan", "-s", "renamed")
