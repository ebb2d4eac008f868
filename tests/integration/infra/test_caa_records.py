"""CAA records asked of real name servers, as an authority will ask before it issues."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack

import dns.flags
import dns.message
import dns.nameserver
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset
import pytest

from certs.errors import AcmeError
from clients.azure.errors import DeadlineExceeded, NobodyToAsk
from clients.azure.operations import Waiter
from infra.proof.caa_records import ZoneCaa
from tests.support.servers.name_server import Reply, name_server, refusal

ZONE, NAME, OURS = "fpga.contoso.test", "www.fpga.contoso.test", ["ca.example.net"]
Records = dict[tuple[str, str], str]


class Asked:
    """Answers from records, `(name, type) -> rdata`, and keeps the names that it was asked for."""

    def __init__(self, records: Mapping[tuple[str, str], str]) -> None:
        self.records = dict(records)
        self.names: list[str] = []

    def __call__(self, query: dns.message.Message) -> dns.message.Message:
        assert query.question[0].rdtype == dns.rdatatype.CAA
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        name = query.question[0].name.to_text(omit_final_dot=True)
        self.names.append(name)
        while (name, "CNAME") in self.records:
            target = self.records[name, "CNAME"]
            response.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "CNAME", f"{target}."))
            name = target
        if (name, "CAA") in self.records:
            texts = self.records[name, "CAA"].split("\n")
            response.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "CAA", *texts))
        elif not any(known.endswith(name) for known, _ in self.records):
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response


@pytest.fixture
def serve() -> Iterator[Callable[[Reply], str]]:
    with ExitStack() as running:
        yield lambda reply: running.enter_context(name_server(reply))


class Check:
    """A check of the zone, with a clock that each pause moves on; keeps what it tells."""

    def __init__(
        self,
        servers: Sequence[str],
        resolvers: Sequence[str] | None = None,
        declared: Sequence[str] = (),
        on_pause: Callable[[], None] = lambda: None,
    ) -> None:
        self.pauses: list[float] = []
        self.told: list[str] = []

        def sleep(pause_s: float) -> None:
            self.pauses.append(pause_s)
            on_pause()

        waiter = Waiter(lambda: sum(self.pauses), sleep)
        self._caa = ZoneCaa(ZONE, servers, resolvers, declared, lambda: 60.2, self.told.append, waiter)

    def require(self, name: str = NAME) -> None:
        self._caa.require(name, OURS)

    def refusal(self, name: str = NAME) -> str:
        with pytest.raises(AcmeError) as caught:
            self.require(name)
        assert [finding.code for finding in caught.value.findings] == ["caa-forbids"]
        assert self.pauses == []
        return str(caught.value)


REMEDY = "Name ca.example.net in fpga-web-service:caaIssuers, or choose another authority."
EXPECTED = f"the authority issues as ca.example.net (caaIdentities of its directory). {REMEDY}"
LEFT_OVER = (
    " Records of a fpga-web-service:caaIssuers that was removed last until an update is done: let it name "
    "ca.example.net in this one, and remove it afterwards. In a zone of others (zoneExists) have its keepers "
    "name it."
)


def test_the_zone_is_climbed_from_the_name_to_its_apex(serve: Callable[[Reply], str]) -> None:
    zone = Asked({(ZONE, "CAA"): '0 issue "ca.example.net"'})

    Check([serve(zone)]).require()

    assert zone.names == [NAME, ZONE]


def test_records_that_let_another_one_issue_are_told_with_what_was_expected(
    serve: Callable[[Reply], str],
) -> None:
    at_the_apex = serve(Asked({(ZONE, "CAA"): '0 issue "other.example; a=b"\n0 iodef "mailto:a@b.c"'}))
    at_the_name = serve(Asked({(ZONE, "CAA"): '0 issue "ca.example.net"', (NAME, "CAA"): '0 issue ";"'}))
    critical = serve(Asked({(ZONE, "CAA"): '128 tbs "x"\n0 issue "ca.example.net"'}))

    assert Check([at_the_apex]).refusal() == (
        f"CAA records at {ZONE}: let other.example issue (issue); {EXPECTED}{LEFT_OVER}"
    )
    assert Check([at_the_apex], declared=["other.example"]).refusal() == (
        f"CAA records at {ZONE}: let other.example issue (issue); {EXPECTED}"
    )
    assert Check([at_the_name]).refusal() == f"CAA records at {NAME}: let nobody issue (issue); {EXPECTED}"
    assert Check([critical]).refusal() == (
        f"CAA records at {ZONE}: have the critical tag 'tbs', which authorities do not know; "
        f"{EXPECTED}{LEFT_OVER}"
    )


def test_a_wildcard_has_its_own_rule(serve: Callable[[Reply], str]) -> None:
    server = serve(Asked({(ZONE, "CAA"): '0 issue "ca.example.net"\n0 issuewild ";"'}))

    Check([server]).require(ZONE)
    assert Check([server]).refusal(f"*.{ZONE}") == (
        f"CAA records at {ZONE}: let nobody issue (issuewild); {EXPECTED}{LEFT_OVER}"
    )


def test_an_alias_has_the_records_of_its_target(serve: Callable[[Reply], str]) -> None:
    zone: Records = {(NAME, "CNAME"): f"host.{ZONE}", (ZONE, "CAA"): '0 issue "ca.example.net"'}

    Check([serve(Asked(zone))]).require()
    forbids = zone | {(f"host.{ZONE}", "CAA"): '0 issue "other.example"'}
    assert f"CAA records at {NAME}: let other.example issue" in Check([serve(Asked(forbids))]).refusal()


def test_above_the_zone_resolvers_are_asked(serve: Callable[[Reply], str]) -> None:
    zone, parents = Asked({(ZONE, "A"): ""}), Asked({("contoso.test", "CAA"): '0 issue "other.example"'})
    server, resolver = serve(zone), serve(parents)

    refused = Check([server], [resolver]).refusal()

    assert refused == f"CAA records at contoso.test: let other.example issue (issue); {EXPECTED}"
    assert (zone.names, parents.names) == ([NAME, ZONE], ["contoso.test"])

    parents.records = {("contoso.test", "CAA"): '0 issue "ca.example.net"'}
    Check([server], [resolver]).require()
    parents.records = {("elsewhere.test", "CAA"): '0 issue "other.example"'}
    Check([server], [resolver]).require()
    assert parents.names == ["contoso.test", "contoso.test", "contoso.test", "test"]


def test_above_the_zone_the_systems_resolvers_are_asked_where_none_are_named(
    serve: Callable[[Reply], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    zone, parents = Asked({(ZONE, "A"): ""}), Asked({("contoso.test", "CAA"): '0 issue "other.example"'})
    server, resolver = serve(zone), serve(parents)

    def read_resolv_conf(self: dns.resolver.Resolver, _file: object) -> None:
        host, _, port = resolver.partition(":")
        self.nameservers = [dns.nameserver.Do53Nameserver(host, int(port))]

    monkeypatch.setattr(dns.resolver.Resolver, "read_resolv_conf", read_resolv_conf)

    assert Check([server], []).refusal().startswith("CAA records at contoso.test: let other.example issue")


def test_above_the_zone_nobody_may_be_there_to_ask(serve: Callable[[Reply], str]) -> None:
    zone = Asked({(ZONE, "A"): ""})
    server = serve(zone)

    Check([server], None).require()
    unanswered = Check([server], [serve(refusal)])
    unanswered.require()

    assert unanswered.told == [
        "CAA records at contoso.test could not be looked up: the authority will see for itself"
    ]
    assert zone.names == [NAME, ZONE] * 2


def test_what_is_declared_is_waited_for(serve: Callable[[Reply], str]) -> None:
    zone = Asked({(ZONE, "CAA"): '0 issue "other.example"'})

    def served() -> None:
        if len(zone.names) >= 6:
            zone.records = {(ZONE, "CAA"): '0 issue "ca.example.net"'}

    check = Check([serve(zone)], declared=["ca.example.net"], on_pause=served)
    check.require()

    assert check.pauses == [0.05, 0.1, 0.2]
    assert set(check.told) == {
        "Waiting for CAA records that let the authority issue; seen: "
        f"CAA records at {ZONE} that let other.example issue (issue)"
    }


def test_it_is_waited_for_until_time_is_up(serve: Callable[[Reply], str]) -> None:
    check = Check([serve(Asked({(ZONE, "CAA"): '0 issue "other.example"'}))], declared=["ca.example.net"])

    with pytest.raises(DeadlineExceeded) as caught:
        check.require()

    assert str(caught.value) == (
        f"the CAA records for {NAME}: not done within 60 s; last seen: CAA records at {ZONE} that let "
        "other.example issue (issue) (fpga-web-service:acmeTimeout can be longer)"
    )
    # what is declared, and would not do either, is not waited for
    assert (
        "let other.example issue"
        in Check(
            [serve(Asked({(ZONE, "CAA"): '0 issue "other.example"'}))], declared=["another.example"]
        ).refusal()
    )


def test_one_server_that_answers_is_enough_and_none_is_not(serve: Callable[[Reply], str]) -> None:
    silent, answering = serve(refusal), serve(Asked({(ZONE, "CAA"): '0 issue "ca.example.net"'}))

    Check([silent, answering]).require()

    with pytest.raises(DeadlineExceeded) as caught:
        Check([silent]).require()
    assert f"not done within 60 s; last seen: REFUSED at the name server {silent}" in str(caught.value)


def test_a_zone_without_a_server_lets_nobody_issue() -> None:
    with pytest.raises(NobodyToAsk, match=f"the CAA records for {NAME} cannot be looked up: the zone has no"):
        Check([]).require()


def test_aliases_that_lead_round_are_not_taken_for_no_records(serve: Callable[[Reply], str]) -> None:
    def loop(query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query)
        for name, target in ((NAME, f"host.{ZONE}"), (f"host.{ZONE}", NAME)):
            response.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "CNAME", f"{target}."))
        return response

    server = serve(loop)

    with pytest.raises(DeadlineExceeded) as caught:
        Check([server]).require()

    assert "no usable answer" in str(caught.value)
    assert f"at the name server {server}" in str(caught.value)
