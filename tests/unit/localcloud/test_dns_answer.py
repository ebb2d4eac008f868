"""What the name server answers, query by query; no I/O."""

from __future__ import annotations

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import pytest

from localcloud.dns.answer import answer, respond, truncated, udp_size
from localcloud.dns.records import RecordSet, zone_from


def _a(*addresses: str, ttl: int = 60) -> dict[str, object]:
    return {"TTL": ttl, "ARecords": [{"ipv4Address": address} for address in addresses]}


def _alias(target: str) -> dict[str, object]:
    return {"TTL": 30, "CNAMERecord": {"cname": target}}


def _text(*parts: str) -> dict[str, object]:
    return {"TTL": 10, "TXTRecords": [{"value": list(parts)}]}


def _servers(*names: str) -> dict[str, object]:
    return {"TTL": 172800, "NSRecords": [{"nsdname": name} for name in names]}


def _soa(minimum: int) -> dict[str, object]:
    record = {
        "host": "ns1-01.azure-dns.com.",
        "email": "azuredns-hostmaster.microsoft.com",
        "serialNumber": 1,
        "refreshTime": 3600,
        "retryTime": 300,
        "expireTime": 2419200,
        "minimumTTL": minimum,
    }
    return {"TTL": 3600, "SOARecord": record}


CONTOSO = zone_from(
    "contoso.com",
    [
        RecordSet("@", "SOA", _soa(300)),
        RecordSet("@", "NS", _servers("ns1-01.azure-dns.com.", "ns2-01.azure-dns.net.")),
        RecordSet("@", "TXT", _text("v=spf1 ", "-all")),
        RecordSet("@", "CAA", {"TTL": 5, "caaRecords": [{"flags": 0, "tag": "issue", "value": "ca.test"}]}),
        RecordSet("@", "MX", {"TTL": 5, "MXRecords": [{"preference": 10, "exchange": "mail.contoso.com"}]}),
        RecordSet("www", "A", _a("192.0.2.1", "192.0.2.2")),
        RecordSet("_acme-challenge.www", "TXT", _text("token")),
        RecordSet("six", "AAAA", {"TTL": 7, "AAAARecords": [{"ipv6Address": "2001:db8::1"}]}),
        RecordSet("alias", "CNAME", _alias("www.contoso.com")),
        RecordSet("chain", "CNAME", _alias("alias.contoso.com.")),
        RecordSet("dangling", "CNAME", _alias("nothing.contoso.com")),
        RecordSet("textless", "CNAME", _alias("six.contoso.com")),
        RecordSet("abroad", "CNAME", _alias("www.example.org")),
        RecordSet("round", "CNAME", _alias("about.contoso.com")),
        RecordSet("about", "CNAME", _alias("round.contoso.com")),
        RecordSet("self", "CNAME", _alias("self.contoso.com")),
        RecordSet("into", "CNAME", _alias("www.team.contoso.com")),
        RecordSet("a.b.deep", "A", _a("192.0.2.3")),
        RecordSet("*.wild", "A", _a("192.0.2.4")),
        RecordSet("host.wild", "TXT", _text("host")),
        RecordSet("a.ent.wild", "A", _a("192.0.2.5")),
        RecordSet("*.aliases", "CNAME", _alias("www.contoso.com")),
        RecordSet("x.*.odd", "A", _a("192.0.2.6")),
        RecordSet("team", "NS", _servers("ns.team.contoso.com", "ns.example.org")),
        RecordSet("ns.team", "A", _a("192.0.2.7")),
        RecordSet("empty", "A", {"TTL": 60, "ARecords": []}),
    ],
)
CHILD = zone_from(
    "child.contoso.com", [RecordSet("@", "SOA", _soa(7200)), RecordSet("www", "A", _a("192.0.2.9"))]
)
ZONES = {zone.origin: zone for zone in (CONTOSO, CHILD)}

