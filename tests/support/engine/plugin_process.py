"""The azure-native stand-in as the engine meets it: a process of its own, driven over gRPC."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from engine.azure_native.types import ResourceType
from engine.azure_native.values import Properties, from_struct, to_struct
from tests.support.waiting import PATIENCE_S

STACK = "urn:pulumi:test::fpga-web-service"


def urn(kind: ResourceType, name: str = "thing") -> str:
    """A URN as the engine makes it."""
    return f"{STACK}::{kind.token}::{name}"


class Plugin:
    """A plugin that runs, with the engine's calls in the words of a test."""

    def __init__(self, process: subprocess.Popen[str], channel: grpc.Channel) -> None:
        self.process = process
        self.stub = provider_pb2_grpc.ResourceProviderStub(channel)

    def configure(self, settings: Mapping[str, Any]) -> provider_pb2.ConfigureResponse:
        """Configures it with settings of the namespace azure-native."""
        answer: provider_pb2.ConfigureResponse = self.stub.Configure(
            provider_pb2.ConfigureRequest(args=to_struct(settings))
        )
        return answer

    def check(self, kind: ResourceType, news: Properties, olds: Properties | None = None) -> Properties:
        """Inputs with their defaults; fails the test if they are refused."""
        answer = self.stub.Check(
            provider_pb2.CheckRequest(
                urn=urn(kind), olds=to_struct(olds or {}), news=to_struct(news), randomSeed=b"seed"
            )
        )
        assert not answer.failures, answer.failures
        return from_struct(answer.inputs)

    def diff(self, kind: ResourceType, olds: Properties, news: Properties) -> provider_pb2.DiffResponse:
        """What a change of inputs means."""
        answer: provider_pb2.DiffResponse = self.stub.Diff(
            provider_pb2.DiffRequest(urn=urn(kind), id="id", old_inputs=to_struct(olds), news=to_struct(news))
        )
        return answer

    def create(
        self, kind: ResourceType, inputs: Properties, *, preview: bool = False
    ) -> tuple[str, Properties]:
        """Id and outputs of what was created."""
        answer = self.stub.Create(
            provider_pb2.CreateRequest(urn=urn(kind), properties=to_struct(inputs), preview=preview)
        )
        return answer.id, from_struct(answer.properties)

    def read(
        self, kind: ResourceType, identifier: str, olds: Properties, inputs: Properties
    ) -> tuple[str, Properties, Properties]:
        """Id, outputs and inputs as they stand; an empty id: gone."""
        answer = self.stub.Read(
            provider_pb2.ReadRequest(
                urn=urn(kind), id=identifier, properties=to_struct(olds), inputs=to_struct(inputs)
            )
        )
        return answer.id, from_struct(answer.properties), from_struct(answer.inputs)

    def update(
        self,
        kind: ResourceType,
        identifier: str,
        olds: Properties,
        old_inputs: Properties,
        news: Properties,
        *,
        preview: bool = False,
    ) -> Properties:
        """Outputs after an update."""
        answer = self.stub.Update(
            provider_pb2.UpdateRequest(
                urn=urn(kind),
                id=identifier,
                olds=to_struct(olds),
                old_inputs=to_struct(old_inputs),
                news=to_struct(news),
                preview=preview,
            )
        )
        return from_struct(answer.properties)

    def delete(self, kind: ResourceType, identifier: str, inputs: Properties) -> None:
        """Deletes."""
        self.stub.Delete(
            provider_pb2.DeleteRequest(urn=urn(kind), id=identifier, old_inputs=to_struct(inputs))
        )

    def invoke(self, token: str, arguments: Properties) -> Properties:
        """The result of a function."""
        answer = self.stub.Invoke(provider_pb2.InvokeRequest(tok=token, args=to_struct(arguments)))
        return from_struct(getattr(answer, "return"))


@contextmanager
def plugin(ca_file: Path | None = None, *options: str, home: Path | None = None) -> Iterator[Plugin]:
    """Starts the stand-in; `options` are the Python's.

    Args:
        home: the Pulumi home, where it notes what is under way; None: none is set.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ARM_")}
    environment.pop("PULUMI_HOME", None)
    if home is not None:
        environment["PULUMI_HOME"] = str(home)
    if ca_file is not None:
        environment["SSL_CERT_FILE"] = str(ca_file)
    with started("engine.azure_native", *options, environment=environment) as (process, channel):
        yield Plugin(process, channel)


@contextmanager
def started(
    module: str, *options: str, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], grpc.Channel]]:
    """Starts a plugin as the engine does, and interrupts it as the engine does.

    Args:
        options: the Python's.
        folder: where it runs.
    """
    process = subprocess.Popen(
        [sys.executable, *options, "-m", module, "127.0.0.1:1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=environment,
    )
    with process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield process, channel
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE_S)
    assert "Traceback" not in errors
