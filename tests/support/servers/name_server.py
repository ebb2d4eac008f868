"""A DNS server over UDP that answers with what a test says, for any question."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

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
    """Serves on a free port of loopback: `ADDRESS:PORT`."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as endpoint:
        endpoint.bind(("127.0.0.1", 0))
        host, port = endpoint.getsockname()

        def serve() -> None:
            while True:
                packet, peer = endpoint.recvfrom(4096)
                if not packet:
                    return
                endpoint.sendto(reply(dns.message.from_wire(packet)).to_wire(), peer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"{host}:{port}"
        finally:
            endpoint.sendto(b"", (host, port))
            thread.join()
