"""A localcloud that ends takes no new call, and has the calls under way end first."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckResponse
from starlette.requests import Request
from starlette.responses import Response

from clients.wire.tensorflow_serving import METHOD
from localcloud import authority, ports
from localcloud.certificate.pair import Pair
from localcloud.errors import CloudError
from localcloud.http.frame import Frame
from localcloud.http.lanes import Route
from localcloud.http.listener import served
from localcloud.scoring.errors import StoppingError
from localcloud.scoring.health import HEALTH
from localcloud.scoring.host import Deployment, ScoringHost
from localcloud.scoring.pipeline import load_package
from localcloud.scoring.scorer import Scorer
from localcloud.scoring.under_way import UnderWay
from tests.support.localcloud import scoring_parts
from tests.support.waiting import PATIENCE_S, is_closed, wait_until

CALLS = 8


class Ending:
    """An HTTPS listener; `work` waits until `done`."""

    def __init__(self, port: int, ca: Path) -> None:
        self.port, self.ca = port, ca
        self.drain_s = PATIENCE_S
        self.done, self.at_work = threading.Event(), threading.Semaphore(0)
        self.end: contextlib.ExitStack = contextlib.ExitStack()

    def work(self, request: Request) -> Response:
        self.at_work.release()
        self.done.wait(PATIENCE_S)
        return Response("done")

    def connection(self) -> http.client.HTTPSConnection:
        context = ssl.create_default_context(cafile=str(self.ca))
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=PATIENCE_S, context=context)


def ask(connection: http.client.HTTPSConnection, path: str) -> http.client.HTTPResponse:
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    return answer


@pytest.fixture
def ending(tmp_path: Path) -> Iterator[Ending]:
    made = authority.load_or_make(tmp_path, "127.0.0.1")
    port = ports._free("127.0.0.1", set())
    found = Ending(port, made.ca)
    frame = Frame(
        base_urls=(f"https://127.0.0.1:{port}",),
        public=[Route("/work", found.work), Route("/", lambda _request: Response("here"))],
        routes=[],
        authenticate=lambda _authorization: None,
        authorize=lambda _request, _route: None,
        record=lambda _request, _status: None,
        missing=lambda _request: CloudError(404, "NotFound", "No."),
    )
    pair = Pair(made.certificate.read_bytes(), made.key.read_bytes())
    with found.end:
        found.end.callback(frame.close)
        found.end.callback(found.done.set)
        found.end.enter_context(served(frame, "127.0.0.1", port, pair, lambda: found.drain_s))
        yield found


def test_requests_under_way_are_answered_and_close_their_connections(ending: Ending) -> None:
    working, kept = ending.connection(), ending.connection()
    with ThreadPoolExecutor(2) as pool, contextlib.closing(working), contextlib.closing(kept):
        answer = pool.submit(ask, working, "/work")
        assert ending.at_work.acquire(timeout=PATIENCE_S)
        before = ask(kept, "/")
        assert before.getheader("connection") is None
        ended = pool.submit(ending.end.close)
        wait_until(lambda: is_closed(ending.port))

        late = ask(kept, "/")  # over a connection that was there, while another one is at work
        assert (late.status, late.getheader("connection")) == (200, "close")
        assert not ended.done()
        ending.done.set()
        found = answer.result(PATIENCE_S)
        assert (found.status, found.getheader("connection")) == (200, "close")
        ended.result(PATIENCE_S)


def test_no_request_holds_the_end_up_for_longer(ending: Ending) -> None:
    ending.drain_s = 0.1
    with ThreadPoolExecutor(2) as pool, contextlib.closing(ending.connection()) as working:
        answer = pool.submit(ask, working, "/work")
        assert ending.at_work.acquire(timeout=PATIENCE_S)
        ended = pool.submit(ending.end.close)
        with pytest.raises((http.client.HTTPException, OSError)):
            answer.result(PATIENCE_S)
        ended.result(PATIENCE_S)


@pytest.fixture
def host() -> Iterator[ScoringHost]:
    found = ScoringHost()
    yield found
    found.stop(0)


def loaded() -> Future[Scorer]:
    pipeline: Future[Scorer] = Future()
    pipeline.set_result(load_package(scoring_parts.package(), scoring_parts.device()))
    return pipeline


def deployed(host: ScoringHost, pipeline: Future[Scorer]) -> str:
    where = scoring_parts.free_endpoint()
    host.deploy(
        Deployment("service", where.address, where.port, pipeline, None, "a", "b", scoring_parts.MODEL)
    )
    return f"{where.address}:{where.port}"


def listens(target: str) -> bool:
    host, _, port = target.rpartition(":")
    try:
        socket.create_connection((host, int(port)), PATIENCE_S).close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_scoring_call_under_way_is_answered_and_new_ones_find_nobody(host: ScoringHost) -> None:
    loading: Future[Scorer] = Future()
    target = deployed(host, loading)
    request = scoring_parts.photo_request().SerializeToString()
    with ThreadPoolExecutor(1) as pool, grpc.insecure_channel(target) as channel:
        call = _call(channel)
        answer = call.future(request, timeout=PATIENCE_S)
        wait_until(lambda: host._calls._waiting._total > 0)
        ended = pool.submit(host.stop, PATIENCE_S)
        # over a connection that is older than the port's end, a call would be answered
        wait_until(lambda: not listens(target))
        with grpc.insecure_channel(target, [("a", 1)]) as other:
            wait_until(lambda: _code(_call(other), request) is grpc.StatusCode.UNAVAILABLE)
        loading.set_result(load_package(scoring_parts.package(), scoring_parts.device()))
        assert answer.result(PATIENCE_S)
        ended.result(PATIENCE_S)


def test_others_are_answered_over_their_connections_while_a_call_goes_on(host: ScoringHost) -> None:
    loading: Future[Scorer] = Future()
    target = deployed(host, loading)
    with ThreadPoolExecutor(1) as pool, grpc.insecure_channel(target) as channel:
        answer = _call(channel).future(scoring_parts.photo_request().SerializeToString(), PATIENCE_S)
        wait_until(lambda: host._calls._waiting._total > 0)
        check = channel.unary_unary(f"/{HEALTH}/Check", bytes, HealthCheckResponse.FromString)
        ended = pool.submit(host.stop, PATIENCE_S)
        wait_until(lambda: not listens(target))
        with grpc.insecure_channel(target, [("a", 1)]) as other:
            wait_until(lambda: _code(_call(other), b"") is grpc.StatusCode.UNAVAILABLE)
        assert check(b"", timeout=PATIENCE_S).status == HealthCheckResponse.NOT_SERVING
        assert not ended.done()
        loading.set_result(load_package(scoring_parts.package(), scoring_parts.device()))
        assert answer.result(PATIENCE_S)
        ended.result(PATIENCE_S)


def test_a_call_that_waits_for_a_model_is_to_be_repeated_when_localcloud_ends(host: ScoringHost) -> None:
    loading: Future[Scorer] = Future()
    with grpc.insecure_channel(deployed(host, loading)) as channel:
        answer = _call(channel).future(scoring_parts.photo_request().SerializeToString(), PATIENCE_S)
        wait_until(lambda: host._calls._waiting._total > 0)
        loading.set_exception(StoppingError("localcloud ends before the model is loaded."))
        error = answer.exception()
    assert isinstance(error, grpc.RpcError)
    assert (error.code(), error.details()) == (
        grpc.StatusCode.UNAVAILABLE,
        "localcloud ends before the model is loaded.",
    )


def test_a_call_that_is_cut_off_is_to_be_repeated(host: ScoringHost) -> None:
    with grpc.insecure_channel(deployed(host, Future())) as channel:
        answer = _call(channel).future(scoring_parts.photo_request().SerializeToString(), PATIENCE_S)
        wait_until(lambda: host._calls._waiting._total > 0)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(host.stop, 0.1)
            error = answer.exception()
    assert isinstance(error, grpc.RpcError)
    assert error.code() is grpc.StatusCode.UNAVAILABLE


def test_a_call_that_has_no_handler_yet_is_to_be_repeated_and_not_cancelled(
    host: ScoringHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = scoring_parts.photo_request().SerializeToString()
    is_busy, goes_on = threading.Event(), threading.Event()

    def ended_slowly(calls: UnderWay, is_late: bool, ended: Callable[..., None] = UnderWay._ended) -> None:
        """On the thread on which gRPC hands calls to handlers: it comes to none meanwhile."""
        is_busy.set()
        goes_on.wait(PATIENCE_S)
        ended(calls, is_late)

    monkeypatch.setattr(UnderWay, "_ended", ended_slowly)
    with ThreadPoolExecutor(1) as pool, grpc.insecure_channel(deployed(host, loaded())) as channel:
        assert _call(channel)(request, timeout=PATIENCE_S)
        assert is_busy.wait(PATIENCE_S)
        predict = channel.stream_unary(METHOD, bytes, bytes)
        sent = threading.Semaphore(0)

        def messages() -> Iterator[bytes]:
            yield request
            sent.release()  # it is asked for more when the first is written

        calls = [predict.future(messages(), PATIENCE_S) for _ in range(CALLS)]
        for _ in calls:
            assert sent.acquire(timeout=PATIENCE_S)
        ended = pool.submit(host.stop, 0)
        goes_on.set()
        found = [one.exception() for one in calls]
        ended.result(PATIENCE_S)
    codes = [error.code() for error in found if isinstance(error, grpc.RpcError)]
    assert codes == [grpc.StatusCode.UNAVAILABLE] * CALLS


def test_no_call_of_many_over_each_connection_is_cancelled(host: ScoringHost) -> None:
    """Calls come all the time, whatever becomes of those before."""
    target = deployed(host, loaded())
    codes: Counter[grpc.StatusCode] = Counter()
    is_over = threading.Event()

    def call_on(channel: grpc.Channel) -> None:
        predict = _call(channel)
        under_way: deque[grpc.Future[bytes]] = deque()
        while not is_over.is_set() or under_way:
            while len(under_way) < CALLS and not is_over.is_set():
                under_way.append(predict.future(b"no message", PATIENCE_S))
            error = under_way.popleft().exception()
            assert isinstance(error, grpc.RpcError)
            codes[error.code()] += 1

    with ThreadPoolExecutor(4) as pool, contextlib.ExitStack() as stack:
        channels = [stack.enter_context(grpc.insecure_channel(target, [("a", n)])) for n in range(4)]
        callers = [pool.submit(call_on, one) for one in channels]
        wait_until(lambda: bool(codes) or any(one.done() for one in callers))
        host.stop(PATIENCE_S)
        is_over.set()
        for one in callers:
            one.result(PATIENCE_S)
    assert codes.keys() == {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNAVAILABLE}


def _call(channel: grpc.Channel) -> grpc.UnaryUnaryMultiCallable[bytes, bytes]:
    return channel.unary_unary(METHOD, bytes, bytes)


def _code(call: grpc.UnaryUnaryMultiCallable[bytes, bytes], request: bytes) -> grpc.StatusCode | None:
    try:
        call(request, timeout=1)
    except grpc.RpcError as error:
        return error.code()
    return None
