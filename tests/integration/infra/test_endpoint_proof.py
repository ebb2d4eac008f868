"""The endpoint check against servers that misbehave on the wire, one way each: what it says of them."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import dns.message
import dns.rcode
import dns.rdatatype
import grpc
import numpy as np
import pytest

from clients.azure.errors import ClientError, ConnectionFailed, DeadlineExceeded, NobodyToAsk
from clients.azure.operations import Waiter
from clients.dns.server import look_up
from clients.wire import messages
from clients.wire import tensorflow_serving as serving
from infra.proof.endpoint import Declared, ProofFailed, prove
from localcloud.dns.answer import answer
from localcloud.dns.records import RecordSet, zone_from
from tests.support.certificates.authority import Authority
from tests.support.certificates.forge import Made
from tests.support.servers.datagram_server import datagram_server
from tests.support.servers.name_server import Reply, name_server, refusal
from tests.support.servers.recursive_resolver import recursive_resolver
from tests.support.servers.scoring_server import Handler, scores, scoring_server

ZONE = "contoso.test"
FQDN = f"scores.{ZONE}"
IP, OLD_IP = "127.0.0.1", "192.0.2.1"
KEYS = ("the-primary-key", "the-secondary-key")
SOA = {
    "host": f"ns1.{ZONE}",
    "email": f"hostmaster.{ZONE}",
    "serialNumber": 1,
    "refreshTime": 3600,
    "retryTime": 300,
    "expireTime": 2419200,
    "minimumTTL": 30,
}
AUTHORITY = Authority()
LEAF = AUTHORITY.issue([FQDN])


def zone(*records: RecordSet) -> Reply:
    """A name server that is authoritative for the zone with these records."""
    made = zone_from(ZONE, [RecordSet("@", "SOA", {"TTL": 3600, "SOARecord": SOA}), *records])
    return partial(answer, {made.origin: made})


def a(name: str, *addresses: str) -> RecordSet:
    return RecordSet(name, "A", {"TTL": 60, "ARecords": [{"ipv4Address": one} for one in addresses]})


def alias(name: str, of: str) -> RecordSet:
    return RecordSet(name, "CNAME", {"TTL": 60, "CNAMERecord": {"cname": of}})


def failure(query: dns.message.Message) -> dns.message.Message:
    response = dns.message.make_response(query)
    response.set_rcode(dns.rcode.SERVFAIL)
    return response


def fingerprint(issued: Made) -> str:
    der = ssl.PEM_cert_to_DER_cert(issued.pem.decode())
    return hashlib.sha256(der).digest().hex(":").upper()


def guarded(*keys: str, then: Handler = scores) -> Handler:
    """Answers to these keys alone."""

    def handle(request: messages.PredictRequest, context: grpc.ServicerContext) -> messages.PredictResponse:
        if dict(context.invocation_metadata()).get("authorization") not in keys:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "a key is needed")
        return then(request, context)

    return handle


def broken(request: messages.PredictRequest, context: grpc.ServicerContext) -> messages.PredictResponse:
    context.abort(grpc.StatusCode.INTERNAL, "the device does not answer")
    raise AssertionError


def empty(request: messages.PredictRequest, context: grpc.ServicerContext) -> messages.PredictResponse:
    response = messages.PredictResponse()
    array = np.zeros((1, 0), dtype=np.float32)
    response.outputs["output_alias"].CopyFrom(serving.tensor_from_array(array))
    return response


def words(request: messages.PredictRequest, context: grpc.ServicerContext) -> messages.PredictResponse:
    response = messages.PredictResponse()
    response.outputs["output_alias"].CopyFrom(serving.tensor_from_bytes([b"espresso"]))
    return response


@dataclass(frozen=True)
class Scene:
    """What there is: good in every part, unless a test says otherwise."""

    fqdn: str = FQDN
    first: Reply = field(default_factory=lambda: zone(a("scores", IP)))
    second: Reply = field(default_factory=lambda: zone(a("scores", IP)))
    tls: Made | None = LEAF
    handler: Handler = field(default_factory=lambda: guarded(*KEYS))

    @contextmanager
    def declared(self) -> Iterator[Declared]:
        with ExitStack() as running:
            servers = [running.enter_context(name_server(reply)) for reply in (self.first, self.second)]
            service = running.enter_context(scoring_server(tls=self.tls, handler=self.handler))
            yield Declared(
                fqdn=self.fqdn,
                name_servers=tuple(servers),
                ip=IP,
                port=service.port,
                fingerprint=fingerprint(LEAF),
                roots=AUTHORITY.root.decode(),
                keys=KEYS,
            )


class Clock:
    """Time that passes by waiting alone."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, pause_s: float) -> None:
        self.pauses.append(pause_s)
        self.now += pause_s

    @property
    def waiter(self) -> Waiter:
        return Waiter(clock=self, sleep=self.sleep)


