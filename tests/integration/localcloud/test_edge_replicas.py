"""Envoy before replicas on other machines: who gets to them, and what is lost when they die."""

from __future__ import annotations

import functools
import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest

from clients.wire.tensorflow_serving import METHOD
from localcloud.edge import edge as edges
from localcloud.edge.edge import Edge
from localcloud.edge.entrance import Upstream
from localcloud.metrics.collector import LocalcloudCollector
from localcloud.metrics.rows import Rows
from localcloud.metrics.sources import Sources
from localcloud.scoring.addresses import Endpoint
from localcloud.scoring.counts import PREDICT
from localcloud.scoring.errors import BindError
from localcloud.scoring.host import Deployment, ScoringHost
from localcloud.scoring.pipeline import Pipeline
from localcloud.version import Version
from tests.integration.localcloud.test_edge import (
    CASES,
    OK,
    PHOTO,
    A,
    answered,
    connected,
    deploy,
    material,
    told,
)
from tests.support import envoy
from tests.support.certificates.authority import Authority
from tests.support.cluster.replicas import serving
from tests.support.localcloud.replica import Replica, credentials, replicas
from tests.support.localcloud.retrying_callers import Tally, calling
from tests.support.localcloud.scoring_parts import MODEL, PRIMARY, SECONDARY, free_endpoint, real_pipeline
from tests.support.waiting import wait_until

KEYS = (PRIMARY, SECONDARY)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def cluster() -> Authority:
    return Authority("cluster")


class Placed(ScoringHost):
    """A host behind an edge that hands calls to replicas."""

    def __init__(self, folder: Path, cluster: Authority) -> None:
        self.own = credentials(folder / "tls", cluster)
        self.edge = Edge(envoy.executable(), folder, self.own)
        self.edge.start()
        super().__init__(edge=self.edge)

    def own_calls(self) -> int:
        """The calls that the service's own server has answered."""
        codes = self.counted()["service"].codes
        return sum(number for (method, _), number in codes.items() if method == PREDICT)


@pytest.fixture
def host(tmp_path: Path, cluster: Authority) -> Iterator[Placed]:
    found = Placed(tmp_path, cluster)
    yield found
    found.stop()


@pytest.fixture(scope="module")
def placed(tmp_path_factory: pytest.TempPathFactory, cluster: Authority) -> Iterator[Placed]:
    found = Placed(tmp_path_factory.mktemp("cloud"), cluster)
    yield found
    found.stop()


@pytest.fixture(scope="module")
def alone() -> Iterator[ScoringHost]:
    found = ScoringHost()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def pair(placed: Placed) -> Iterator[list[Replica]]:
    with replicas(placed.own, 2) as found:
        yield found


@pytest.fixture
def where() -> Endpoint:
    return free_endpoint()


def endpoints(*found: Replica) -> tuple[Endpoint, ...]:
    return tuple(one.endpoint for one in found)


MORE_CASES: dict[str, tuple[str, bytes, tuple[str, ...]]] = {
    "the primary key": (METHOD, PHOTO, (PRIMARY,)),
    "a bearer in other case": (METHOD, PHOTO, (f"bEARER {PRIMARY}",)),
    "a bearer with two spaces": (METHOD, PHOTO, (f"Bearer  {PRIMARY}",)),
    "a bearer without a space": (METHOD, PHOTO, (f"Bearer{PRIMARY}",)),
    "a bearer of a bearer": (METHOD, PHOTO, (f"Bearer Bearer {PRIMARY}",)),
    "a bearer without a key": (METHOD, PHOTO, ("Bearer ",)),
    "a space before the key": (METHOD, PHOTO, (f" {PRIMARY}",)),
    "a space behind the key": (METHOD, PHOTO, (f"{PRIMARY} ",)),
    "a key in other case": (METHOD, PHOTO, (PRIMARY.upper(),)),
    "more than the key": (METHOD, PHOTO, (f"{PRIMARY}x",)),
    "the beginning of the key": (METHOD, PHOTO, (PRIMARY[:-1],)),
    "both keys as one": (METHOD, PHOTO, (f"{PRIMARY}|{SECONDARY}",)),
    "both keys": (METHOD, PHOTO, KEYS),
    "a pattern": (METHOD, PHOTO, (".*",)),
    "no message": (METHOD, b"", (PRIMARY,)),
    "another service's path": ("/tensorflow.serving.PredictionService/Predict/", PHOTO, ()),
    "a query": (f"{METHOD}?x=1", PHOTO, ()),
}


