"""The server of a replica: localcloud's own scoring code, over mutual TLS, on a port of its own."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from typing import Final

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from localcloud.cluster.credentials import Credentials
from localcloud.placing import mutual_tls, told_counts
from localcloud.placing.wanted import APPLICATION
from localcloud.scoring.addresses import Endpoint, bind_problem
from localcloud.scoring.calls import Calls, Stage
from localcloud.scoring.counting import CountingInterceptor
from localcloud.scoring.counts import Counts
from localcloud.scoring.entry import PEER, abort
from localcloud.scoring.errors import BindError
from localcloud.scoring.health import CHECK
from localcloud.scoring.host import MESSAGE_LIMIT
from localcloud.scoring.methods import Methods
from localcloud.scoring.places import BOUNDED
from localcloud.scoring.served import ServedModel
from localcloud.scoring.under_way import UnderWay

_CHECK_TIMEOUT_S: Final = 2.0
_TRIES: Final = 16

Handler = grpc.RpcMethodHandler
Continuation = Callable[[grpc.HandlerCallDetails], "Handler[bytes, bytes] | None"]


class ReplicaServer:
    """A gRPC server that answers with one model to holders of a certificate of the cluster's CA.

    Args:
        application: the name of what it is a replica of.
        service_id: the ID of the service.
        model: answers; who gets in needs no key.
        address: the node's own, for which its certificate is.

    Raises:
        BindError: no port there can be bound.
        OSError: the files of the certificate cannot be read.
    """

    def __init__(
        self, application: str, service_id: str, model: ServedModel, address: str, credentials: Credentials
    ) -> None:
        self.counts = Counts()
        self._calls = Calls()
        self._methods = Methods(service_id, lambda: model, self._calls, self.counts)
        # Calls that a localcloud hands on are counted there.
        self._handed_on = Methods(service_id, lambda: model, self._calls, Counts())
        for methods in (self._methods, self._handed_on):
            methods.follow(model)
        self._door = _Door(application, service_id, self._handed_on)
        self._credentials = credentials
        try:
            self.endpoint, self._under_way, self._server = self._listening(address)
        except BaseException:
            self._calls.stop()
            raise
        self._lock = threading.Lock()
        self._own: grpc.Channel | None = None

    def check(self) -> None:
        """Asks the server for its health, as a caller would.

        Raises:
            grpc.RpcError: it does not answer.
            RuntimeError: it does not serve.
        """
        with self._lock:
            if self._own is None:
                self._own = mutual_tls.channel(self.endpoint, self._credentials)
            ask = self._own.unary_unary(
                CHECK, HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
            )
            # its first connection, and one that was lost, are waited for
            told = ask(HealthCheckRequest(), timeout=_CHECK_TIMEOUT_S, wait_for_ready=True)
        if told.status != HealthCheckResponse.SERVING:
            raise RuntimeError(f"The replica's health is {told.status}.")

    def under_way(self) -> int:
        """The calls that are being answered now."""
        return sum(self._calls.in_progress()[Stage.ANSWERING].values())

    def stop(self, grace_s: float) -> None:
        """Ends: its health says so, and calls under way go on to their end, or for so many seconds."""
        for methods in (self._methods, self._handed_on):
            methods.end()
        self._under_way.begin_end(self._server, grace_s).wait()
        with self._lock:
            if self._own is not None:
                self._own.close()
        self._calls.stop()

    def _counts_handler(self) -> grpc.GenericRpcHandler[bytes, bytes]:
        def tell(_request: bytes, _context: grpc.ServicerContext) -> bytes:
            return json.dumps(told_counts.written(self.counts.now())).encode()

        service, _, name = told_counts.METHOD[1:].partition("/")
        handler = grpc.unary_unary_rpc_method_handler(tell, None, None)
        return grpc.method_handlers_generic_handler(service, {name: handler})

    def _listening(self, address: str) -> tuple[Endpoint, UnderWay, grpc.Server]:
        for _ in range(_TRIES):
            endpoint = _free(address)
            under_way = UnderWay(endpoint)
            server = grpc.server(
                self._calls.threads,
                [*self._methods.handlers(), self._counts_handler()],
                # The last one remembers handlers by their paths: what depends on the call comes before.
                [under_way, self._door, CountingInterceptor(self.counts)],
                options=[
                    *mutual_tls.SERVER_OPTIONS,
                    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
                ],
            )
            tls = mutual_tls.server_credentials(self._credentials)
            try:
                server.add_secure_port(endpoint.target, tls)
            except RuntimeError as error:
                if bind_problem(endpoint) is None:  # it was the certificate
                    raise BindError(f"gRPC cannot serve with this node's certificate: {error}") from None
                continue  # somebody was faster
            server.start()
            return endpoint, under_way, server
        raise BindError(f"The replica finds no free port on {address}.")


class _Door(grpc.ServerInterceptor):  # type: ignore[type-arg] # generic in its stubs alone
    """Refuses calls that mean the replica of something else, which had this port before: UNAVAILABLE.

    Args:
        handed_on: answers calls that a localcloud hands on.
    """

    def __init__(self, application: str, service_id: str, handed_on: Methods) -> None:
        self._application, self._names = application, (application, service_id)
        self._handed_on = handed_on.handlers()
        self._refusal = grpc.stream_unary_rpc_method_handler(self._refuse, None, None)

    def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler[bytes, bytes] | None:
        """Called by gRPC for each call, before it has a thread."""
        is_handed_on = False
        for name, value in handler_call_details.invocation_metadata:
            if name == APPLICATION and value not in self._names:
                return self._refusal
            is_handed_on |= name == PEER and value == BOUNDED
        if not is_handed_on:
            return continuation(handler_call_details)
        found = (one.service(handler_call_details) for one in self._handed_on)
        return next(filter(None, found), None)

    def _refuse(self, _messages: object, context: grpc.ServicerContext) -> bytes:
        abort(context, grpc.StatusCode.UNAVAILABLE, f"This is a replica of {self._application}.")


def _free(address: str) -> Endpoint:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((address, 0))
            return Endpoint(address, probe.getsockname()[1])
    except OSError as error:
        raise BindError(f"The replica cannot listen on {address}: {error.strerror}.") from None
