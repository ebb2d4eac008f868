"""A gRPC server with a chain and key, and a client that calls it by name."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc

_SERVICE, _METHOD = "test.Echo", "Call"


@contextmanager
def serving(certificate: bytes, private_key: bytes) -> Iterator[int]:
    """The port of a gRPC server with this chain and key. Raises RuntimeError where it does not bind."""
    with ThreadPoolExecutor(1) as pool:
        server = grpc.server(pool, options=[("grpc.so_reuseport", 0)])
        echo = grpc.unary_unary_rpc_method_handler(lambda request, _: request)
        handler = grpc.method_handlers_generic_handler(_SERVICE, {_METHOD: echo})
        server.add_generic_rpc_handlers((handler,))
        try:
            port = server.add_secure_port(
                "127.0.0.1:0", grpc.ssl_server_credentials([(private_key, certificate)])
            )
            server.start()
            yield port
        finally:
            server.stop(None).wait()


def call(port: int, fqdn: str, roots: bytes) -> bytes:
    """Calls the server at `port` as `fqdn`. Raises grpc.RpcError."""
    options = [("grpc.ssl_target_name_override", fqdn), ("grpc.enable_retries", 0)]
    credentials = grpc.ssl_channel_credentials(roots)
    with grpc.secure_channel(f"127.0.0.1:{port}", credentials, options) as channel:
        echo = channel.unary_unary(
            f"/{_SERVICE}/{_METHOD}", request_serializer=None, response_deserializer=None
        )
        answer: bytes = echo(b"hello", timeout=5)
        return answer