@pytest.mark.parametrize("secure", [True, False], ids=["ssl", "plain"])
@pytest.mark.parametrize("case", [*CASES, *MORE_CASES])
def test_who_calls_a_service_with_replicas_is_told_the_same_as_of_one_without(
    alone: ScoringHost,
    placed: Placed,
    pair: list[Replica],
    authority: Authority,
    case: str,
    secure: bool,
) -> None:
    endings = []
    for host in (alone, placed):
        where = free_endpoint()
        tls = material(authority, A) if secure else None
        deploy(host, where, tls)
        if host is placed:
            placed.edge.follow("service", Upstream(endpoints(*pair), KEYS if secure else None))
        with connected(where, authority.root if secure else None) as opened:
            endings.append(told(opened, *(CASES | MORE_CASES)[case]))
        host.remove("service")
    assert endings[0] == endings[1]


@pytest.mark.parametrize("secure", [True, False], ids=["ssl", "plain"])
def test_a_call_with_a_right_key_goes_to_a_replica_alone(
    placed: Placed, pair: list[Replica], authority: Authority, where: Endpoint, secure: bool
) -> None:
    deploy(placed, where, material(authority, A) if secure else None)
    placed.edge.follow("service", Upstream(endpoints(*pair), KEYS if secure else None))
    with connected(where, authority.root if secure else None) as opened:
        for key in (PRIMARY, SECONDARY, f"Bearer {PRIMARY}", f"bearer {SECONDARY}"):
            assert told(opened, keys=(key,)) == OK
        assert placed.own_calls() == 0
        expected = OK if not secure else (grpc.StatusCode.UNAUTHENTICATED,)
        assert told(opened, keys=("wrong",))[: len(expected)] == expected
        assert placed.own_calls() == int(secure)
    placed.remove("service")


def test_a_key_that_is_taken_back_opens_no_replica_from_then_on(
    placed: Placed, pair: list[Replica], authority: Authority, where: Endpoint
) -> None:
    deploy(placed, where, material(authority, A))
    placed.edge.follow("service", Upstream(endpoints(*pair), KEYS))
    with connected(where, authority.root) as opened:
        for number in range(5):
            old, new = f"key-{number}", f"key-{number + 1}"
            for key in (old, new):
                placed.set_keys("service", PRIMARY, key)
                placed.edge.follow("service", Upstream(endpoints(*pair), (PRIMARY, key)))
            assert told(opened, keys=(new,)) == OK
            assert told(opened, keys=(old,))[0] is grpc.StatusCode.UNAUTHENTICATED
    placed.remove("service")


def test_a_replica_of_another_service_gets_no_call(
    host: Placed, where: Endpoint, authority: Authority
) -> None:
    """It has come to stand where one of this service was."""
    deploy(host, where, material(authority, A))
    with serving(host.own, service="another", application="another-0123456789abcdef") as other:
        host.edge.follow("service", Upstream((other.endpoint,), KEYS))
        with connected(where, authority.root) as opened:
            assert told(opened, keys=(PRIMARY,)) == OK
        assert host.own_calls() == 1
        assert (PREDICT, "OK") not in other.counts.now().codes


@contextmanager
def steady(where: Endpoint, authority: Authority) -> Iterator[Tally]:
    """Eight callers, each over a connection of its own, who repeat nothing by themselves."""

    def call(opened: grpc.Channel) -> None:
        opened.unary_unary(METHOD, bytes, bytes)(PHOTO, metadata=(("authorization", PRIMARY),), timeout=60)

    with ExitStack() as stack:
        opened = [stack.enter_context(connected(where, authority.root, retries=False)) for _ in range(8)]
        calls = [functools.partial(call, one) for one in opened]
        yield stack.enter_context(calling(*calls))


def has_more(tally: Tally, calls: int) -> bool:
    return len(tally.took_s) > calls


def nothing_was_lost(tally: Tally) -> None:
    assert not tally.failed, tally
    assert max(tally.took_s) < 5, tally


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM], ids=lambda one: one.name)
def test_no_call_is_lost_with_a_replica(
    host: Placed, where: Endpoint, authority: Authority, number: signal.Signals
) -> None:
    """Killed, silent, or drained: while eight callers call."""
    deploy(host, where, material(authority, A))
    with replicas(host.own, 2, 0.02) as found:
        host.edge.follow("service", Upstream(endpoints(*found), KEYS))
        with steady(where, authority) as tally:
            before = len(tally.took_s)
            found[0].send(number)
            wait_until(lambda: len(tally.took_s) > before + 24)
        nothing_was_lost(tally)
        assert host.own_calls() == 0


