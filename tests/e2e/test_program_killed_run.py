"""A `pulumi up` that is killed right after the service was accepted: the next run continues it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.stacks import interruption
from tests.support.stacks.program_stack import ProgramStack


@pytest.fixture(scope="module")
def killed(make_stack: Callable[..., ProgramStack]) -> ProgramStack:
    """A stack whose first run died with everything that it had started, the cloud at work on its service."""
    stack = make_stack("killed")
    with stack.start("up", "--yes", "--skip-preview", "--stack", stack.stack) as run:
        while not stack.services():
            assert run.poll() is None, "the run ended before a service was accepted"
        interruption.kill(run)
    return stack


def test_the_next_run_continues_to_one_service(killed: ProgramStack) -> None:
    assert killed.of_type("Service") == [], "the run was killed too late: its service is in the state"
    (accepted,) = killed.services()

    refused = killed.up(code=None)
    assert refused.code != 0
    assert "pulumi cancel" in refused.text  # a dead run's lock stays, and the engine says what to do
    killed.run("cancel", "--yes", killed.stack)
    continued = killed.up()

    assert continued.operations["service"] == "create"
    assert continued.operations["model-management"] == "same"
    assert killed.service().name == accepted.name


def test_what_is_left_of_it_can_be_cleared(killed: ProgramStack) -> None:
    killed.refresh("--clear-pending-creates")

    preview = killed.preview("--expect-no-changes")
    assert preview.complaints == []
    killed.destroy()
    assert killed.services() == []
