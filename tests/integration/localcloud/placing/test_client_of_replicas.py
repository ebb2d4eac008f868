"""The client of a service's replicas, over mutual TLS: who gets a call, and what becomes of a lost one."""

from __future__ import annotations

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import grpc
import psutil
import pytest

from clients.wire.messages import PredictResponse
from clients.wire.tensorflow_serving import METHOD, array_from_tensor
from localcloud.cluster.credentials import Credentials
from localcloud.placing import client, mutual_tls
from localcloud.placing.client import Replicas
from localcloud.placing.wanted import APPLICATION
from localcloud.scoring.addresses import Endpoint
from localcloud.scoring.calls import Stage
from localcloud.scoring.counts import summed
from localcloud.scoring.entry import PEER
from localcloud.scoring.errors import BusyError, InputError, ScoringError, StoppingError
from localcloud.scoring.host import Deployment, ScoringHost
from localcloud.scoring.scorer import Replicated, Scorer
from tests.support.certificates.authority import Authority
from tests.support.cluster import replicas
from tests.support.cluster.replicas import SHAPE, Gated, ReplicaProcess, Slow, request, serving
from tests.support.localcloud.scoring_parts import MODEL, free_endpoint
from tests.support.waiting import PATIENCE_S, wait_until

CALLERS = 8


@pytest.fixture
def scorer(files: Credentials, running: ExitStack) -> Replicas:
    made = Replicas(SHAPE, files, None, replicas.APPLICATION)
    running.callback(made.close)
    return made


def scores(answer: bytes) -> list[float]:
    return [
        float(one) for one in array_from_tensor(PredictResponse.FromString(answer).outputs["output_alias"])[0]
    ]


def started(files: Credentials, running: ExitStack, number: int) -> list[ReplicaProcess]:
    with ThreadPoolExecutor(number) as pool:
        made = list(pool.map(lambda _: ReplicaProcess(files), range(number)))
    for one in made:
        running.callback(one.end)
    return made


class Callers:
    """Callers that call one call after the other until they are ended."""

    def __init__(self, scorer: Scorer, number: int = CALLERS) -> None:
        self._scorer, self._ended = scorer, threading.Event()
        self.failed: list[str] = []
        self.took_s: list[float] = []
        self._pool = ThreadPoolExecutor(number)
        self._runs = [self._pool.submit(self._run, value) for value in range(number)]

    def _run(self, value: float) -> None:
        while not self._ended.is_set():
            began = time.monotonic()
            try:
                if scores(self._scorer.answer(request(value), 20)) != [value] * 3:
                    self.failed.append("another call's answer")
            except ScoringError as error:
                self.failed.append(f"{type(error).__name__}: {error}")
            self.took_s.append(time.monotonic() - began)

    def made(self, more: int) -> None:
        """Waits until so many more calls have ended."""
        until = len(self.took_s) + more
        wait_until(lambda: len(self.took_s) >= until)

    def end(self) -> None:
        self._ended.set()
        for one in self._runs:
            one.result(PATIENCE_S)
        self._pool.shutdown()


def test_calls_go_to_the_replica_that_has_the_fewest(
    files: Credentials, running: ExitStack, scorer: Replicas
) -> None:
    models = [Gated(), Gated()]
    servers = [running.enter_context(serving(files, model)) for model in models]
    for model in models:
        running.callback(model.gate.set)
    scorer.follow([server.endpoint for server in servers])
    replicated: Replicated = scorer
    assert (replicated.shape, scorer.computes_here) == (SHAPE, False)
    wait_until(lambda: all(one.answers for one in scorer._replicas.values()))
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(scorer.answer, request(value), 60) for value in range(4)]
        for model in models:  # two each
            assert model.began.acquire(timeout=PATIENCE_S)
            if model is models[0]:
                model.gate.set()
        models[1].gate.set()
        assert [scores(one.result(PATIENCE_S)) for one in answers] == [[value] * 3 for value in range(4)]
    assert [model.runs for model in models] == [2, 2]
    assert [server.counts.now().codes for server in servers] == [{}, {}], "they are counted where they came"


def test_a_killed_replica_loses_no_call(files: Credentials, running: ExitStack, scorer: Replicas) -> None:
    made = started(files, running, 3)
    scorer.follow([one.endpoint for one in made])
    callers = Callers(scorer)
    running.callback(callers.end)
    callers.made(CALLERS * 4)
    made[0].end()
    callers.made(CALLERS * 4)
    made[1].end()
    callers.made(CALLERS * 4)
    callers.end()
    assert callers.failed == []
    assert max(callers.took_s) < 3


