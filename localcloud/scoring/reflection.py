"""gRPC's reflection of a service: what it offers, for callers that have no protos.

With SSL on it is for holders of a key.

Source: https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import grpc
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection import SERVICE_NAME, ReflectionServicer

from clients.wire.messages import POOL
from clients.wire.tensorflow_serving import SERVICE
from localcloud.scoring.entry import Entry
from localcloud.scoring.health import HEALTH
from localcloud.scoring.model_facts import MODEL_SERVICE

# Both have the same messages; grpcurl and others ask for the first one first.
NAMES: Final = ("grpc.reflection.v1.ServerReflection", SERVICE_NAME)

for _described in (health_pb2.DESCRIPTOR, reflection_pb2.DESCRIPTOR):
    POOL.AddSerializedFile(_described.serialized_pb)
_REQUEST: Final[type[Message]] = reflection_pb2.ServerReflectionRequest
_SERVICER: Final = ReflectionServicer((SERVICE, MODEL_SERVICE, HEALTH, SERVICE_NAME), POOL)


def reflection_handlers(entry: Entry) -> list[grpc.GenericRpcHandler[bytes, bytes]]:
    """The services for a gRPC server, under each name."""

    def reflect(messages: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        entry.require_key(context)

        def requests() -> Iterator[Message]:
            while (request := entry.message(messages, context, _REQUEST)) is not None:
                yield request

        # its stubs say that it returns nothing
        answers: Iterator[Message] = _SERVICER.ServerReflectionInfo(requests(), context)  # type: ignore
        for answer in answers:
            yield answer.SerializeToString()

    method = grpc.stream_stream_rpc_method_handler(reflect, None, None)
    return [grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": method}) for name in NAMES]
