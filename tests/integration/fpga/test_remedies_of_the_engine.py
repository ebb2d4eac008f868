"""What the CLI refuses: why, and what to do for that stack."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fpga.errors import CommandError
from fpga.plan.runner import preview
from fpga.project import Project
from fpga.stacks.stack import Stack


def project_whose_engine_says(folder: Path, said: str) -> Project:
    script = folder / ".local" / "bin" / "pulumi"
    script.parent.mkdir(parents=True)
    script.write_text(f'#!/bin/sh\necho "error: {said}" >&2; exit 255\n')
    script.chmod(0o700)
    return Project(folder, folder / ".local")


@pytest.mark.parametrize(
    ("stack", "said", "remedy"),
    [
        ("local", "no stack named 'local' found", "`fpga up` makes the stack"),
        ("dev", "no stack named 'dev' found", "`fpga stack init dev` makes the stack"),
        ("local", "incorrect passphrase", "Its passphrase is in .local/passphrase"),
        ("dev", "incorrect passphrase", "stacks/Backend.dev.yaml names the file"),
        ("dev", "DefaultAzureCredential: failed to acquire a token", "Nobody is signed in to the state: set"),
        ("dev", "failed to load checkpoint: place 1: unexpected end", "`fpga state recover -s dev` puts"),
    ],
)
def test_the_remedy_is_that_of_the_stack(tmp_path: Path, stack: str, said: str, remedy: str) -> None:
    plan = preview(project_whose_engine_says(tmp_path, said), stack, environment=os.environ)

    assert not plan.succeeded
    (error,) = plan.errors
    assert error.splitlines()[0] == said
    assert error.splitlines()[1].startswith(remedy)


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("the stack is currently locked by 1 lock(s)", "`fpga state unlock -s qa` gives the lock back."),
        ("cannot create already existing resource", "`fpga adopt -s qa` brings what exists under the stack."),
        (
            "failed to load checkpoint: place 1: unexpected end of JSON input",
            "`fpga state recover -s qa` puts the newest whole copy of the state in its place.",
        ),
    ],
)
def test_an_update_that_fails_names_the_command_for_its_stack(tmp_path: Path, said: str, remedy: str) -> None:
    stack = Stack(project_whose_engine_says(tmp_path, said), "qa", os.environ)

    with pytest.raises(CommandError) as caught:
        stack.up(lambda line: None)

    assert str(caught.value).splitlines()[1] == f"error: {said}"
    assert str(caught.value).splitlines()[2].endswith(remedy)
