"""Envoy before the services: who is answered by what, and what changes while callers call."""

from __future__ import annotations

import functools
import json
import os
import signal
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import psutil
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest

from clients.wire.tensorflow_serving import METHOD
from localcloud.datafolder import memory
from localcloud.edge.edge import Edge
from localcloud.errors import StartError
from localcloud.scoring.addresses import Endpoint, bind_problem
from localcloud.scoring.entry import PEER
from localcloud.scoring.errors import BindError
from localcloud.scoring.host import MESSAGE_LIMIT, Deployment, ScoringHost
from localcloud.scoring.pipeline import Pipeline
from localcloud.scoring.tls import TlsMaterial
from localcloud.scoring.wrong_keys import AT_ONCE
from tests.support import envoy
from tests.support.certificates.authority import Authority
from tests.support.localcloud.retrying_callers import calling, scoring
from tests.support.localcloud.scoring_parts import (
    MODEL,
    PRIMARY,
    SECONDARY,
    free_endpoint,
    photo_request,
    real_pipeline,
)
from tests.support.waiting import wait_until

A, B = "a.scoring.example.com", "b.scoring.example.com"
PHOTO = photo_request().SerializeToString()
HEALTH = "/grpc.health.v1.Health/Check"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


class Edged(ScoringHost):
    """A host behind an edge of its own, which runs."""

    def __init__(self, data: Path) -> None:
        self.edge = Edge(envoy.executable(), data)
        self.edge.start()
        super().__init__(edge=self.edge)

    @property
    def pid(self) -> int:
        pid = self.edge.status().pid
        assert pid is not None
        return pid


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Edged]:
    found = Edged(tmp_path)
    yield found
    found.stop()


@pytest.fixture
def where() -> Endpoint:
    return free_endpoint()


def material(authority: Authority, *names: str) -> TlsMaterial:
    issued = authority.issue(names)
    return TlsMaterial(issued.pem, issued.key_pem)


def deploy(
    host: ScoringHost,
    where: Endpoint,
    tls: TlsMaterial | None = None,
    service_id: str = "service",
    keys: tuple[str, str] = (PRIMARY, SECONDARY),
) -> None:
    host.deploy(Deployment(service_id, *where, real_pipeline(), tls, *keys, MODEL))


@contextmanager
def connected(
    where: Endpoint, root: bytes | None = None, name: str = A, *, retries: bool = True
) -> Iterator[grpc.Channel]:
    """A new connection."""
    options = [
        ("grpc.enable_retries", int(retries)),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.max_send_message_length", -1),
        ("grpc.enable_http_proxy", 0),
    ]
    if root is None:
        opened = grpc.insecure_channel(where.target, options)
    else:
        named = ("grpc.ssl_target_name_override", name)
        opened = grpc.secure_channel(where.target, grpc.ssl_channel_credentials(root), [*options, named])
    with opened:
        yield opened


Told = tuple[grpc.StatusCode, str]
OK: Told = (grpc.StatusCode.OK, "")


def told(
    opened: grpc.Channel, method: str = METHOD, request: bytes = PHOTO, keys: tuple[str, ...] = ()
) -> Told:
    """How a call ends."""
    try:
        opened.unary_unary(method, bytes, bytes)(
            request, metadata=tuple(("authorization", key) for key in keys), timeout=60
        )
    except grpc.RpcError as error:
        return error.code(), str(error.details())
    return OK


def answered(where: Endpoint, root: bytes | None, key: str = PRIMARY, name: str = A) -> None:
    """A call over a connection of its own, which must be answered."""
    with connected(where, root, name) as opened:
        assert told(opened, HEALTH, HealthCheckRequest().SerializeToString()) == OK
        assert told(opened, keys=(key,)) == OK