WWW = ["www.contoso.com. 60 IN A 192.0.2.1", "www.contoso.com. 60 IN A 192.0.2.2"]
SOA = ["contoso.com. 300 IN SOA"]
TEAM = [
    "team.contoso.com. 172800 IN NS ns.team.contoso.com.",
    "team.contoso.com. 172800 IN NS ns.example.org.",
]
NOERROR, NXDOMAIN, REFUSED, NOTIMP = (
    dns.rcode.NOERROR,
    dns.rcode.NXDOMAIN,
    dns.rcode.REFUSED,
    dns.rcode.NOTIMP,
)


def _lines(section: list[dns.rrset.RRset]) -> list[str]:
    lines = [line for rrset in section for line in rrset.to_text().splitlines()]
    return [line.partition(" ns1-01")[0] if " SOA " in line else line for line in lines]


def _cname(owner: str, target: str) -> str:
    return f"{owner}.contoso.com. 30 IN CNAME {target}."


@pytest.mark.parametrize(
    ("name", "kind", "rcode", "answers", "authority"),
    [
        # what is there
        ("www.contoso.com", "A", NOERROR, WWW, []),
        (
            "_acme-challenge.www.contoso.com",
            "TXT",
            NOERROR,
            ['_acme-challenge.www.contoso.com. 10 IN TXT "token"'],
            [],
        ),
        ("six.contoso.com", "AAAA", NOERROR, ["six.contoso.com. 7 IN AAAA 2001:db8::1"], []),
        ("contoso.com", "TXT", NOERROR, ['contoso.com. 10 IN TXT "v=spf1 " "-all"'], []),
        ("contoso.com", "CAA", NOERROR, ['contoso.com. 5 IN CAA 0 issue "ca.test"'], []),
        ("contoso.com", "MX", NOERROR, ["contoso.com. 5 IN MX 10 mail.contoso.com."], []),
        ("contoso.com", "SOA", NOERROR, ["contoso.com. 3600 IN SOA"], []),
        (
            "contoso.com",
            "NS",
            NOERROR,
            [
                "contoso.com. 172800 IN NS ns1-01.azure-dns.com.",
                "contoso.com. 172800 IN NS ns2-01.azure-dns.net.",
            ],
            [],
        ),
        ("www.child.contoso.com", "A", NOERROR, ["www.child.contoso.com. 60 IN A 192.0.2.9"], []),
        # what is not
        ("nothing.contoso.com", "A", NXDOMAIN, [], SOA),
        ("a.www.contoso.com", "A", NXDOMAIN, [], SOA),
        ("www.contoso.com", "AAAA", NOERROR, [], SOA),
        ("contoso.com", "A", NOERROR, [], SOA),
        ("deep.contoso.com", "A", NOERROR, [], SOA),
        ("b.deep.contoso.com", "A", NOERROR, [], SOA),
        ("c.deep.contoso.com", "A", NXDOMAIN, [], SOA),
        ("empty.contoso.com", "A", NXDOMAIN, [], SOA),
        ("nothing.child.contoso.com", "A", NXDOMAIN, [], ["child.contoso.com. 3600 IN SOA"]),
        # what is elsewhere
        ("www.example.org", "A", REFUSED, [], []),
        ("com", "A", REFUSED, [], []),
        (".", "NS", REFUSED, [], []),
        ("xcontoso.com", "A", REFUSED, [], []),
        # aliases
        ("alias.contoso.com", "A", NOERROR, [_cname("alias", "www.contoso.com"), *WWW], []),
        ("alias.contoso.com", "CNAME", NOERROR, [_cname("alias", "www.contoso.com")], []),
        (
            "chain.contoso.com",
            "A",
            NOERROR,
            [
                _cname("chain", "alias.contoso.com"),
                _cname("alias", "www.contoso.com"),
                *WWW,
            ],
            [],
        ),
        (
            "dangling.contoso.com",
            "A",
            NXDOMAIN,
            [_cname("dangling", "nothing.contoso.com")],
            SOA,
        ),
        ("textless.contoso.com", "TXT", NOERROR, [_cname("textless", "six.contoso.com")], SOA),
        ("abroad.contoso.com", "A", NOERROR, [_cname("abroad", "www.example.org")], []),
        (
            "round.contoso.com",
            "A",
            NOERROR,
            [
                _cname("round", "about.contoso.com"),
                _cname("about", "round.contoso.com"),
            ],
            [],
        ),
        ("self.contoso.com", "A", NOERROR, [_cname("self", "self.contoso.com")], []),
        ("into.contoso.com", "A", NOERROR, [_cname("into", "www.team.contoso.com")], TEAM),
        # wildcards
        ("x.wild.contoso.com", "A", NOERROR, ["x.wild.contoso.com. 60 IN A 192.0.2.4"], []),
        ("y.x.wild.contoso.com", "A", NOERROR, ["y.x.wild.contoso.com. 60 IN A 192.0.2.4"], []),
        ("*.wild.contoso.com", "A", NOERROR, ["*.wild.contoso.com. 60 IN A 192.0.2.4"], []),
        ("x.wild.contoso.com", "TXT", NOERROR, [], SOA),
        ("wild.contoso.com", "A", NOERROR, [], SOA),
        ("host.wild.contoso.com", "A", NOERROR, [], SOA),
        ("x.host.wild.contoso.com", "A", NXDOMAIN, [], SOA),
        ("ent.wild.contoso.com", "A", NOERROR, [], SOA),
        ("b.ent.wild.contoso.com", "A", NXDOMAIN, [], SOA),
        (
            "x.aliases.contoso.com",
            "A",
            NOERROR,
            [_cname("x.aliases", "www.contoso.com"), *WWW],
            [],
        ),
        ("any.odd.contoso.com", "A", NOERROR, [], SOA),
        # RFC 8482: one of the sets is enough
        ("www.contoso.com", "ANY", NOERROR, WWW, []),
        ("alias.contoso.com", "ANY", NOERROR, [_cname("alias", "www.contoso.com")], []),
        ("deep.contoso.com", "ANY", NOERROR, [], SOA),
        ("nothing.contoso.com", "ANY", NXDOMAIN, [], SOA),
        # what is not done here
        ("contoso.com", "AXFR", REFUSED, [], []),
        ("contoso.com", "IXFR", REFUSED, [], []),
        ("contoso.com", "MAILB", NOTIMP, [], []),
        ("contoso.com", "TKEY", NOTIMP, [], []),
    ],
)
def test_answers(
    name: str, kind: str, rcode: dns.rcode.Rcode, answers: list[str], authority: list[str]
) -> None:
    response = answer(ZONES, dns.message.make_query(name, kind))
    assert response.rcode() == rcode
    assert _lines(response.answer) == answers
    assert _lines(response.authority) == authority
    assert bool(response.flags & dns.flags.AA) == (rcode in (NOERROR, NXDOMAIN))
    assert response.flags & dns.flags.QR
    assert not response.flags & (dns.flags.RA | dns.flags.TC)


