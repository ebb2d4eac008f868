"""The bodies that are held together have so much memory, and no more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import AsyncExitStack

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from localcloud.errors import CloudError
from localcloud.http.bodies import SMALL_BYTES, Bodies, drain

LIMIT = 8 * SMALL_BYTES


def sent(*chunks: bytes, ends: bool = True) -> Request:
    """A request with this body; one that does not end is broken off."""
    messages: list[Message] = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.request"} if ends else {"type": "http.disconnect"})

    async def receive() -> Message:
        return messages.pop(0)

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


def of(size: int) -> Request:
    return sent(*[b"x" * SMALL_BYTES] * (size // SMALL_BYTES), b"x" * (size % SMALL_BYTES))


async def hold(bodies: Bodies, stack: AsyncExitStack, requests: Iterable[Request]) -> None:
    for request in requests:
        await stack.enter_async_context(bodies.held(request, LIMIT))


def test_what_others_hold_leaves_no_room_until_they_end() -> None:
    async def work() -> None:
        bodies = Bodies(5 * SMALL_BYTES)
        async with AsyncExitStack() as others:
            await hold(bodies, others, [of(3 * SMALL_BYTES), of(3 * SMALL_BYTES)])
            with pytest.raises(CloudError) as refused:
                async with bodies.held(late := of(3 * SMALL_BYTES), LIMIT):
                    pass
            assert (refused.value.status, refused.value.code) == (503, "ServerBusy")
            assert refused.value.headers["Retry-After"] == "5"
            assert not hasattr(late.state, "body")
            # small ones are taken all the same
            async with bodies.held(small := of(SMALL_BYTES), LIMIT):
                assert len(small.state.body) == SMALL_BYTES
        async with bodies.held(again := of(6 * SMALL_BYTES), LIMIT):
            assert again.state.body == b"x" * 6 * SMALL_BYTES

    asyncio.run(work())


def test_what_is_refused_or_broken_off_takes_no_room() -> None:
    async def work() -> None:
        bodies = Bodies(LIMIT)
        for _ in range(3):
            with pytest.raises(CloudError) as refused:
                async with bodies.held(of(LIMIT + 1), LIMIT):
                    pass
            assert (refused.value.status, refused.value.code) == (413, "RequestContentTooLarge")
            with pytest.raises(ClientDisconnect):
                async with bodies.held(sent(b"x" * LIMIT, ends=False), LIMIT):
                    pass
            with pytest.raises(ZeroDivisionError):
                async with bodies.held(of(LIMIT), LIMIT):
                    raise ZeroDivisionError
        async with bodies.held(whole := of(LIMIT), LIMIT):
            assert len(whole.state.body) == LIMIT

    asyncio.run(work())


@pytest.mark.parametrize("most", [LIMIT, SMALL_BYTES], ids=["too large", "no room"])
def test_what_is_refused_is_read_to_its_end_all_the_same(most: int) -> None:
    """A client that still sends does not read a refusal."""
    request = of(LIMIT + 3 * SMALL_BYTES)

    async def work() -> None:
        with pytest.raises(CloudError):
            async with Bodies(most).held(request, LIMIT):
                pass

    asyncio.run(work())
    assert request._stream_consumed


def test_what_never_ends_is_not_read_for_ever() -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"x" * (8 << 20), "more_body": True}

    async def work() -> None:
        for _ in range(2):
            request = Request({"type": "http", "method": "POST", "headers": []}, receive)
            with pytest.raises(CloudError) as refused:
                async with Bodies().held(request, LIMIT):
                    pass
            assert refused.value.status == 413
            await drain(Request({"type": "http", "method": "POST", "headers": []}, receive))

    asyncio.run(asyncio.wait_for(work(), 60))
