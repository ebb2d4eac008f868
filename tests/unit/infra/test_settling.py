"""The wait for a program's outputs: for all of them, those that come meanwhile included, or for a failure."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pulumi
import pytest
from pulumi.runtime import settings

from infra import settling


def _run(work: Awaitable[None]) -> None:
    """Runs work in a loop with settings of the SDK that are its own."""

    async def inside() -> None:
        settings.configure(settings.Settings("project", "stack"))
        await asyncio.wait_for(work, 20)

    asyncio.run(inside())


def test_all_outputs_are_waited_for_and_those_that_they_lead_to() -> None:
    async def work() -> None:
        opened, seen = asyncio.Event(), list[int]()

        async def value() -> int:
            await opened.wait()
            return 1

        first: pulumi.Output[Any] = pulumi.Output.from_input(value())
        first.apply(lambda one: first.apply(lambda other: seen.append(one + other)))  # type: ignore[arg-type, return-value]
        settling.wait_for_all()
        (waiting,) = settings.SETTINGS.rpc_manager.rpcs
        await asyncio.sleep(0)
        assert not waiting.done()
        opened.set()
        await waiting
        assert seen == [2]
        assert all(output.done() for output in settings.SETTINGS.outputs)

    _run(work())


@pytest.mark.parametrize("failed_before", [True, False])
def test_a_failed_output_ends_the_wait_for_the_others(failed_before: bool) -> None:
    async def work() -> None:
        never, may_fail = asyncio.Event(), asyncio.Event()

        async def failing() -> int:
            await may_fail.wait()
            raise RuntimeError("no such resource")

        others: pulumi.Output[Any] = pulumi.Output.from_input(never.wait())
        failed: pulumi.Output[Any] = pulumi.Output.from_input(failing())
        if failed_before:
            may_fail.set()
            with pytest.raises(RuntimeError):
                await failed.future()
        settling.wait_for_all()
        (waiting,) = settings.SETTINGS.rpc_manager.rpcs
        await asyncio.sleep(0)
        may_fail.set()
        await waiting
        with pytest.raises(RuntimeError, match="no such resource"):
            await failed.future()
        never.set()
        assert await others.future()

    _run(work())