def shown(where: Endpoint, name: str | None = None) -> str:
    """The certificate that is shown to who asks for a name, PEM."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(where, 10) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        certificate = secured.getpeercert(binary_form=True)
    assert certificate is not None
    return ssl.DER_cert_to_PEM_cert(certificate)


REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
LIST_SERVICES = b"\x3a\x01*"
CASES: dict[str, tuple[str, bytes, tuple[str, ...]]] = {
    "no key": (METHOD, PHOTO, ()),
    "a wrong key": (METHOD, PHOTO, ("wrong",)),
    "an empty key": (METHOD, PHOTO, ("",)),
    "the secondary key": (METHOD, PHOTO, (SECONDARY,)),
    "a bearer": (METHOD, PHOTO, (f"Bearer {PRIMARY}",)),
    "two keys, one of them right": (METHOD, PHOTO, ("wrong", PRIMARY)),
    "many keys": (METHOD, PHOTO, ("a", "b", PRIMARY)),
    "health without a key": (HEALTH, b"", ()),
    "health of what is not there": (HEALTH, HealthCheckRequest(service="x").SerializeToString(), ()),
    "reflection without a key": (REFLECTION, LIST_SERVICES, ()),
    "reflection": (REFLECTION, LIST_SERVICES, (PRIMARY,)),
    "status without a key": ("/tensorflow.serving.ModelService/GetModelStatus", b"", ()),
    "status": ("/tensorflow.serving.ModelService/GetModelStatus", b"", (PRIMARY,)),
    "metadata without a key": ("/tensorflow.serving.PredictionService/GetModelMetadata", b"", ()),
    "no such method": ("/tensorflow.serving.PredictionService/Classify", b"", (PRIMARY,)),
    "no such service": ("/a.b/C", b"", ()),
    "no message of ours": (METHOD, b"\xff" * 100, (PRIMARY,)),
    "a message as large as may be": (METHOD, bytes(MESSAGE_LIMIT), (PRIMARY,)),
    "a message that is too large": (METHOD, bytes(MESSAGE_LIMIT + 1), (PRIMARY,)),
}


@pytest.mark.parametrize("secure", [True, False], ids=["ssl", "plain"])
@pytest.mark.parametrize("case", CASES)
def test_who_calls_through_the_edge_is_told_the_same_as_without(
    both: tuple[ScoringHost, ScoringHost], authority: Authority, case: str, secure: bool
) -> None:
    endings = []
    for host in both:
        where = free_endpoint()
        tls = material(authority, A) if secure else None
        deploy(host, where, tls)
        with connected(where, authority.root if secure else None) as opened:
            endings.append(told(opened, *CASES[case]))
        host.remove("service")
    assert endings[0] == endings[1]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ScoringHost, ScoringHost]]:
    """A host without an edge, and one with it."""
    hosts = ScoringHost(), Edged(tmp_path_factory.mktemp("cloud"))
    yield hosts
    for host in hosts:
        host.stop()


def test_services_of_one_address_are_told_apart_by_name(
    host: Edged, where: Endpoint, authority: Authority
) -> None:
    own = {A: material(authority, A), B: material(authority, B, f"*.{B}")}
    for name, tls in own.items():
        deploy(host, where, tls, name, (f"key-{name}", f"other-{name}"))
    deploy(host, where, None, "plain")
    for name, tls in own.items():
        assert shown(where, name).encode() == tls.certificate_pem
        answered(where, authority.root, f"key-{name}", name)
    answered(where, authority.root, f"key-{B}", f"x.{B}")
    answered(where, None)
    with connected(where, authority.root, B) as opened:
        assert told(opened, keys=(f"key-{A}",))[0] is grpc.StatusCode.UNAUTHENTICATED
    # who names none of them is the first one's, as if it were alone there
    for other in (None, "nobody.example.com"):
        assert shown(where, other).encode() == own[A].certificate_pem


def test_what_nobody_could_tell_apart_is_refused_and_changes_nothing(
    host: Edged, where: Endpoint, authority: Authority
) -> None:
    deploy(host, where, material(authority, A), "first")
    deploy(host, where, None, "plain")
    refused = {
        "has a certificate for a.scoring.example.com, too": material(authority, B, A),
        "its certificate has no DNS name": material(authority, "127.0.0.1"),
        "the service plain answers there without SSL, too": None,
    }
    for words, tls in refused.items():
        with pytest.raises(BindError, match=words):
            deploy(host, where, tls, "second")
        answered(where, authority.root)
    own, other = material(authority, B), free_endpoint()
    deploy(host, where, own, "second")
    with pytest.raises(BindError, match="answers there without SSL, too"):
        deploy(host, where, None, "second")
    assert shown(where, B).encode() == own.certificate_pem
    with socket.create_server(other), pytest.raises(BindError, match="Address already in use"):
        deploy(host, other, None, "third")
    deploy(host, other, None, "third")
    answered(other, None)


def test_a_place_is_shared_where_callers_can_be_told_apart(host: Edged, authority: Authority) -> None:
    free = [free_endpoint() for _ in range(3)]
    left = iter(free)
    tls = {name: material(authority, name) for name in (A, B)}
    wanted = [
        ("a", tls[A], free[0]),
        ("b", tls[B], free[0]),
        ("plain", None, free[0]),
        ("again", tls[A], free[1]),
        ("plain too", None, free[1]),
        ("and again", None, free[2]),
    ]
    for service_id, material_, expected in wanted:
        assert host.place(service_id, material_, lambda: next(left)) == expected
    host.remove("b")
    assert host.place("b again", tls[B], lambda: next(left)) == free[0]


def test_changes_refuse_no_connection_and_fail_no_call(
    host: Edged, where: Endpoint, authority: Authority
) -> None:
    """Keys, certificates, other services, and SSL itself of another: while eight callers connect anew."""
    deploy(host, where, material(authority, A), "steady")
    deploy(host, where, material(authority, B), "other", ("k1", "k2"))
    with calling(*[functools.partial(answered, where, authority.root)] * 8) as tally:
        for number in range(6):
            deploy(host, where, material(authority, A), "steady")
            host.set_keys("steady", PRIMARY, f"another-{number}")
            deploy(host, where, None, "other")
            answered(where, None)
            deploy(host, where, material(authority, B), "other", (f"k1-{number}", "k2"))
            answered(where, authority.root, f"k1-{number}", B)
            host.remove("other")
            deploy(host, where, material(authority, B), "other", ("k1", "k2"))
    assert not tally.failed, tally
    assert len(tally.took_s) > 50


def test_changes_of_others_leave_a_connection_alone(
    host: Edged, where: Endpoint, authority: Authority
) -> None:
    """Also when the one goes whose certificate was shown to who asked for no name."""
    deploy(host, where, material(authority, B), "first")
    deploy(host, where, material(authority, A), "steady")

    def ends() -> set[int]:
        found = psutil.Process(host.pid).net_connections("inet")
        return {one.raddr.port for one in found if one.raddr and one.status == "ESTABLISHED"}

    with connected(where, authority.root) as opened:
        assert told(opened, keys=(PRIMARY,)) == OK
        (own,) = ends()
        for _ in range(3):
            host.remove("first")
            assert told(opened, keys=(PRIMARY,)) == OK
            deploy(host, where, material(authority, B), "first")
            deploy(host, where, None, "plain")
            assert told(opened, keys=(PRIMARY,)) == OK
            host.remove("plain")
            host.set_keys("steady", PRIMARY, "other")
            assert told(opened, keys=(PRIMARY,)) == OK
        assert own in ends()


def test_more_services_than_a_user_has_watches_share_an_address(
    tmp_path: Path, where: Endpoint, authority: Authority
) -> None:
    """Of the kernel's watches of files (inotify(7)) a user has 128 by default."""
    edge = Edge(envoy.executable(), tmp_path)
    own = [material(authority, f"s{number}.example.com") for number in range(150)]
    try:
        for number, tls in enumerate(own):
            edge.show(f"service-{number}", where, tls, edge.inner())
        edge.start()
        for number in (0, 149):
            assert shown(where, f"s{number}.example.com").encode() == own[number].certificate_pem
        edge.hide("service-0")
        edge.settle()
        assert shown(where, "s149.example.com").encode() == own[149].certificate_pem
        assert edge.status().restarts == 0
    finally:
        edge.stop()


