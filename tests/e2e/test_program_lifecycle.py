"""One stack of the program from nothing to nothing, by the real engine."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.program_stack import ProgramStack


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., ProgramStack]) -> ProgramStack:
    stack = make_stack("lifecycle")
    stack.up()
    return stack


def test_a_created_graph_answers(stack: ProgramStack) -> None:
    outputs = stack.outputs()

    assert outputs["fqdn"] == stack.fqdn
    assert outputs["ip"] == stack.service().address
