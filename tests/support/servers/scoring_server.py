"""A real gRPC server that answers Predict as a scoring service does, and notes what came."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import grpc
import numpy as np

from clients.wire import messages
from clients.wire import tensorflow_serving as serving
from tests.support.certificates.forge import Made, chain

Handler = Callable[[messages.PredictRequest, grpc.ServicerContext], messages.PredictResponse]

MODELS: Final = "tensorflow.serving.ModelService"


@dataclass
class Running:
    """A server that runs: its port, and what the calls brought."""

    port: int
    requests: list[messages.PredictRequest] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)


def scores(request: messages.PredictRequest, context: grpc.ServicerContext) -> messages.PredictResponse:
    """Three scores for any input."""
    response = messages.PredictResponse()
    array = np.array([[0.1, 0.7, 0.2]], dtype=np.float32)
    response.outputs["output_alias"].CopyFrom(serving.tensor_from_array(array))
    return response


@contextmanager
def scoring_server(
    *,
    tls: Made | None = None,
    above: Sequence[Made] = (),
    key: str | None = None,
    handler: Handler = scores,
    address: str = "127.0.0.1",
) -> Iterator[Running]:
    """Serves on a free port; wants the key where one is given, and says of its model that it is there.

    Args:
        tls: its certificate; `above`: what it sends behind it.
    """
    running = Running(port=0)

    def predict(request: messages.PredictRequest, context: grpc.ServicerContext) -> messages.PredictResponse:
        metadata = dict(context.invocation_metadata())
        sent = metadata.get("authorization")
        running.keys.append(sent if isinstance(sent, str) else None)
        running.requests.append(request)
        if key is not None and sent != key:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "a key is needed")
        return handler(request, context)

    method = grpc.unary_unary_rpc_method_handler(
        predict,
        request_deserializer=messages.PredictRequest.FromString,
        response_serializer=messages.PredictResponse.SerializeToString,
    )
    status = grpc.unary_unary_rpc_method_handler(
        lambda _request, _context: messages.GetModelStatusResponse(),
        request_deserializer=messages.GetModelStatusRequest.FromString,
        response_serializer=messages.GetModelStatusResponse.SerializeToString,
    )
    server = grpc.server(ThreadPoolExecutor(max_workers=2), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers(
        [
            grpc.method_handlers_generic_handler(serving.SERVICE, {"Predict": method}),
            grpc.method_handlers_generic_handler(MODELS, {"GetModelStatus": status}),
        ]
    )
    if tls is None:
        running.port = server.add_insecure_port(f"{address}:0")
    else:
        credentials = grpc.ssl_server_credentials([(tls.key_pem, chain(tls, *above))])
        running.port = server.add_secure_port(f"{address}:0", credentials)
    server.start()
    try:
        yield running
    finally:
        server.stop(None).wait()
