"""One question to one DNS server, asked once: the answer, or in words why there is none."""

from __future__ import annotations

import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype

_USABLE = (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)


def ask(
    name: str, kind: dns.rdatatype.RdataType, address: str, port: int, timeout_s: float
) -> dns.message.QueryMessage | str:
    """What the server at an IP address says of a name, over UDP, and over TCP where that is cut short.

    Args:
        name: in A-labels; from the root, with its last dot or without.
        timeout_s: how long to wait for the answer, in seconds.

    Returns:
        The answer, which may be that there is no such name (NXDOMAIN); else `no answer within 5 s`,
        `no usable answer (…)`, or the code with which the server refuses, such as `REFUSED`.
    """
    question = dns.message.make_query(dns.name.from_text(name), kind)
    try:
        answer, _ = dns.query.udp_with_fallback(question, address, timeout=timeout_s, port=port)
    except dns.exception.Timeout:
        return f"no answer within {round(timeout_s, 2):g} s"  # what is left of a deadline has many digits
    except (dns.exception.DNSException, OSError) as error:
        return f"no usable answer ({str(error) or type(error).__name__})"
    if answer.rcode() not in _USABLE or not isinstance(answer, dns.message.QueryMessage):
        return dns.rcode.to_text(answer.rcode())
    return answer
