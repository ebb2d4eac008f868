"""The name server over real UDP and TCP, from a real store."""

from __future__ import annotations

import contextlib
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.resolver
import pytest

from localcloud.datafolder.store import Store
from localcloud.dns.server import DnsServer
from localcloud.errors import StartError
from tests.support.localcloud.dns_records import Records


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "store.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def records(store: Store) -> Records:
    written = Records(store)
    written.zone("contoso.com")
    written.a("contoso.com", "www", "192.0.2.1")
    return written


@pytest.fixture
def server(store: Store, records: Records) -> Iterator[DnsServer]:
    running = DnsServer(store, "127.0.0.1", 0)
    running.start()
    yield running
    running.stop()


def _resolver(server: DnsServer) -> dns.resolver.Resolver:
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = server.port
    resolver.lifetime = 5
    return resolver


def _udp(server: DnsServer, query: dns.message.Message) -> dns.message.Message:
    return dns.query.udp(query, "127.0.0.1", port=server.port, timeout=5)


def _raw(server: DnsServer, wire: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
        caller.settimeout(5)
        caller.sendto(wire, ("127.0.0.1", server.port))
        return caller.recv(65535)


def test_a_resolver_finds_the_address_over_udp_and_tcp(server: DnsServer) -> None:
    for tcp in (False, True):
        found = _resolver(server).resolve("www.contoso.com", "A", tcp=tcp)
        assert [rdata.address for rdata in found] == ["192.0.2.1"]
        assert found.rrset is not None
        assert found.rrset.ttl == 60


def test_a_resolver_tells_no_such_name_from_no_such_record_from_not_ours(server: DnsServer) -> None:
    resolver = _resolver(server)
    with pytest.raises(dns.resolver.NXDOMAIN):
        resolver.resolve("nothing.contoso.com", "A")
    with pytest.raises(dns.resolver.NoAnswer):
        resolver.resolve("www.contoso.com", "TXT")
    with pytest.raises(dns.resolver.NoNameservers, match="REFUSED"):
        resolver.resolve("www.example.org", "A")


def test_a_committed_change_is_in_the_next_answer(server: DnsServer, records: Records) -> None:
    query = dns.message.make_query("www.contoso.com", "A")
    for last in range(1, 6):
        records.a("contoso.com", "www", f"192.0.2.{last}")
        assert [rdata.address for rdata in _udp(server, query).answer[0]] == [f"192.0.2.{last}"]
    records.delete("contoso.com/a/www")
    assert _udp(server, query).rcode() == dns.rcode.NXDOMAIN
    records.delete("contoso.com")
    assert _udp(server, query).rcode() == dns.rcode.REFUSED
    records.zone("fabrikam.com")
    assert _udp(server, dns.message.make_query("fabrikam.com", "SOA")).rcode() == dns.rcode.NOERROR


def test_an_answer_too_large_for_udp_is_fetched_over_tcp(server: DnsServer, records: Records) -> None:
    addresses = [f"192.0.2.{n}" for n in range(200)]
    records.a("contoso.com", "many", *addresses)
    query = dns.message.make_query("many.contoso.com", "A", use_edns=True, payload=4096)
    over_udp = _udp(server, query)
    assert over_udp.flags & dns.flags.TC
    assert not over_udp.answer
    assert over_udp.edns == 0
    response, used_tcp = dns.query.udp_with_fallback(query, "127.0.0.1", port=server.port, timeout=5)
    assert used_tcp
    assert {rdata.address for rdata in response.answer[0]} == set(addresses)


def test_the_payload_size_decides_what_fits(server: DnsServer, records: Records) -> None:
    records.a("contoso.com", "some", *(f"192.0.2.{n}" for n in range(40)))  # about 700 bytes
    small = _udp(server, dns.message.make_query("some.contoso.com", "A"))
    assert small.flags & dns.flags.TC
    large = _udp(server, dns.message.make_query("some.contoso.com", "A", use_edns=True, payload=1232))
    assert not large.flags & dns.flags.TC
    assert len(large.answer[0]) == 40


def test_silent_connections_make_room_for_who_asks(server: DnsServer) -> None:
    with contextlib.ExitStack() as silent:
        for _ in range(200):
            silent.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=5))
        query = dns.message.make_query("www.contoso.com", "A")
        for _ in range(3):
            answer = dns.query.tcp(query, "127.0.0.1", port=server.port, timeout=5)
            assert answer.rcode() == dns.rcode.NOERROR


