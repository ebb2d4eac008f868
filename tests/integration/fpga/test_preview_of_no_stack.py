"""A preview that the CLI refuses before its engine runs: why, and what to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fpga.plan.runner import preview
from fpga.project import Project


@pytest.mark.parametrize(
    ("stack", "said", "remedy"),
    [
        ("local", "no stack named 'local' found", "`fpga up` makes the stack"),
        ("dev", "no stack named 'dev' found", "`fpga stack init dev` makes the stack"),
        ("local", "incorrect passphrase", "Its passphrase is in .local/passphrase"),
        ("dev", "incorrect passphrase", "stacks/Backend.dev.yaml names the file"),
    ],
)
def test_the_remedy_is_that_of_the_stack(tmp_path: Path, stack: str, said: str, remedy: str) -> None:
    script = tmp_path / ".local" / "bin" / "pulumi"
    script.parent.mkdir(parents=True)
    script.write_text(f'#!/bin/sh\necho "error: {said}" >&2; exit 255\n')
    script.chmod(0o700)

    plan = preview(Project(tmp_path, tmp_path / ".local"), stack, environment=os.environ)

    assert not plan.succeeded
    (error,) = plan.errors
    assert error.splitlines()[0] == said
    assert error.splitlines()[1].startswith(remedy)