def test_replicas_come_and_go_under_callers(host: Placed, where: Endpoint, authority: Authority) -> None:
    deploy(host, where, material(authority, A))
    with replicas(host.own, 3, 0.02) as found:
        host.edge.follow("service", Upstream(endpoints(found[0]), KEYS))
        with steady(where, authority) as tally:
            for there in (found, found[1:], found[2:], found[:2]):
                before = len(tally.took_s)
                host.edge.follow("service", Upstream(endpoints(*there), KEYS))
                wait_until(functools.partial(has_more, tally, before + 8))
        nothing_was_lost(tally)
        assert host.own_calls() == 0


def test_where_no_replica_is_left_the_own_server_answers_until_one_is_back(
    host: Placed, where: Endpoint, authority: Authority
) -> None:
    deploy(host, where, material(authority, A))
    with replicas(host.own, 2, 0.02) as found:
        host.edge.follow("service", Upstream(endpoints(*found), KEYS))
        with steady(where, authority) as tally:
            for one in found:
                one.send(signal.SIGSTOP)
            wait_until(lambda: host.own_calls() > 8)
            for one in found:
                one.send(signal.SIGCONT)

            def is_back() -> bool:
                own, all_ = host.own_calls(), len(tally.took_s)
                wait_until(lambda: len(tally.took_s) > all_ + 8)
                return host.own_calls() == own

            wait_until(is_back)
        assert not tally.failed, tally
    host.edge.follow("service", Upstream((), KEYS))
    answered(where, authority.root)


def test_no_call_is_lost_with_all_replicas_at_once(
    host: Placed, where: Endpoint, authority: Authority
) -> None:
    """Nobody has found yet that the others are dead, too."""
    deploy(host, where, material(authority, A))
    with replicas(host.own, 3, 0.02) as found:
        host.edge.follow("service", Upstream(endpoints(*found), KEYS))
        with steady(where, authority) as tally:
            for one in found:
                one.send(signal.SIGKILL)
            wait_until(lambda: host.own_calls() > 100 or bool(tally.failed))
        nothing_was_lost(tally)


def test_a_long_call_of_the_own_server_is_answered(
    host: Placed, where: Endpoint, authority: Authority
) -> None:
    """It is asked for a sign of life all the while, as replicas are."""
    real = real_pipeline()
    began: list[float] = []

    class Slow(Pipeline):
        def score(self, images):  # type: ignore[no-untyped-def]
            began.append(time.monotonic())
            time.sleep(3)  # longer than it takes to find a silent node, or to take its signs for too many
            return super().score(images)

    slow = Slow(real._steps, real.height, real.width)
    keys = (PRIMARY, SECONDARY)
    host.deploy(Deployment("service", *where, slow, material(authority, A), *keys, MODEL))
    host.edge.follow("service", Upstream((), KEYS))
    with connected(where, authority.root, retries=False) as opened:
        assert told(opened, keys=(PRIMARY,)) == OK
    assert len(began) == 1


def test_a_replica_is_known_by_its_certificate(
    host: Placed, where: Endpoint, authority: Authority, cluster: Authority, tmp_path: Path
) -> None:
    """Of the cluster's CA, and for its own address: else the call goes to the own server."""
    deploy(host, where, material(authority, A))
    others = {"ca": credentials(tmp_path / "ca"), "ip": credentials(tmp_path / "ip", cluster, "127.0.0.9")}
    for number, own in enumerate(others.values()):
        with replicas(own, 1) as found:
            host.edge.follow("service", Upstream(endpoints(*found), KEYS))
            with connected(where, authority.root) as opened:
                assert told(opened, keys=(PRIMARY,)) == OK
            assert host.own_calls() == number + 1


def test_a_swap_of_models_loses_no_call(host: Placed, where: Endpoint, authority: Authority) -> None:
    """Replicas of another application come, and those of before go."""
    deploy(host, where, material(authority, A))
    with replicas(host.own, 1, 0.02) as old, replicas(host.own, 1, 0.02, "another") as new:
        host.edge.follow("service", Upstream(endpoints(*old), KEYS))
        with steady(where, authority) as tally:
            for there in (new, old, new):
                host.edge.follow("service", Upstream(endpoints(*there), KEYS))
                wait_until(functools.partial(has_more, tally, len(tally.took_s) + 16))
        nothing_was_lost(tally)
        assert host.own_calls() == 0


