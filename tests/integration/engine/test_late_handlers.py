"""A server that is reached before it has loaded what answers: calls wait for that, and are then answered."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from engine.late_handlers import LateHandlers
from tests.support.waiting import PATIENCE_S


class _Servicer(provider_pb2_grpc.ResourceProviderServicer):
    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version="1.2.3")


class _Taken:
    """What is registered with a server."""

    def __init__(self, servicer: provider_pb2_grpc.ResourceProviderServicer) -> None:
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, self)  # type: ignore[arg-type]

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        self.handlers = handlers


@pytest.fixture
def late() -> LateHandlers:
    return LateHandlers(["CheckConfig"])


@pytest.fixture
def stub(late: LateHandlers) -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    server = grpc.server(ThreadPoolExecutor(1), handlers=[late])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield provider_pb2_grpc.ResourceProviderStub(channel)
    server.stop(None).wait(PATIENCE_S)


def test_call_waits_for_what_answers_it(
    late: LateHandlers, stub: provider_pb2_grpc.ResourceProviderStub
) -> None:
    waiting = stub.GetPluginInfo.future(empty_pb2.Empty(), timeout=PATIENCE_S)
    with pytest.raises(grpc.RpcError):  # refused at once, so the one before it has arrived, and waits
        stub.CheckConfig(provider_pb2.CheckRequest(), timeout=PATIENCE_S)
    assert not waiting.done()
    late.load(_Taken(_Servicer()).handlers)
    assert waiting.result().version == "1.2.3"


def test_what_is_not_offered_is_refused_without_a_wait(
    stub: provider_pb2_grpc.ResourceProviderStub,
) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        stub.CheckConfig(provider_pb2.CheckRequest(), timeout=PATIENCE_S)
    assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_method_that_no_handler_has_is_refused(
    late: LateHandlers, stub: provider_pb2_grpc.ResourceProviderStub
) -> None:
    late.load([])
    with pytest.raises(grpc.RpcError) as refused:
        stub.GetPluginInfo(empty_pb2.Empty(), timeout=PATIENCE_S)
    assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_plugin_that_cannot_load_ends_and_says_why(tmp_path: Path) -> None:
    """Its port is told by then, and calls may wait: neither they nor the engine may do so for ever."""
    (tmp_path / "dill.py").write_text("raise ImportError('a file of the program stands in for a library')\n")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "engine.dynamic_provider", "127.0.0.1:1"],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 1
    assert "ImportError: a file of the program stands in for a library" in done.stderr