def test_a_listener_whose_port_was_taken_when_envoy_came_up_is_tried_again(
    host: Edged, where: Endpoint, authority: Authority
) -> None:
    deploy(host, where, material(authority, A))
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        os.kill(host.pid, signal.SIGKILL)
        wait_until(functools.partial(is_bound, other, where))
        wait_until(lambda: host.edge.status().restarts >= 1 and host.edge.status().pid is not None)
    wait_until(lambda: bind_problem(where) is not None)
    answered(where, authority.root)


def is_bound(other: socket.socket, where: Endpoint) -> bool:
    try:
        other.bind(where)
    except OSError:
        return False
    other.listen()
    return True


def test_a_call_under_way_ends_as_it_began_when_ssl_goes_off(
    host: Edged, where: Endpoint, authority: Authority
) -> None:
    reached, released = threading.Event(), threading.Event()

    class Waiting(Pipeline):
        def score(self, images):  # type: ignore[no-untyped-def]
            reached.set()
            released.wait(30)
            return super().score(images)

    real = real_pipeline()
    slow = Waiting(real._steps, real.height, real.width)
    host.deploy(Deployment("service", *where, slow, material(authority, A), PRIMARY, SECONDARY, MODEL))
    with connected(where, authority.root) as opened:
        call = opened.unary_unary(METHOD, bytes, bytes).future(
            PHOTO, metadata=(("authorization", PRIMARY),), timeout=30
        )
        assert reached.wait(30)
        deploy(host, where)
        answered(where, None)
        released.set()
        assert call.result()


