"""Callers who call all the time and repeat what fails by a rule: none of their calls may fail."""

from __future__ import annotations

import functools
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, TypeVar

import grpc

from clients.wire.tensorflow_serving import METHOD
from tests.support.waiting import PATIENCE_S, wait_until

T = TypeVar("T")

SERVICE_CONFIG: Final = json.dumps(
    {
        "methodConfig": [
            {
                "name": [{"service": "tensorflow.serving.PredictionService"}],
                "waitForReady": True,
                "retryPolicy": {
                    "maxAttempts": 5,
                    "initialBackoff": "1s",
                    "maxBackoff": "5s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ]
    }
)
"""What docs/server-unit.md has callers set (gRFC A6): pauses of 1, 2, 4 and 5 s, a fifth more or less."""


@dataclass
class Tally:
    """The calls of some callers.

    Attributes:
        took_s: seconds of each call that was answered.
        failed: of each of the others its code, its words, and when it was.
    """

    took_s: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def fail(self, error: Exception) -> None:
        """Counts a call that failed."""
        words = f"{type(error).__name__}: {error}"
        if isinstance(error, grpc.RpcError):
            words = f"{error.code().name}: {error.details()}"
        self.failed.append(f"{words} ({time.monotonic() - self.began:.2f} s after the first call)")

    def __str__(self) -> str:
        number = len(self.took_s) + len(self.failed)
        return f"{len(self.failed)} of {number} failed, slowest {max(self.took_s):.1f} s"


@contextmanager
def calling(*calls: Callable[[], object]) -> Iterator[Tally]:
    """One caller for each of these calls, which makes it again and again inside the block.

    Each has been answered once when the block begins, and once more behind its end.
    """
    tally = Tally()
    ended = threading.Event()
    answered = [0] * len(calls)

    def call(number: int) -> None:
        while True:
            is_last = ended.is_set()
            began = time.monotonic()
            try:
                calls[number]()
            except Exception as error:
                tally.fail(error)
            else:
                tally.took_s.append(time.monotonic() - began)
                answered[number] += 1
            if is_last:
                return

    threads = [threading.Thread(target=call, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: all(answered) or bool(tally.failed))
        yield tally
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def repeated(ask: Callable[[], T], *passing: type[Exception]) -> T:
    """The answer, asked for again as long as none came: of what may be done twice."""
    answers: list[T] = []

    def is_answered() -> bool:
        with suppress(*passing):
            answers.append(ask())
        return bool(answers)

    wait_until(is_answered)
    return answers[0]


@contextmanager
def scoring(
    target: str, root: bytes, name: str, key: str, request: bytes, number: int
) -> Iterator[list[Callable[[], object]]]:
    """So many callers of a service over TLS, each with a connection of its own, who repeat by the rule."""
    with ExitStack() as stack:
        calls: list[Callable[[], object]] = []
        for one in range(number):
            options = (
                ("grpc.service_config", SERVICE_CONFIG),
                ("grpc.ssl_target_name_override", name),
                ("grpc.enable_http_proxy", 0),
                ("caller", one),  # channels of other options share no connection
            )
            channel = stack.enter_context(
                grpc.secure_channel(target, grpc.ssl_channel_credentials(root), options)
            )
            predict = channel.unary_unary(METHOD, bytes, bytes)
            calls.append(
                functools.partial(predict, request, metadata=(("authorization", key),), timeout=PATIENCE_S)
            )
        yield calls
