"""Proxies (`HTTPS_PROXY` and its like): other hosts are called through them, this machine's own never are.

Each library reads the exceptions in its own way. Go leaves loopback out by itself. Python's requests takes
the lower-case name before the upper-case one, names by their end and IPv4 networks in CIDR form. gRPC's core
takes `no_grpc_proxy` before `no_proxy`, both in lower case alone, and knows no `*`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

LOOPBACK: Final = ("localhost", "127.0.0.0/8", "::1")
"""The hosts that are never called through a proxy: the servers of this project listen nowhere else."""
NAMING: Final = ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy")
"""The variables that name a proxy, in lower case; each library reads some of them in upper case, too."""
EXCEPTIONS: Final = ("no_proxy", "NO_PROXY", "no_grpc_proxy")
"""The variables that name who is not called through one."""
_ALL: Final = "*"


def exceptions(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that keep loopback away from the proxies of `environ`; none where it names no proxy.

    What the person excepted stays excepted: it comes first.
    """
    if not are_named(environ):
        return {}
    lower, upper = environ.get("no_proxy", ""), environ.get("NO_PROXY", "")
    # One that was missing would hide the other's value from who reads it first.
    found = {"no_proxy": _with_loopback(lower or upper), "NO_PROXY": _with_loopback(upper or lower)}
    if "no_grpc_proxy" in environ:
        found["no_grpc_proxy"] = _with_loopback(environ["no_grpc_proxy"])
    elif found["no_proxy"].strip() == _ALL:
        found["no_grpc_proxy"] = ",".join(LOOPBACK)
    return found


def are_named(environ: Mapping[str, str]) -> bool:
    """Whether a variable names a proxy."""
    return any(environ.get(name) for lower in NAMING for name in (lower, lower.upper()))


def is_loopback(host: str) -> bool:
    """Whether a name or an address is this machine's own: `localhost` (RFC 6761), 127.0.0.0/8, ::1."""
    import ipaddress

    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _with_loopback(excepted: str) -> str:
    if excepted.strip() == _ALL:
        return excepted
    there = [part.strip() for part in excepted.split(",") if part.strip()]
    return ",".join([*there, *(part for part in LOOPBACK if part not in there)])