def test_an_edge_that_takes_no_keys_opens_nothing(
    host: Placed, where: Endpoint, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edges, "_TAKEN_S", 0.5)
    deploy(host, where, material(authority, A))
    with replicas(host.own, 1) as found:
        host.edge.follow("service", Upstream(endpoints(*found), KEYS))
        os.kill(host.edge.status().pid or 0, signal.SIGSTOP)
        host.set_keys("service", PRIMARY, "new")
        with pytest.raises(BindError, match="does not take the change"):
            host.edge.follow("service", Upstream(endpoints(*found), (PRIMARY, "new")))
        wait_until(lambda: host.edge.status().restarts == 1 and host.edge.status().pid is not None)
        answered(where, authority.root, "new")
        with connected(where, authority.root) as opened:
            assert told(opened, keys=(SECONDARY,))[0] is grpc.StatusCode.UNAUTHENTICATED


def test_a_service_goes_though_its_edge_takes_nothing(
    host: Placed, where: Endpoint, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edges, "_TAKEN_S", 0.5)
    deploy(host, where, material(authority, A))
    os.kill(host.edge.status().pid or 0, signal.SIGSTOP)
    host.remove("service")
    assert host.counts("service") is None
    os.kill(host.edge.status().pid or 0, signal.SIGCONT)


def test_keys_are_in_memory_for_their_owner_alone(
    host: Placed, where: Endpoint, authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    deploy(host, where, material(authority, A))
    upstream = Upstream((Endpoint("127.0.0.1", 1),), KEYS)
    host.edge.follow("service", upstream)
    child = psutil.Process(host.edge.status().pid)
    folder = Path(child.cmdline()[child.cmdline().index("--config-path") + 1]).parent
    escaped = json.dumps(re.escape(PRIMARY))[1:-1]
    holding = [path for path in folder.iterdir() if path.is_file() and escaped in path.read_text()]
    assert {path.stat().st_mode & 0o777 for path in holding} == {0o600}
    assert len(holding) == 1
    told = (repr(upstream), caplog.text, *child.cmdline(), *child.environ().values())
    assert not [words for words in told if PRIMARY in words or escaped in words]
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in kept if PRIMARY.encode() in path.read_bytes()]


def test_calls_are_counted_by_code_and_by_replica(
    host: Placed, where: Endpoint, authority: Authority, tmp_path: Path
) -> None:
    deploy(host, where, material(authority, A))
    with replicas(host.own, 2) as found:
        host.edge.follow("service", Upstream(endpoints(*found), KEYS))
        with connected(where, authority.root) as opened:
            for _ in range(6):
                assert told(opened, keys=(PRIMARY,)) == OK
            assert told(opened, request=b"\xff", keys=(PRIMARY,))[0] is grpc.StatusCode.INVALID_ARGUMENT
            assert told(opened, keys=("wrong",))[0] is grpc.StatusCode.UNAUTHENTICATED
        page = pages(host, tmp_path)
        labels = {"resource_group": "group", "account": "account", "service": "name"}
        by_code = page("localcloud_edge_calls_total", labels, "code")
        assert by_code == {"OK": 6, "INVALID_ARGUMENT": 1}
        answered = page("localcloud_edge_replica_calls_total", labels | {"outcome": "answered"}, "replica")
        assert sum(answered.values()) == 7
        names = {one.target for one in endpoints(*found)}
        assert set(answered) == names
        assert page("localcloud_edge_replica_up", labels, "replica") == dict.fromkeys(names, 1)
        found[0].send(signal.SIGKILL)
        gone = found[0].endpoint.target
        wait_until(lambda: page("localcloud_edge_replica_up", labels, "replica")[gone] == 0)
    host.edge.stop()
    assert page("localcloud_edge_replica_up", labels, "replica") == {}


def pages(host: Placed, data: Path) -> Callable[[str, dict[str, str], str], dict[str, float]]:
    """Reads a metric of a page of a localcloud whose services a database names."""

    class Named(Sources):
        def rows(self) -> Rows:
            names = {"service": ("group", "account", "name")}
            return Rows(names, {}, {}, {}, 0, 0.0, frozenset())

    none: Any = None
    sources = Named(data, none, host, none, None, host.edge, None, none, Version(None, None))
    collector = LocalcloudCollector(sources)

    def read(name: str, labels: dict[str, str], by: str) -> dict[str, float]:
        samples = [one for family in collector.collect() for one in family.samples if one.name == name]
        return {one.labels[by]: one.value for one in samples if labels.items() <= one.labels.items()}

    return read