def test_a_key_that_is_taken_back_opens_nothing_from_then_on(
    host: Edged, where: Endpoint, authority: Authority
) -> None:
    deploy(host, where, material(authority, A))
    with connected(where, authority.root) as opened:
        assert told(opened, keys=(SECONDARY,)) == OK
        host.set_keys("service", PRIMARY, "new")
        assert told(opened, keys=(SECONDARY,))[0] is grpc.StatusCode.UNAUTHENTICATED
        assert told(opened, keys=("new",)) == OK


def test_envoy_that_dies_is_started_again_and_is_what_it_was(
    host: Edged, where: Endpoint, authority: Authority
) -> None:
    deploy(host, where, material(authority, A))
    assert host.edge.status().restarts == 0
    os.kill(host.pid, signal.SIGKILL)
    wait_until(lambda: host.edge.status().restarts == 1 and host.edge.status().pid is not None)
    answered(where, authority.root)
    deploy(host, where, material(authority, B), "later")
    answered(where, authority.root, name=B)
    assert str(host.edge.status().version).startswith("1.")


def test_callers_who_repeat_lose_no_call_when_envoy_is_killed(
    host: Edged, where: Endpoint, authority: Authority
) -> None:
    deploy(host, where, material(authority, A))
    with (
        scoring(where.target, authority.root, A, PRIMARY, PHOTO, 4) as calls,
        calling(*calls) as tally,
    ):
        os.kill(host.pid, signal.SIGKILL)
        wait_until(lambda: host.edge.status().restarts == 1)
        answered_before = len(tally.took_s)
        wait_until(lambda: len(tally.took_s) > answered_before + 8)
    assert not tally.failed, tally