def test_a_silent_replica_is_found_within_three_seconds(
    files: Credentials, running: ExitStack, scorer: Replicas
) -> None:
    made = started(files, running, 2)
    scorer.follow([one.endpoint for one in made])
    callers = Callers(scorer)
    running.callback(callers.end)
    callers.made(CALLERS * 4)
    made[0].process.send_signal(signal.SIGSTOP)
    wait_until(lambda: not scorer._replicas[made[0].endpoint].answers)
    callers.made(CALLERS * 4)
    made[0].process.send_signal(signal.SIGCONT)
    wait_until(lambda: scorer._replicas[made[0].endpoint].answers)
    callers.end()
    assert callers.failed == []
    assert max(callers.took_s) < 4, "silence is found within 3 s, and then the call goes to another one"


def test_calls_under_way_go_on_where_replicas_come_and_go(
    files: Credentials, running: ExitStack, scorer: Replicas
) -> None:
    made = [running.enter_context(serving(files, Slow(0.01))) for _ in range(3)]
    endpoints = [one.endpoint for one in made]
    scorer.follow(endpoints[:1])
    callers = Callers(scorer)
    running.callback(callers.end)
    for number in range(30):
        scorer.follow([endpoints[number % 3], endpoints[(number + number // 3) % 3]])
        callers.made(4)
    callers.end()
    assert callers.failed == []


def test_a_replica_that_drains_loses_no_call(
    files: Credentials, running: ExitStack, scorer: Replicas
) -> None:
    made = [running.enter_context(serving(files, Slow(0.01))) for _ in range(2)]
    scorer.follow([one.endpoint for one in made])
    callers = Callers(scorer)
    running.callback(callers.end)
    callers.made(CALLERS * 2)
    made[0].stop(30)
    callers.made(CALLERS * 2)
    callers.end()
    assert callers.failed == []


def test_the_end_of_the_client_leaves_nothing(files: Credentials, running: ExitStack) -> None:
    model = Gated()
    running.callback(model.gate.set)
    server = running.enter_context(serving(files, model))
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
        process = psutil.Process()
        threads = threading.active_count()

        def connected() -> int:
            peers = [one.raddr.port for one in process.net_connections("tcp") if one.raddr]
            return peers.count(server.endpoint.port)

        scorer = Replicas(SHAPE, files)
        scorer.follow([server.endpoint, Endpoint("127.0.0.1", 1)])
        under_way = pool.submit(scorer.answer, request(1), 60)
        assert model.began.acquire(timeout=PATIENCE_S)
        scorer.close()
        with pytest.raises(StoppingError, match=r"^The service ends: call again\.$"):
            scorer.answer(request(1), 60)
        model.gate.set()
        assert scores(under_way.result(PATIENCE_S)) == [1] * 3
        wait_until(lambda: connected() == 0)
        wait_until(lambda: threading.active_count() <= threads)
        scorer.close()
        scorer.follow([server.endpoint])
        assert connected() == 0


def test_a_call_waits_where_no_replica_is_known_yet(
    files: Credentials, running: ExitStack, scorer: Replicas
) -> None:
    server = running.enter_context(serving(files))
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(scorer.answer, request(2), 60)
        scorer.follow([server.endpoint])
        assert scores(answer.result(PATIENCE_S)) == [2] * 3


def test_a_call_without_a_replica_ends_in_words(scorer: Replicas, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        StoppingError, match=r"^No replica of the service answered within the call's deadline\.$"
    ):
        scorer.answer(request(1), 0.05)
    monkeypatch.setattr(client, "PATIENCE_S", 0.05)
    with pytest.raises(StoppingError, match=r"^No replica of the service answers now: call again later\.$"):
        scorer.answer(request(1), None)


def test_a_local_copy_answers_where_no_replica_does(files: Credentials, running: ExitStack) -> None:
    class Here:
        shape, computes_here = SHAPE, True

        def answer(self, message: bytes, timeout_s: float | None) -> bytes:
            return b"here"

    with closing(Replicas(SHAPE, files, Here())) as scorer:
        assert scorer.answer(request(1), 20) == b"here"
        server = running.enter_context(serving(files))
        scorer.follow([server.endpoint])
        wait_until(lambda: scorer.answer(request(1), 20) != b"here")
        scorer.follow([])
        assert scorer.answer(request(1), 20) == b"here"


def test_refusals_of_a_replica_are_answers(files: Credentials, running: ExitStack, scorer: Replicas) -> None:
    class Broken(Slow):
        runs = 0

        def run(self, images: object) -> object:  # type: ignore[override]
            self.runs += 1
            raise ArithmeticError("a secret of the model")

    broken = Broken(0)
    server = running.enter_context(serving(files, broken))
    scorer.follow([server.endpoint])
    with pytest.raises(
        InputError, match=r"^This service takes one input, 'images'; the request has: none\.$"
    ):
        scorer.answer(b"", 20)
    with pytest.raises(ScoringError, match=r"^The model failed on this request\.$") as failed:
        scorer.answer(request(1), 20)
    assert type(failed.value) is ScoringError
    assert broken.runs == 1, "it is not tried again"


def test_a_replica_of_another_application_gets_no_call(
    files: Credentials, running: ExitStack, scorer: Replicas, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = running.enter_context(serving(files, application="another-0123456789abcdef"))
    scorer.follow([other.endpoint])
    monkeypatch.setattr(client, "PATIENCE_S", 1)
    with pytest.raises(StoppingError, match=r"^No replica of the service answers now"):
        scorer.answer(request(1), 20)
    with closing(mutual_tls.channel(other.endpoint, files)) as channel:
        call = channel.unary_unary(METHOD, None, None)
        for _ in range(2):  # whoever called before
            with pytest.raises(grpc.RpcError) as refused:
                call(request(1), metadata=((APPLICATION, replicas.APPLICATION),), timeout=20)
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
            assert refused.value.details() == "This is a replica of another-0123456789abcdef."
            for name in ("another-0123456789abcdef", replicas.SERVICE):
                assert scores(call(request(1), metadata=((APPLICATION, name),), timeout=20)) == [1] * 3


def test_a_caller_finds_a_place_at_another_replica(
    files: Credentials, running: ExitStack, scorer: Replicas
) -> None:
    model = Gated()
    running.callback(model.gate.set)
    full = running.enter_context(serving(files, model))
    scorer.follow([full.endpoint])
    with ThreadPoolExecutor(128) as pool:
        waiting = [pool.submit(scorer.answer, request(value), 60) for value in range(128)]
        wait_until(lambda: full._calls.in_progress()[Stage.ANSWERING].get(replicas.SERVICE) == 128)
        with pytest.raises(BusyError, match=r"^128 calls of this service are waiting for an answer"):
            scorer.answer(request(1), 20)
        free = running.enter_context(serving(files))
        scorer.follow([full.endpoint, free.endpoint])
        wait_until(lambda: scorer._replicas[free.endpoint].answers)
        assert scores(scorer.answer(request(3), 20)) == [3] * 3
        model.gate.set()
        assert [scores(one.result(PATIENCE_S)) for one in waiting] == [[value] * 3 for value in range(128)]


def test_calls_that_came_by_another_way_are_counted(
    files: Credentials, running: ExitStack, scorer: Replicas
) -> None:
    servers = [running.enter_context(serving(files)) for _ in range(2)]
    scorer.follow([server.endpoint for server in servers])
    wait_until(lambda: all(one.answers for one in scorer._replicas.values()))
    scorer.answer(request(1), 20)  # is counted where it came
    assert scorer.counted() == summed()
    for number, server in enumerate(servers, 1):
        with closing(mutual_tls.channel(server.endpoint, files)) as channel:
            call = channel.unary_unary(METHOD, None, None)
            for _ in range(number):
                call(request(1), timeout=20)
            with pytest.raises(grpc.RpcError):
                call(b"", timeout=20)
    found = scorer.counted()
    assert found.codes == {("Predict", "OK"): 3, ("Predict", "INVALID_ARGUMENT"): 2}
    assert (sum(found.durations), found.received_bytes) == (3, 3 * len(request(1)))
    scorer.follow([servers[1].endpoint])
    servers[1].stop(0)
    assert scorer.counted() == found, "counts of who is gone stay"


def test_a_service_counts_its_calls_wherever_they_came(
    files: Credentials, running: ExitStack, scorer: Replicas
) -> None:
    server = running.enter_context(serving(files))
    scorer.follow([server.endpoint])
    host, where = ScoringHost(), free_endpoint()
    running.callback(host.stop)

    def deploy(scorer: Scorer) -> None:
        host.deploy(Deployment(replicas.SERVICE, *where, scorer, None, "a", "b", MODEL))

    deploy(scorer)
    with (
        closing(mutual_tls.channel(server.endpoint, files)) as direct,
        closing(grpc.insecure_channel(where.target)) as own,
    ):
        for channel in (direct, own, own):
            channel.unary_unary(METHOD, None, None)(request(1), timeout=60)
    assert host.counted()[replicas.SERVICE].codes == {("Predict", "OK"): 3}
    deploy(Slow(0))  # another model takes its place
    assert host.counted()[replicas.SERVICE].codes == {("Predict", "OK"): 3}


def code_of(endpoint: Endpoint, tls: grpc.ChannelCredentials | None) -> grpc.StatusCode:
    """The code of a call's refusal."""
    opened = (
        grpc.insecure_channel(endpoint.target) if tls is None else grpc.secure_channel(endpoint.target, tls)
    )
    with closing(opened), pytest.raises(grpc.RpcError) as refused:
        opened.unary_unary(METHOD, None, None)(request(1), timeout=20)
    return refused.value.code()


def test_nobody_gets_in_without_a_certificate_of_the_cluster(
    files: Credentials, running: ExitStack, authority: Authority, tmp_path: Path
) -> None:
    server = running.enter_context(serving(files))
    stranger = replicas.credentials(tmp_path / "stranger", Authority("another root"))
    pair = stranger.key_file.read_bytes(), stranger.certificate_file.read_bytes()
    unavailable = grpc.StatusCode.UNAVAILABLE
    assert code_of(server.endpoint, None) is unavailable
    assert code_of(server.endpoint, grpc.ssl_channel_credentials(authority.root)) is unavailable
    assert code_of(server.endpoint, grpc.ssl_channel_credentials(authority.root, *pair)) is unavailable
    assert server.counts.now().codes == {}
    server.check()
    assert server.counts.now().codes == {("Check", "OK"): 1}


def test_a_client_calls_no_replica_with_a_certificate_of_another_ca(
    files: Credentials, running: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = replicas.credentials(tmp_path / "stranger", Authority("another root"))
    elsewhere = replicas.credentials(tmp_path / "elsewhere", Authority(), ["127.0.0.9"])
    monkeypatch.setattr(client, "PATIENCE_S", 1)
    for other in (stranger, elsewhere):
        server = running.enter_context(serving(other))
        with closing(Replicas(SHAPE, files)) as scorer:
            scorer.follow([server.endpoint])
            with pytest.raises(StoppingError, match=r"^No replica of the service answers now"):
                scorer.answer(request(1), 20)
        assert server.counts.now().codes == {}


def test_a_renewed_certificate_is_shown_to_new_connections(running: ExitStack, tmp_path: Path) -> None:
    first, second = Authority("first"), Authority("second")
    server = running.enter_context(serving(replicas.credentials(tmp_path / "node", first)))
    renewed = replicas.credentials(tmp_path / "renewed", second)
    for path in renewed.tls_folder.iterdir():
        path.replace(tmp_path / "node" / path.name)
    again = replicas.credentials(tmp_path / "caller", second)
    with closing(Replicas(SHAPE, again)) as scorer:
        scorer.follow([server.endpoint])
        assert scores(scorer.answer(request(1), 20)) == [1] * 3


def test_who_calls_is_believed_of_holders_of_a_certificate(files: Credentials, running: ExitStack) -> None:
    model = Gated()
    running.callback(model.gate.set)
    server = running.enter_context(serving(files, model))
    with closing(mutual_tls.channel(server.endpoint, files)) as channel, ThreadPoolExecutor(97) as pool:
        call = channel.unary_unary(METHOD, None, None)

        def as_peer(peer: str) -> bytes:
            answer: bytes = call(request(1), metadata=((PEER, peer),), timeout=60)
            return answer

        waiting = [pool.submit(as_peer, f"ipv4:192.0.2.1:{port}") for port in range(96)]
        wait_until(lambda: server._calls.in_progress()[Stage.ANSWERING].get(replicas.SERVICE) == 96)
        with pytest.raises(grpc.RpcError) as refused:
            as_peer("ipv4:192.0.2.1:97")
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert str(refused.value.details()).startswith("96 calls of yours are waiting for an answer")
        waiting.append(pool.submit(as_peer, "ipv4:192.0.2.2:1"))
        wait_until(lambda: server._calls.in_progress()[Stage.ANSWERING].get(replicas.SERVICE) == 97)
        model.gate.set()
        for one in waiting:
            one.result(PATIENCE_S)