def test_a_tcp_connection_takes_query_after_query(server: DnsServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        queries = [dns.message.make_query("www.contoso.com", kind) for kind in ("A", "TXT", "A")]
        wires = [query.to_wire() for query in queries]
        connection.sendall(b"".join(struct.pack("!H", len(wire)) + wire for wire in wires))
        with connection.makefile("rb") as answers:
            for query in queries:
                (size,) = struct.unpack("!H", answers.read(2))
                response = dns.message.from_wire(answers.read(size))
                assert query.is_response(response)


@pytest.mark.parametrize(
    "wire",
    [
        b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00",  # one question announced, none there
        b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www",
        b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x0c\x00\x01\x00\x01",  # a pointer to itself
        dns.message.make_query("www.contoso.com", "A", id=0x1234).to_wire() + b"junk",
    ],
)
def test_what_cannot_be_read_is_a_format_error(server: DnsServer, wire: bytes) -> None:
    response = dns.message.from_wire(_raw(server, wire))
    assert response.id == 0x1234
    assert response.rcode() == dns.rcode.FORMERR
    assert response.flags & dns.flags.QR


def test_what_is_no_query_gets_no_answer_and_does_no_harm(server: DnsServer) -> None:
    response = dns.message.make_response(dns.message.make_query("www.contoso.com", "A"))
    for wire in (b"", b"short", response.to_wire(), b"\xff" * 40):
        assert server.respond(wire, udp=True) is None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
            caller.sendto(wire, ("127.0.0.1", server.port))
    assert _udp(server, dns.message.make_query("www.contoso.com", "A")).answer


def test_a_taken_port_is_named_with_the_remedy(store: Store, server: DnsServer) -> None:
    with pytest.raises(
        StartError, match=f"Port {server.port} on 127.0.0.1, .*choose another with --dns-port"
    ):
        DnsServer(store, "127.0.0.1", server.port).start()


def test_after_a_stop_the_port_is_free_again(store: Store, records: Records) -> None:
    first = DnsServer(store, "127.0.0.1", 0)
    first.start()
    with socket.create_connection(("127.0.0.1", first.port), timeout=5) as idle:
        query = dns.message.make_query("www.contoso.com", "A")
        dns.query.send_tcp(idle, query)
        assert dns.query.receive_tcp(idle)[0].answer
        first.stop()
        first.stop()  # once more is nothing
        idle.settimeout(5)
        assert idle.recv(1) == b""
    second = DnsServer(store, "127.0.0.1", first.port)
    second.start()
    try:
        assert _udp(second, dns.message.make_query("www.contoso.com", "A")).answer
    finally:
        second.stop()


@pytest.mark.needs_dig
@pytest.mark.skipif(shutil.which("dig") is None, reason="dig is not installed (Debian: bind9-dnsutils)")
@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_dig_sees_the_same(server: DnsServer, transport: str) -> None:
    def dig(*arguments: str) -> str:
        command = ["dig", "@127.0.0.1", "-p", str(server.port), transport, "+norec", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout

    assert dig("+short", "www.contoso.com", "A") == "192.0.2.1\n"
    missing = dig("nothing.contoso.com", "A")
    assert "status: NXDOMAIN" in missing
    assert "flags: qr aa;" in missing
    assert "300\tIN\tSOA\tns1.example. hostmaster.example. 1 1 1 1 300" in missing
    assert "status: REFUSED" in dig("www.example.org", "A")
    assert ";; WARNING" not in missing
