"""What providers tell the engine: over its own protocol, not too early, and not too often."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from infra.providers.engine_log import Waiting, warn_once


class Engine(engine_pb2_grpc.EngineServicer):
    """The engine's side; keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def Log(self, request: engine_pb2.LogRequest, context: Any) -> empty_pb2.Empty:
        self.told.append((engine_pb2.LogSeverity.Name(request.severity), request.message))
        return empty_pb2.Empty()


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    listening, engine = grpc.server(futures.ThreadPoolExecutor(max_workers=1)), Engine()
    engine_pb2_grpc.add_EngineServicer_to_server(engine, listening)
    port = listening.add_insecure_port("127.0.0.1:0")
    listening.start()
    monkeypatch.setattr("sys.argv", ["plugin", f"127.0.0.1:{port}"])
    yield engine
    listening.stop(None).wait()


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_wait_is_told_after_two_seconds_and_then_every_ten(engine: Engine) -> None:
    clock = Clock()
    waiting = Waiting(clock)

    for clock.now, message in ((101.9, "a"), (102.0, "b"), (111.9, "c"), (112.0, "d")):
        waiting(message)

    assert engine.told == [("INFO", "b"), ("INFO", "d")]


def test_a_long_pause_is_told_before_it_begins(engine: Engine) -> None:
    clock = Clock()
    waiting = Waiting(clock)

    waiting("short", 1.0)
    waiting("long", 60.0)
    clock.now += 60.0
    waiting("after", 0.0)

    assert engine.told == [("INFO", "long"), ("INFO", "after")]


def test_a_warning_comes_once(engine: Engine) -> None:
    warn_once("only here")
    warn_once("only here")

    assert engine.told == [("WARNING", "only here")]