@pytest.mark.parametrize("name", ["team.contoso.com", "www.team.contoso.com", "ns.team.contoso.com"])
@pytest.mark.parametrize("kind", ["A", "NS", "ANY"])
def test_what_is_delegated_is_referred_with_glue(name: str, kind: str) -> None:
    response = answer(ZONES, dns.message.make_query(name, kind))
    assert response.rcode() == NOERROR
    assert _lines(response.answer) == []
    assert _lines(response.authority) == TEAM
    assert _lines(response.additional) == ["ns.team.contoso.com. 60 IN A 192.0.2.7"]
    assert not response.flags & dns.flags.AA


def test_the_parent_answers_for_ds_at_a_cut() -> None:
    response = answer(ZONES, dns.message.make_query("team.contoso.com", "DS"))
    assert response.rcode() == NOERROR
    assert _lines(response.authority) == SOA
    assert response.flags & dns.flags.AA


def test_names_are_found_in_any_case_and_come_back_as_asked() -> None:
    query = dns.message.make_query("wWw.CoNtOsO.com", "A")
    response = answer(ZONES, query)
    assert str(response.question[0].name) == str(response.answer[0].name) == "wWw.CoNtOsO.com."
    assert b"\x03wWw\x07CoNtOsO" in response.to_wire()
    assert response.id == query.id


