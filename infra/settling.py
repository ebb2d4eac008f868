"""The wait for all outputs of a program, at once.

The SDK waits for the first of them to settle, then for the first of the others, and so on: each time it looks
at all. With fifty services that was a fifth of what their preview took, and it grows with their square.
"""

from __future__ import annotations

import asyncio

from pulumi.runtime import settings


def wait_for_all() -> None:
    """Has the SDK wait for all outputs together before it does so one by one: at the program's end."""
    # it awaits what is in this list first, and the outputs afterwards
    settings.SETTINGS.rpc_manager.rpcs.append(asyncio.ensure_future(_all_settled()))


async def _all_settled() -> None:
    """Returns when no output is left that has not settled, or one has failed: the SDK tells of that."""
    while True:
        with settings.SETTINGS.lock:
            outputs = list(settings.SETTINGS.outputs)
        pending = [output for output in outputs if not output.done()]
        if not pending or any(_failed(output) for output in outputs if output.done()):
            return
        await asyncio.wait(pending, return_when=asyncio.FIRST_EXCEPTION)


def _failed(output: asyncio.Task[object]) -> bool:
    return output.cancelled() or output.exception() is not None
