"""The callers at a machine of their own, and what became of their calls."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from tests.support.localcloud.scoring_parts import PHOTO
from tests.support.machines import Machine
from tests.support.waiting import PATIENCE_S

CALLERS: Final = 8


@dataclass(frozen=True)
class Call:
    """One call, from when to when (monotonic seconds, the same on all machines of this one).

    Attributes:
        code, words: gRPC's status.
        answer: the class with the highest score; None: it failed.
    """

    caller: int
    began_s: float
    ended_s: float
    code: str
    words: str
    answer: int | None

    @property
    def took_s(self) -> float:
        """How long it took."""
        return self.ended_s - self.began_s


class Callers:
    """The calls as they are told, the first to end first."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._told = threading.Condition()
        self._calls: list[Call] = []
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def number(self) -> int:
        """How many calls have ended."""
        with self._told:
            return len(self._calls)

    def since(self, number: int) -> list[Call]:
        """The calls that ended behind the first so many."""
        with self._told:
            return self._calls[number:]

    def let_each_be_answered(self, began_s: float, answer: int | None = None) -> float:
        """Waits until each caller has an answer to a call that began since then: when the last one had it.

        Args:
            answer: the class that it must be; None: any.

        Raises:
            AssertionError: one is not answered.
        """

        def firsts() -> dict[int, float]:
            found: dict[int, float] = {}
            for call in self._calls:
                if call.began_s >= began_s and call.code == "OK" and answer in (None, call.answer):
                    found.setdefault(call.caller, call.ended_s)
            return found

        with self._told:
            is_answered = self._told.wait_for(lambda: len(firsts()) == CALLERS, PATIENCE_S)
            assert is_answered, f"a caller was not answered in {PATIENCE_S:g} s: {self._calls[-CALLERS:]}"  # noqa: S101
            return max(firsts().values())

    def listen_to_the_end(self) -> None:
        """Waits until the callers have ended."""
        self._listener.join()

    def _listen(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - made with a pipe
        for line in self._process.stdout:
            with self._told:
                self._calls.append(Call(*json.loads(line)))
                self._told.notify_all()


@contextmanager
def calling(machine: Machine, name: str, port: int, root: bytes, key: str) -> Iterator[Callers]:
    """The callers of a service, who call from the machine inside the block."""
    command = [sys.executable, "-m", "tools.chaos.cluster.calling", name, str(port), str(CALLERS), str(PHOTO)]
    with subprocess.Popen(
        machine.command(*command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None  # noqa: S101 - made with a pipe
        print(json.dumps({"root": root.decode(), "key": key}), file=process.stdin, flush=True)
        callers = Callers(process)
        try:
            yield callers
        finally:
            process.stdin.close()
            callers.listen_to_the_end()