@pytest.mark.parametrize("recursion", [True, False])
def test_recursion_is_echoed_and_never_offered(recursion: bool) -> None:
    query = dns.message.make_query("www.contoso.com", "A")
    query.flags = dns.flags.Flag(dns.flags.RD if recursion else 0)
    response = answer(ZONES, query)
    assert bool(response.flags & dns.flags.RD) == recursion
    assert not response.flags & dns.flags.RA


@pytest.mark.parametrize("opcode", [dns.opcode.NOTIFY, dns.opcode.UPDATE, dns.opcode.STATUS])
def test_other_opcodes_are_not_implemented(opcode: dns.opcode.Opcode) -> None:
    query = dns.message.Message()
    query.set_opcode(opcode)
    response = answer(ZONES, query)
    assert response.rcode() == NOTIMP
    assert response.opcode() == opcode


def test_another_class_is_refused() -> None:
    query = dns.message.make_query("version.bind", "TXT", rdclass=dns.rdataclass.CH)
    assert answer(ZONES, query).rcode() == REFUSED


def test_a_message_without_its_one_question_is_a_format_error() -> None:
    assert answer(ZONES, dns.message.QueryMessage()).rcode() == dns.rcode.FORMERR
    query = dns.message.make_query("www.contoso.com", "A")
    query.question.append(dns.message.make_query("contoso.com", "NS").question[0])
    assert answer(ZONES, query).rcode() == dns.rcode.FORMERR


def test_edns_is_answered_with_edns_and_its_absence_without() -> None:
    with_edns = answer(ZONES, dns.message.make_query("www.contoso.com", "A", use_edns=0, payload=4096))
    assert (with_edns.edns, with_edns.payload) == (0, 1232)
    assert answer(ZONES, dns.message.make_query("www.contoso.com", "A")).edns == -1


def test_a_version_of_edns_that_does_not_exist_yet_is_told_so() -> None:
    response = answer(ZONES, dns.message.make_query("www.contoso.com", "A", use_edns=1))
    assert response.rcode() == dns.rcode.BADVERS
    assert response.edns == 0
    assert not response.answer


@pytest.mark.parametrize(("payload", "size"), [(0, 512), (512, 512), (1000, 1000), (4096, 1232)])
def test_the_size_over_udp_is_what_both_sides_take(payload: int, size: int) -> None:
    assert udp_size(dns.message.make_query("contoso.com", "A", use_edns=0, payload=payload)) == size


def test_without_edns_the_size_over_udp_is_512() -> None:
    assert udp_size(dns.message.make_query("contoso.com", "A")) == 512


def test_a_truncated_response_has_the_flag_and_no_records() -> None:
    response = truncated(answer(ZONES, dns.message.make_query("www.contoso.com", "A", use_edns=True)))
    assert response.flags & dns.flags.TC
    assert response.flags & dns.flags.AA
    assert response.edns == 0
    assert not response.answer
    assert response.question


def test_aliases_of_a_set_that_fills_a_message_come_alone_over_tcp() -> None:
    """Who has them asks for what they lead to, and gets that whole."""
    long = [f"{'x' * 60}.{'y' * 60}.{number}{'z' * 60}" for number in range(6)]
    records = [{"value": [f"{number:03}" + "t" * 252, *["t" * 255] * 15]} for number in range(15)]
    sets = [RecordSet("large", "TXT", {"TTL": 10, "TXTRecords": [*records, {"value": ["t" * 255] * 11}]})]
    sets += [
        RecordSet(name, "CNAME", _alias(f"{target}.contoso.com"))
        for name, target in zip(long, [*long[1:], "large"], strict=True)
    ]
    zone = zone_from("contoso.com", sets)

    def asked(name: str) -> dns.message.Message:
        query = dns.message.make_query(f"{name}.contoso.com", "TXT").to_wire()
        wire = respond(query, lambda: {zone.origin: zone}, udp=False)
        assert wire is not None
        return dns.message.from_wire(wire)

    aliases, large = asked(long[0]), asked("large")
    assert not aliases.flags & dns.flags.TC
    assert [rrset.rdtype.name for rrset in aliases.answer] == ["CNAME"] * 6
    assert [len(rrset) for rrset in large.answer] == [16]
    assert not large.flags & dns.flags.TC