def complaint(declared: Declared, kind: type[ClientError], deadline_s: float = 0) -> str:
    """What the check says, the ports left out: they differ from run to run."""
    with pytest.raises(kind) as caught:
        prove(declared, deadline_s=deadline_s)
    text = str(caught.value)
    assert not [key for key in KEYS if key in text]
    for server, name in zip(declared.name_servers, ("FIRST", "SECOND"), strict=False):
        text = text.replace(server, name)
    return text.replace(f":{declared.port}", ":PORT")


def test_what_fits_is_proved() -> None:
    with Scene().declared() as declared:
        prove(declared, deadline_s=0)


def test_a_zone_without_a_name_server_proves_nothing() -> None:
    with Scene().declared() as declared:
        told = complaint(replace(declared, name_servers=()), NobodyToAsk)
    assert told.startswith(f"the A record of {FQDN} cannot be looked up: the zone has no name server.")
    assert "fpga-web-service:nameServers" in told


@pytest.mark.parametrize("keys", [(), ("", ""), (KEYS[0], "")])
def test_keys_that_are_not_known_prove_nothing(keys: tuple[str, str]) -> None:
    with Scene().declared() as declared:
        told = complaint(replace(declared, keys=keys), ProofFailed)
    assert told.startswith(f"the keys of {FQDN} ({IP}:PORT) are not known")


@pytest.mark.parametrize(
    ("fqdn", "names", "record"),
    [
        (ZONE, [ZONE], a("@", IP)),
        (f"a.b.c.{ZONE}", [f"*.b.c.{ZONE}"], a("a.b.c", IP)),
        (f"xn--bcher-kva.{ZONE}", [f"xn--bcher-kva.{ZONE}"], a("xn--bcher-kva", IP)),
        (f"xn--bcher-kva.{ZONE}", [f"*.{ZONE}"], a("*", IP)),
    ],
    ids=["apex", "wildcard certificate", "internationalized", "wildcard record and certificate"],
)
def test_any_name_that_the_certificate_covers_is_proved(
    fqdn: str, names: Sequence[str], record: RecordSet
) -> None:
    leaf = AUTHORITY.issue(names)
    scene = Scene(fqdn=fqdn, first=zone(record), second=zone(record), tls=leaf)
    with scene.declared() as declared:
        prove(replace(declared, fingerprint=fingerprint(leaf)), deadline_s=0)


def test_an_alias_is_followed() -> None:
    served = zone(alias("scores", f"host-1.{ZONE}"), a("host-1", IP))
    with Scene(first=served, second=served).declared() as declared:
        prove(declared, deadline_s=0)


