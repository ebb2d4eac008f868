"""The answers of an authoritative name server: (zones, message as it came) -> message to send. No I/O.

Source: RFC 1034 section 4.3.2 (the algorithm), RFC 2308 (negative answers), RFC 4592 (wildcards), RFC 6604
(the code of a chain of aliases), RFC 6891 (EDNS), RFC 8020 (empty non-terminals), RFC 8482 (ANY).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.rrset

from localcloud.dns.records import Zone

UDP_PAYLOAD = 1232
"""Largest UDP answer in bytes: what passes every path unfragmented (dnsflagday.net/2020)."""

_CHAIN_LIMIT = 16
_META_TYPES = range(128, 255)
_TRANSFERS = (dns.rdatatype.AXFR, dns.rdatatype.IXFR)
_log = logging.getLogger(__name__)


def respond(wire: bytes, zones: Callable[[], Mapping[dns.name.Name, Zone]], *, udp: bool) -> bytes | None:
    """The answer to a message as it came; None: there is none to give.

    Args:
        wire: any octets.
        zones: gives the zones that this server is authoritative for, by origin.
        udp: whether the answer must fit into a datagram.
    """
    try:
        query = dns.message.from_wire(wire)
    except dns.exception.DNSException:
        return _format_error(wire)
    if query.flags & dns.flags.QR:
        return None
    try:
        response = answer(zones(), query)
    except Exception:
        _log.exception("No answer could be made")
        response = dns.message.make_response(query)
        response.set_rcode(dns.rcode.SERVFAIL)
    try:
        return response.to_wire(max_size=udp_size(query) if udp else 65535)
    except dns.exception.TooBig:
        if udp or len(response.answer) < 2:
            return truncated(response).to_wire(max_size=512)
    # Aliases and a large set: who has the aliases asks for what they lead to.
    response.answer.pop()
    return response.to_wire(max_size=65535)


def answer(zones: Mapping[dns.name.Name, Zone], query: dns.message.Message) -> dns.message.Message:
    """The response to a query.

    Args:
        zones: the zones that this server is authoritative for, by origin.
        query: any message that could be read; not a response.
    """
    response = dns.message.make_response(query, recursion_available=False, our_payload=UDP_PAYLOAD)
    if query.edns > 0:
        response.set_rcode(dns.rcode.BADVERS)
    elif query.opcode() != dns.opcode.QUERY:
        response.set_rcode(dns.rcode.NOTIMP)
    elif len(query.question) != 1:
        response.set_rcode(dns.rcode.FORMERR)
    else:
        question = query.question[0]
        zone = _closest(zones, question.name)
        if question.rdclass != dns.rdataclass.IN or zone is None or question.rdtype in _TRANSFERS:
            response.set_rcode(dns.rcode.REFUSED)
        elif question.rdtype in _META_TYPES or question.rdtype == dns.rdatatype.OPT:
            response.set_rcode(dns.rcode.NOTIMP)
        else:
            _answer_from(zone, question.name, question.rdtype, response)
    return response


def udp_size(query: dns.message.Message) -> int:
    """The most bytes that the answer to a query over UDP may have."""
    return min(max(query.payload, 512), UDP_PAYLOAD) if query.edns >= 0 else 512


def truncated(response: dns.message.Message) -> dns.message.Message:
    """The response to send where the whole one is too large: none of its records, and the TC flag."""
    for section in (response.answer, response.authority, response.additional):
        section.clear()
    response.flags |= dns.flags.TC
    return response


def _format_error(wire: bytes) -> bytes | None:
    """FORMERR for a query that cannot be read; None for a response, or for what has no header."""
    if len(wire) < 12 or wire[2] & 0x80:
        return None
    response = dns.message.Message(id=int.from_bytes(wire[:2]))
    response.flags = dns.flags.Flag(dns.flags.QR | (int.from_bytes(wire[2:4]) & dns.flags.RD))
    response.set_rcode(dns.rcode.FORMERR)
    return response.to_wire()


def _closest(zones: Mapping[dns.name.Name, Zone], name: dns.name.Name) -> Zone | None:
    for ancestor in _self_and_ancestors(name):
        if ancestor in zones:
            return zones[ancestor]
    return None


def _answer_from(
    zone: Zone, name: dns.name.Name, kind: dns.rdatatype.RdataType, response: dns.message.Message
) -> None:
    response.flags |= dns.flags.AA
    for _ in range(_CHAIN_LIMIT):
        cut = _delegation(zone, name, kind)
        if cut is not None:
            _refer(zone, cut, response)
            return
        node = _node(zone, name)
        if node is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
            _add_soa(zone, response)
            return
        alias = node.get(dns.rdatatype.CNAME)
        if alias is None or kind in (dns.rdatatype.CNAME, dns.rdatatype.ANY):
            found = next(iter(node.values()), None) if kind == dns.rdatatype.ANY else node.get(kind)
            if found is not None:
                response.answer.append(_rrset(name, found))
            else:
                _add_soa(zone, response)
            return
        response.answer.append(_rrset(name, alias))
        name = alias[0].target
        if not name.is_subdomain(zone.origin) or any(one.name == name for one in response.answer):
            return  # the rest is for another server, or goes round


def _delegation(zone: Zone, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> dns.name.Name | None:
    """The highest name below the zone's own, on the way to `name`, that is delegated to other servers."""
    on_the_way = [
        one for one in _self_and_ancestors(name) if one != zone.origin and one.is_subdomain(zone.origin)
    ]
    for candidate in reversed(on_the_way):
        if dns.rdatatype.NS in zone.nodes.get(candidate, {}):
            # The parent answers for DS at the cut (RFC 4035 section 3.1.4.1).
            return None if kind == dns.rdatatype.DS and candidate == name else candidate
    return None


def _refer(zone: Zone, cut: dns.name.Name, response: dns.message.Message) -> None:
    if not response.answer:
        response.flags &= ~dns.flags.AA
    servers = zone.nodes[cut][dns.rdatatype.NS]
    response.authority.append(_rrset(cut, servers))
    for server in servers:
        for kind in (dns.rdatatype.A, dns.rdatatype.AAAA):
            glue = zone.nodes.get(server.target, {}).get(kind)
            if glue is not None:
                response.additional.append(_rrset(server.target, glue))


def _node(zone: Zone, name: dns.name.Name) -> Mapping[dns.rdatatype.RdataType, dns.rdataset.Rdataset] | None:
    """The records at a name, if need be by the wildcard below its closest ancestor that exists."""
    if name in zone.nodes:
        return zone.nodes[name]
    for ancestor in _self_and_ancestors(name.parent()):
        if ancestor in zone.nodes:
            return zone.nodes.get(dns.name.Name((b"*", *ancestor.labels)))
    return None


def _add_soa(zone: Zone, response: dns.message.Message) -> None:
    """The zone's SOA, to say for how long "there is none" may be remembered (RFC 2308 section 3)."""
    soa = zone.nodes[zone.origin].get(dns.rdatatype.SOA)
    if soa is not None:
        rrset = _rrset(zone.origin, soa)
        rrset.ttl = min(soa.ttl, soa[0].minimum)
        response.authority.append(rrset)


def _self_and_ancestors(name: dns.name.Name) -> list[dns.name.Name]:
    return [dns.name.Name(name.labels[i:]) for i in range(len(name.labels))]


def _rrset(name: dns.name.Name, rdataset: dns.rdataset.Rdataset) -> dns.rrset.RRset:
    return dns.rrset.from_rdata_list(name, rdataset.ttl, list(rdataset))
