"""What the engine's events say of each resource of a stack."""

from __future__ import annotations

from collections.abc import Mapping

from tests.support.stacks.program_stack import ProgramStack
from tests.support.stacks.pulumi_project import Result


def expect_operations(result: Result, stack: ProgramStack, changes: Mapping[str, str]) -> None:
    """That these operations were all, and that every other resource of the state was looked at and is `same`.

    The engine's own providers are left out: they are given the whole configuration, and change with it.

    Args:
        changes: operations by logical name.
    """
    known = {one["urn"].split("::")[-1] for one in stack.resources()}
    operations = {name: one for name, one in result.operations.items() if not name.startswith("default")}
    assert operations == {name: changes.get(name, "same") for name in known if not name.startswith("default")}


def expect_no_changes(stack: ProgramStack) -> None:
    """That a second run finds nothing to do, be it a preview or an update."""
    for result in (stack.preview("--expect-no-changes"), stack.up("--expect-no-changes")):
        expect_operations(result, stack, {})
        assert result.complaints == []
