"""gRPC's health of a service (grpc.health.v1): anyone may ask, and it says whether the model answers.

Source: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from typing import Final

import grpc
from google.protobuf.message import Message
from grpc_health.v1.health import OVERALL_HEALTH, SERVICE_NAME, HealthServicer
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from clients.wire.tensorflow_serving import SERVICE
from localcloud.scoring.calls import Calls
from localcloud.scoring.entry import Entry, abort, host_of, peer_of
from localcloud.scoring.errors import BusyError
from localcloud.scoring.model_facts import MODEL_SERVICE
from localcloud.scoring.scorer import Scorer

HEALTH: Final = SERVICE_NAME
CHECK: Final = f"/{HEALTH}/Check"
"""The path of the method that asks once."""

_SERVICES: Final = (OVERALL_HEALTH, SERVICE, MODEL_SERVICE)


class Health:
    """The health of a service: SERVING once its model is loaded, NOT_SERVING before, and when it ends.

    Args:
        service: the ID of the service.
        entry: its entry; no key is asked for.
        calls: the calls of all services.
    """

    def __init__(self, service: str, entry: Entry, calls: Calls) -> None:
        self._service, self._entry, self._calls = service, entry, calls
        self._servicer = HealthServicer(experimental_non_blocking=True)
        self._current: Scorer | Future[Scorer] | None = None
        self._lock = threading.Lock()
        self._watchers: set[_Watcher] = set()
        self._ended = False

    def handler(self) -> grpc.GenericRpcHandler[bytes, bytes]:
        """The service for a gRPC server."""
        methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            "Check": grpc.stream_unary_rpc_method_handler(self._check, None, None),
            "Watch": grpc.stream_stream_rpc_method_handler(_Watch(self._watch), None, None),
        }
        return grpc.method_handlers_generic_handler(HEALTH, methods)

    def follow(self, scorer: Scorer | Future[Scorer]) -> None:
        """Tells of the model that answers from now on."""
        self._current = scorer
        if isinstance(scorer, Future):
            self._set(HealthCheckResponse.NOT_SERVING)
            scorer.add_done_callback(self._loaded)
        else:
            self._set(HealthCheckResponse.SERVING)

    def end(self) -> None:
        """Tells who watches that the service ends."""
        self._ended = True
        self._servicer.enter_graceful_shutdown()
        with self._lock:
            watchers = list(self._watchers)
        for watcher in watchers:  # else the server's end would wait for theirs
            watcher(None)

    def _loaded(self, scorer: Future[Scorer]) -> None:
        if scorer is self._current and not scorer.cancelled() and scorer.exception() is None:
            self._set(HealthCheckResponse.SERVING)

    def _set(self, status: HealthCheckResponse.ServingStatus.ValueType) -> None:
        for name in _SERVICES:
            self._servicer.set(name, status)

    def _check(self, messages: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        request = self._entry.only_message(messages, context, HealthCheckRequest)
        answer: Message = self._servicer.Check(request, context)
        return answer.SerializeToString()

    def _watch(
        self, messages: Iterator[bytes], context: grpc.ServicerContext, send: Callable[[bytes | None], None]
    ) -> None:
        request = self._entry.only_message(messages, context, HealthCheckRequest)
        place = ExitStack()
        try:
            place.enter_context(self._calls.watching(self._service, host_of(peer_of(context))))
        except BusyError as error:
            abort(context, grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))
        watcher = _Watcher(send)
        with self._lock:
            self._watchers.add(watcher)
        place.callback(self._forget, watcher)
        if not context.add_callback(place.close):
            place.close()
            return
        self._servicer.Watch(request, context, watcher)
        if self._ended:
            watcher(None)

    def _forget(self, watcher: _Watcher) -> None:
        with self._lock:
            self._watchers.discard(watcher)


class _Watcher:
    """A caller that watches: is told each status, and the end once."""

    def __init__(self, send: Callable[[bytes | None], None]) -> None:
        self._send: Callable[[bytes | None], None] | None = send
        self._lock = threading.Lock()

    def __call__(self, told: HealthCheckResponse | None) -> None:
        with self._lock:
            send = self._send
            if told is None:
                self._send = None
            if send is not None:
                send(None if told is None else told.SerializeToString())


class _Watch:
    """The behaviour of `Watch` as gRPC takes one that holds no thread while nothing changes."""

    experimental_non_blocking: Final = True

    def __init__(self, behavior: Callable[..., None]) -> None:
        self._behavior = behavior

    def __call__(
        self,
        messages: Iterator[bytes],
        context: grpc.ServicerContext,
        send_response_callback: Callable[[bytes | None], None],
    ) -> None:
        self._behavior(messages, context, send_response_callback)