RECORDS = {
    "wrong address": (zone(a("scores", OLD_IP)), f"A {OLD_IP}"),
    "one address more": (zone(a("scores", IP, OLD_IP)), f"A {IP}, {OLD_IP}"),
    "no such name": (zone(a("other", IP)), "NXDOMAIN"),
    "no such record": (
        zone(RecordSet("scores", "TXT", {"TTL": 60, "TXTRecords": [{"value": ["x"]}]})),
        "no A record",
    ),
    "alias of nothing": (zone(alias("scores", f"gone.{ZONE}")), f"NXDOMAIN by the alias gone.{ZONE}"),
    "alias elsewhere": (
        zone(alias("scores", "host.fabrikam.test")),
        "no A record by the alias host.fabrikam.test",
    ),
    "server failure": (failure, "SERVFAIL"),
    "another zone's server": (refusal, "REFUSED"),
}


@pytest.mark.parametrize(("second", "seen"), RECORDS.values(), ids=RECORDS.keys())
def test_one_server_of_two_that_is_wrong_is_named_with_what_it_says(second: Reply, seen: str) -> None:
    with Scene(second=second).declared() as declared:
        assert complaint(declared, DeadlineExceeded) == (
            f"the A record of {FQDN} to be {IP}: not done within 0 s; "
            f"last seen: {seen} at the name server SECOND"
        )


def test_all_servers_that_are_wrong_are_named() -> None:
    with Scene(first=failure, second=zone(a("scores", OLD_IP))).declared() as declared:
        assert complaint(declared, DeadlineExceeded).endswith(
            f"last seen: SERVFAIL at the name server FIRST; A {OLD_IP} at the name server SECOND"
        )


@pytest.mark.parametrize(
    ("reply", "seen"),
    [
        (lambda query: None, "no answer within 1 s"),
        (
            lambda query: query[:2] + b"\x80\x00 no DNS",
            "no usable answer (The DNS packet passed to from_wire() is too short.)",
        ),
    ],
    ids=["silent", "no DNS"],
)
def test_a_server_that_does_not_speak_is_named(reply: Callable[[bytes], bytes | None], seen: str) -> None:
    with Scene().declared() as declared, datagram_server(reply) as server:
        asked = replace(declared, name_servers=(declared.name_servers[0], server))
        assert complaint(asked, DeadlineExceeded).endswith(f"last seen: {seen} at the name server SECOND")


def test_what_is_left_of_a_deadline_is_told_in_few_digits() -> None:
    with datagram_server(lambda query: None) as server:
        said = look_up(FQDN, server, 0.0612345)
    assert (said.answered, said.told) == (False, "no answer within 0.06 s")


def test_a_name_server_may_be_a_name() -> None:
    with Scene().declared() as declared:
        named = tuple(server.replace(IP, "localhost") for server in declared.name_servers)
        prove(replace(declared, name_servers=named), deadline_s=0)


def test_a_name_server_without_an_address_is_named_with_the_setting() -> None:
    with Scene().declared() as declared:
        said = complaint(replace(declared, name_servers=("ns1..dns.test:53",)), ConnectionFailed)
    assert said.startswith("asking the zone's name server ns1..dns.test: no answer (")
    assert said.endswith("; name reachable servers in fpga-web-service:nameServers)")


CERTIFICATES = {
    "another certificate": (
        Scene(tls=AUTHORITY.issue([FQDN])),
        f"{FQDN} ({IP}:PORT) serves the certificate SERVED; the certificate DECLARED is declared",
    ),
    "no TLS": (
        Scene(tls=None),
        f"{FQDN} ({IP}:PORT) serves no TLS; the certificate DECLARED is declared",
    ),
}


@pytest.mark.parametrize(("scene", "expected"), CERTIFICATES.values(), ids=CERTIFICATES.keys())
def test_another_certificate_than_the_declared_one_is_told(scene: Scene, expected: str) -> None:
    served = fingerprint(scene.tls) if scene.tls else ""
    with scene.declared() as declared:
        assert complaint(declared, ProofFailed) == expected.replace("SERVED", served).replace(
            "DECLARED", fingerprint(LEAF)
        )


