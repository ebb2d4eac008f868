"""A DNS server that answers with what a test says, for any question."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rrset

from tests.support.servers.datagram_server import datagram_server

Reply = Callable[[dns.message.Message], dns.message.Message]


def address(name: str, ip: str) -> Reply:
    """A record for one name, NXDOMAIN for all others."""

    def reply(query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        if query.question[0].name.to_text().rstrip(".") == name:
            response.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "A", ip))
        else:
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response

    return reply


def refusal(query: dns.message.Message) -> dns.message.Message:
    """REFUSED, as for a zone of somebody else's."""
    response = dns.message.make_response(query)
    response.set_rcode(dns.rcode.REFUSED)
    return response


def no_data(query: dns.message.Message) -> dns.message.Message:
    """The name exists without such a record."""
    response = dns.message.make_response(query)
    response.flags |= dns.flags.AA
    return response


@contextmanager
def name_server(reply: Reply) -> Iterator[str]:
    """Serves over UDP on a free port of loopback: `ADDRESS:PORT`."""
    with datagram_server(lambda packet: reply(dns.message.from_wire(packet)).to_wire()) as address:
        yield address


@contextmanager
def over_tcp(reply: Reply) -> Iterator[str]:
    """Serves over TCP on a free port of loopback, one question a connection, as Pebble asks."""

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            query, _ = dns.query.receive_tcp(self.request)
            dns.query.send_tcp(self.request, reply(query))

    class Listener(socketserver.ThreadingTCPServer):
        request_queue_size = 128  # an authority asks for many names at once, from several places

    with Listener(("127.0.0.1", 0), Connection) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"127.0.0.1:{listening.server_address[1]}"
        finally:
            listening.shutdown()
            thread.join()