def test_who_guesses_keys_is_bounded_by_his_own_connection_whoever_he_says_he_is(
    host: Edged, where: Endpoint, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    deploy(host, where, material(authority, A))
    with connected(where, authority.root) as guesser, connected(where, authority.root) as known:
        method = guesser.unary_unary(METHOD, bytes, bytes)
        guesses = [
            method.future(
                b"",
                metadata=(("authorization", f"guess-{number}"), (PEER, f"ipv4:192.0.2.1:{number}")),
                timeout=30,
            )
            for number in range(8 * AT_ONCE)
        ]
        codes = {guess.code() for guess in guesses}
        assert told(known, keys=(PRIMARY,)) == OK
    assert codes == {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.RESOURCE_EXHAUSTED}
    (guessing,) = host._calls.wrong_keys._connections["service"].guessing
    assert guessing.startswith("ipv4:127.0.0.1:")
    wait_until(lambda: "peer ipv4:127.0.0.1: " in caplog.text)
    assert "192.0.2.1" not in caplog.text


def test_a_call_is_a_line_where_somebody_asks_for_it(
    tmp_path: Path, where: Endpoint, authority: Authority
) -> None:
    log = tmp_path / "calls.log"
    edge = Edge(envoy.executable(), tmp_path, log=log)
    edge.start()
    host = ScoringHost(edge=edge)
    try:
        deploy(host, where, material(authority, A))
        with connected(where, authority.root) as opened:
            assert told(opened, keys=(PRIMARY,)) == OK
            assert told(opened, keys=("guess",))[0] is grpc.StatusCode.UNAUTHENTICATED
            assert told(opened, f"{METHOD}?key={PRIMARY}", keys=())[0] is grpc.StatusCode.UNIMPLEMENTED
        wait_until(lambda: log.read_bytes().count(b"\n") == 3)
    finally:
        host.stop()
    assert log.stat().st_mode & 0o777 == 0o600
    assert PRIMARY not in log.read_text()
    assert "guess" not in log.read_text()
    first, second, third = map(json.loads, log.read_text().splitlines())
    assert (first["service"], first["method"], first["code"]) == ("service", METHOD, "OK")
    assert first["caller"].startswith("127.0.0.1:")
    assert first["received_bytes"] > len(PHOTO)
    assert (second["code"], third["code"]) == ("UNAUTHENTICATED", "UNIMPLEMENTED")


def test_a_log_that_cannot_be_written_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"calls cannot be logged in .*: No such file or directory"):
        Edge(envoy.executable(), tmp_path, log=tmp_path / "none" / "calls.log")


def test_services_say_that_their_edge_does_not_run(host: Edged) -> None:
    assert host.trouble() is None
    host.edge.stop()
    assert host.trouble() == "its edge does not run, and is being started again."


def test_it_listens_where_it_is_told_alone_and_reaches_nobody(
    host: Edged, where: Endpoint, authority: Authority
) -> None:
    deploy(host, where, material(authority, A))
    answered(where, authority.root)
    found = psutil.Process(host.pid).net_connections("inet")
    assert {tuple(one.laddr) for one in found} == {tuple(where)}
    assert {one.status for one in found if not one.raddr} == {"LISTEN"}


def test_secrets_are_in_memory_for_their_owner_alone_and_keys_nowhere(
    host: Edged, where: Endpoint, authority: Authority, tmp_path: Path
) -> None:
    deploy(host, where, material(authority, A))
    command = psutil.Process(host.pid).cmdline()
    bootstrap = Path(command[command.index("--config-path") + 1])
    folder = bootstrap.parent
    assert folder.parent == memory.place()
    assert folder.stat().st_mode & 0o777 == 0o700
    files = [path for path in folder.iterdir() if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert sum(b"PRIVATE KEY" in path.read_bytes() for path in files) == 1
    for words in [*command, *(path.read_text() for path in files)]:
        assert PRIMARY not in words
    assert "PRIVATE KEY" not in "".join(command)
    for path in folder.iterdir():
        assert path.is_file() or path.stat().st_mode & 0o077 == 0 or path.is_socket()
    assert not list(tmp_path.iterdir())
    host.remove("service")
    assert not any(b"PRIVATE KEY" in path.read_bytes() for path in folder.iterdir() if path.is_file())
    json.loads(bootstrap.read_bytes())
    host.stop()
    assert not folder.exists()