def test_a_service_that_does_not_run_is_told() -> None:
    with scoring_server() as ended:
        pass
    with Scene().declared() as declared:
        said = complaint(replace(declared, port=ended.port), ConnectionFailed)
    assert said.startswith(f"reading the certificate at {IP}:PORT: no answer")


@pytest.mark.parametrize(
    ("leaf", "seen"),
    [
        (AUTHORITY.issue(["other.contoso.test"]), f"is not for {FQDN}: it is for other.contoso.test"),
        (AUTHORITY.issue([f"*.b.{ZONE}"]), f"is not for {FQDN}: it is for *.b.{ZONE}"),
        (AUTHORITY.issue([FQDN], starts_in=-9, ends_in=-2), "has expired"),
        (AUTHORITY.issue([FQDN], starts_in=2), "is not yet valid"),
        (
            Authority("another root").issue([FQDN]),
            "A stack names the root of a private authority in fpga-web-service:rootsFile, ",
        ),
    ],
    ids=["another name", "wildcard elsewhere", "expired", "not yet valid", "unknown root"],
)
def test_a_declared_certificate_that_callers_refuse_is_told(leaf: Made, seen: str) -> None:
    """It is the one that was declared; callers would not take it all the same."""
    with Scene(tls=leaf).declared() as declared:
        said = complaint(replace(declared, fingerprint=fingerprint(leaf)), ProofFailed)

    begin = f"a call of {FQDN} ({IP}:PORT) without key was to be refused with UNAUTHENTICATED; "
    assert said.startswith(f"{begin}seen: UNAVAILABLE: The certificate of ")
    assert seen in said


CALLS = {
    "no key wanted": (scores, "SCENE answers calls without key; UNAUTHENTICATED is expected"),
    "no key wanted, broken": (
        broken,
        "a call of SCENE without key was to be refused with UNAUTHENTICATED; seen: INTERNAL: ",
    ),
    "primary refused": (
        guarded(KEYS[1]),
        "a call of SCENE with the primary key was to score a sample; seen: UNAUTHENTICATED: ",
    ),
    "secondary refused": (
        guarded(KEYS[0]),
        "a call of SCENE with the secondary key was to score a sample; seen: UNAUTHENTICATED: ",
    ),
    "scoring fails": (
        guarded(*KEYS, then=broken),
        "a call of SCENE with the primary key was to score a sample; seen: INTERNAL: ",
    ),
    "nothing scored": (
        guarded(*KEYS, then=empty),
        "a call of SCENE with the primary key was answered with an empty tensor",
    ),
    "another service": (
        guarded(*KEYS, then=lambda request, context: messages.PredictResponse()),
        "a call of SCENE with the primary key was to score a sample; "
        f"seen: The answer of {FQDN} has no output 'output_alias'",
    ),
    "words instead of scores": (
        guarded(*KEYS, then=words),
        "a call of SCENE with the primary key was to score a sample; "
        f"seen: The answer of {FQDN} has no scores in 'output_alias': A tensor of DT_STRING",
    ),
}


@pytest.mark.parametrize(("handler", "expected"), CALLS.values(), ids=CALLS.keys())
def test_a_call_that_does_not_end_as_it_should_is_told(handler: Handler, expected: str) -> None:
    with Scene(handler=handler).declared() as declared:
        said = complaint(declared, ProofFailed)
    assert said.startswith(expected.replace("SCENE", f"{FQDN} ({IP}:PORT)"))


def test_a_service_with_ssl_is_none_without() -> None:
    with Scene().declared() as declared:
        said = complaint(replace(declared, fingerprint=None), ProofFailed)
    assert said.startswith(f"a call of {FQDN} ({IP}:PORT) without key was to score a sample; seen: ")
    assert "speaks TLS, and the call was in plaintext" in said


KEPT = {
    "address": (zone(a("scores", OLD_IP)), f"A {OLD_IP}", 60),
    "alias": (
        zone(alias("scores", f"old.{ZONE}"), a("old", OLD_IP)),
        f"A {OLD_IP} by the alias old.{ZONE}",
        60,
    ),
    "absence": (zone(), "NXDOMAIN", 30),
}


