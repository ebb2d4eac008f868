"""DNS messages: questions to localcloud's name server, and the answers that clients get."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rdatatype

from clients.dns.server import lookup_of
from localcloud.dns.answer import UDP_PAYLOAD, respond
from localcloud.dns.records import RecordSet, Zone, zone_from
from tests.support.parsers.parser import Parser

_ZONE: Final = zone_from(
    "contoso.test",
    [
        RecordSet("@", "NS", {"TTL": 60, "NSRecords": [{"nsdname": "ns.contoso.test."}]}),
        RecordSet(
            "@",
            "SOA",
            {
                "TTL": 60,
                "SOARecord": {
                    "host": "ns.contoso.test.",
                    "email": "admin.contoso.test.",
                    "serialNumber": 1,
                    "refreshTime": 60,
                    "retryTime": 60,
                    "expireTime": 60,
                    "minimumTTL": 60,
                },
            },
        ),
        RecordSet("fpga", "A", {"TTL": 60, "ARecords": [{"ipv4Address": "192.0.2.1"}]}),
        RecordSet("alias", "CNAME", {"TTL": 60, "CNAMERecord": {"cname": "fpga.contoso.test."}}),
        RecordSet("round", "CNAME", {"TTL": 60, "CNAMERecord": {"cname": "round.contoso.test."}}),
        RecordSet("*.dev", "AAAA", {"TTL": 60, "AAAARecords": [{"ipv6Address": "2001:db8::1"}]}),
        RecordSet("below", "NS", {"TTL": 60, "NSRecords": [{"nsdname": "ns.below.contoso.test."}]}),
        RecordSet("ns.below", "A", {"TTL": 60, "ARecords": [{"ipv4Address": "192.0.2.2"}]}),
        RecordSet("big", "TXT", {"TTL": 60, "TXTRecords": [{"value": ["x" * 250] * 12}]}),
    ],
)
_ZONES: Final[Mapping[dns.name.Name, Zone]] = {_ZONE.origin: _ZONE}
_NAMES: Final = ("@", "fpga", "alias", "round", "a.dev", "x.below", "big", "none", "_acme-challenge.fpga")
_HEADER: Final = 12


def _check_question(wire: bytes) -> None:
    """The name server answers whatever is a question, with its ID and to it, and never an answer."""
    for udp in (True, False):
        answered = respond(wire, lambda: _ZONES, udp=udp)
        is_question = len(wire) >= _HEADER and not wire[2] & 0x80
        assert (answered is not None) == is_question
        if answered is None:
            continue
        assert not udp or len(answered) <= UDP_PAYLOAD
        response = dns.message.from_wire(answered)
        assert response.id == int.from_bytes(wire[:2])
        assert response.flags & dns.flags.QR
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            continue
        assert response.question == query.question
        assert response.opcode() == query.opcode()
        assert respond(answered, lambda: _ZONES, udp=udp) is None  # two servers would never stop


def _check_answer(wire: bytes) -> None:
    """A client takes records out of an answer, or says in words why there are none."""
    try:
        response = dns.message.from_wire(wire)
    except dns.exception.DNSException:
        return  # so does dnspython's own caller, and it is told
    for kind in (dns.rdatatype.A, dns.rdatatype.TXT):
        found = lookup_of(response, kind)
        assert found.told
        assert found.answered or not found.records
        assert all(isinstance(value, str) for value in found.values)


def _questions() -> Iterator[bytes]:
    for name in _NAMES:
        for kind in ("A", "AAAA", "TXT", "ANY", "CNAME", "DS", "SOA", "AXFR"):
            query = dns.message.make_query(dns.name.from_text(name, _ZONE.origin), kind, id=7)
            yield query.to_wire()
    named = dns.name.from_text("fpga", _ZONE.origin)
    for options in ({"use_edns": 0, "payload": 4096}, {"use_edns": 1}, {"want_dnssec": True}):
        yield dns.message.make_query(named, "A", id=8, **options).to_wire()
    for opcode in (dns.opcode.STATUS, dns.opcode.NOTIFY, dns.opcode.UPDATE):
        query = dns.message.make_query(named, "SOA", id=9)
        query.set_opcode(opcode)
        yield query.to_wire()
    yield b""
    yield bytes(12)
    yield bytes(4) + b"\xff" * 8


def _answers() -> Iterator[bytes]:
    for question in _questions():
        answered = respond(question, lambda: _ZONES, udp=False)
        if answered is not None:
            yield answered


PARSERS: Final = (
    Parser("dns-question", "a message to the name server", _check_question, _questions),
    Parser("dns-answer", "a name server's answer to a client", _check_answer, _answers),
)
