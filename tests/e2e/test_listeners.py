"""Everything that listens while a stack is deployed is on loopback: engine, plugins, program, localcloud."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.support import listening
from tests.support.listening import Listening, needs_proc
from tests.support.stacks.program_stack import ProgramStack

pytestmark = needs_proc

_INTERVAL_S = 0.05


@contextmanager
def watched() -> Iterator[set[Listening]]:
    """What this process and all that it starts listen at, at any time inside the block."""
    found: set[Listening] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_INTERVAL_S):
            found.update(listening.at(listening.with_descendants(os.getpid())))

    watcher = threading.Thread(target=watch, name="listening")
    watcher.start()
    try:
        yield found
    finally:
        over.set()
        watcher.join()


def test_what_listens_during_an_update_is_on_loopback(make_stack: Callable[..., ProgramStack]) -> None:
    stack = make_stack("listeners")
    before = listening.at(listening.with_descendants(os.getpid()))
    with watched() as found:
        stack.up()
    (service,) = stack.services()
    assert Listening("tcp", str(service.address), service.port or 0) in found
    engine = found - before - {Listening("tcp", str(service.address), service.port or 0)}
    assert len(engine) >= 3, "the engine, its language host and a plugin or more"
    assert {one for one in found if not one.is_loopback} == set()