@pytest.mark.parametrize(("before", "seen", "ttl_s"), KEPT.values(), ids=KEPT.keys())
def test_what_a_resolver_kept_is_waited_for_until_its_ttl_is_over(
    before: Reply, seen: str, ttl_s: int
) -> None:
    clock, said = Clock(), list[str]()
    replies = [before]
    with (
        name_server(lambda query: replies[-1](query)) as behind,
        recursive_resolver(behind, clock) as (resolver, cache),
        Scene().declared() as declared,
    ):
        assert look_up(FQDN, resolver, 5.0).told == seen
        clock.now += 10
        replies.append(zone(a("scores", IP)))

        asked = replace(declared, resolvers=(resolver,))
        prove(asked, deadline_s=100, waiter=clock.waiter, tell=said.append)

        assert clock.pauses == [ttl_s - 10]
        assert cache.asked == [f"{FQDN}."] * 2
    assert said == [
        f"Waiting for the resolver {resolver} to give {IP} for {FQDN}; "
        f"seen: {seen} at the resolver {resolver}, kept for another {ttl_s - 10} s "
        "(fpga-web-service:checkTimeout can be longer)"
    ]


def test_a_resolver_is_not_waited_for_beyond_the_limit() -> None:
    clock = Clock()
    with (
        name_server(zone(a("scores", OLD_IP))) as behind,
        recursive_resolver(behind, clock) as (resolver, _),
        Scene().declared() as declared,
    ):
        look_up(FQDN, resolver, 5.0)
        asked = replace(declared, resolvers=(resolver,))
        with pytest.raises(DeadlineExceeded) as caught:
            prove(asked, deadline_s=25, waiter=clock.waiter, tell=lambda line: None)

    assert clock.pauses == [25]
    assert str(caught.value) == (
        f"the A record of {FQDN} to be {IP}: not done within 25 s; last seen: A {OLD_IP} at the resolver "
        f"{resolver}, kept for another 35 s (fpga-web-service:checkTimeout can be longer)"
    )


def test_a_resolver_that_does_not_find_the_zone_asks_for_its_delegation() -> None:
    clock = Clock()
    with (
        name_server(zone()) as behind,
        recursive_resolver(behind, clock) as (resolver, _),
        Scene().declared() as declared,
    ):
        asked = replace(declared, resolvers=(resolver,), delegation=("ns1.dns.test.", "ns2.dns.test."))
        with pytest.raises(DeadlineExceeded) as caught:
            prove(asked, deadline_s=0, waiter=clock.waiter, tell=lambda line: None)

    assert "last seen: NXDOMAIN at the resolver" in str(caught.value)
    assert str(caught.value).endswith(
        "(does the zone's parent name its servers, NS ns1.dns.test., ns2.dns.test.?)"
    )


def test_servers_that_follow_one_another_are_waited_for_under_one_limit() -> None:
    """Each pause brings one server to what is declared; whoever has got there is not asked again."""
    clock, said = Clock(), list[str]()
    right, wrong = zone(a("scores", IP)), zone(a("scores", OLD_IP))
    counts = [0, 0]

    def lagging(server: int, misses: int) -> Reply:
        def reply(query: dns.message.Message) -> dns.message.Message:
            counts[server] += 1
            return (wrong if counts[server] <= misses else right)(query)

        return reply

    with Scene(first=lagging(0, 1), second=lagging(1, 8)).declared() as declared:
        # the calls that follow ask once more for the address
        prove(declared, deadline_s=60, waiter=clock.waiter, tell=said.append)
        second = declared.name_servers[1]

    assert clock.pauses == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0]
    assert counts == [2 + 3, 9]
    assert said == [
        f"Waiting for the name server {second} to give {IP} for {FQDN}; "
        f"seen: A {OLD_IP} at the name server {second}"
    ]
