"""The network of this machine alone: nothing beyond loopback is asked."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from fpga.doctor.checks.network import FIRST, Name, Port
from fpga.project import DEFAULT_STACK, Project
from surroundings import proxies

if TYPE_CHECKING:
    from localcloud.status import Status

_HOSTS = Path("/etc/hosts")
_RESOLVERS = Path("/etc/resolv.conf")
_OF_SERVICES = "127.80.0.1"
_DNS_TIMEOUT_S = 3.0
_CONNECT_S = 2.0
_LOOK_UPS = 16  # at a time: a server that is silent is waited for


def loopback() -> dict[str, str]:
    """Why each address of loopback cannot be listened on, and reached; empty: it can."""
    return {address: _trouble(address, 0) or _unreached(address) for address in (FIRST, _OF_SERVICES)}


def hosts_addresses(name: str, hosts: Path = _HOSTS) -> list[str]:
    """The addresses that /etc/hosts has for a name."""
    try:
        lines = hosts.read_text(errors="replace").splitlines()
    except OSError:
        return []
    words = [line.partition("#")[0].split() for line in lines]
    return [one[0] for one in words if name.lower() in (alias.lower() for alias in one[1:])]


def kept_ports(stopped: list[Path]) -> list[Port]:
    """The ports that localclouds of these folders, which do not run, have kept."""
    from localcloud import ports

    found = []
    for data in stopped:
        kept = ports.read(data)
        if kept is None:
            continue
        listeners = {
            "https": (kept.host, kept.https),
            "dns": (kept.dns_host or kept.host, kept.dns),
            "blob": (kept.blob_host or kept.host, kept.blob),
        }
        for listener, (host, number) in listeners.items():
            if listener != "blob" or kept.has_blob_storage:
                found.append(Port(data, listener, host, number, _trouble(host, number)))
    return found


def names(project: Project, status: Status | None) -> list[Name]:
    """The names of the services of the stack `local`, as they are looked up here.

    Args:
        status: of the localcloud that the stack is on; None: it does not run.
    """
    from concurrent.futures import ThreadPoolExecutor

    server = status.dns if status is not None and status.running else None
    if server is not None and not proxies.is_loopback(server.rpartition(":")[0]):
        server = None
    services = () if status is None else status.services
    addresses = [one.address for one in services if one.address is not None]

    def look_up(fqdn: str) -> Name:
        answers, trouble = ([], "") if server is None else _asked(fqdn, server)
        return Name(fqdn, hosts_addresses(fqdn), server, answers, trouble, addresses, _asks_loopback())

    with ThreadPoolExecutor(_LOOK_UPS) as pool:
        return list(pool.map(look_up, _fqdns(project.stack_file(DEFAULT_STACK))))


def _fqdns(file: Path) -> list[str]:
    import yaml

    from fpga.stacks.service_items import NAMESPACE, SERVICES, items

    try:
        content = yaml.safe_load(file.read_text())
        config = content["config"]
        told = json.dumps(config.get(SERVICES))
    except (OSError, ValueError, RecursionError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        return []
    flat = config.get(f"{NAMESPACE}:fqdn")
    listed = [one.values.get("fqdn", flat) for one in items({SERVICES: told})]
    return [one for one in listed or [flat] if isinstance(one, str)]


def _asked(fqdn: str, server: str) -> tuple[list[str], str]:
    from clients.dns import resolution

    try:
        return resolution.resolve(fqdn, [server], _DNS_TIMEOUT_S), ""
    except (OSError, ValueError) as error:
        return [], str(error)


def _asks_loopback(resolvers: Path = _RESOLVERS) -> bool:
    try:
        lines = resolvers.read_text(errors="replace").splitlines()
    except OSError:
        return False
    named = [line.split()[1] for line in lines if line.startswith("nameserver") and len(line.split()) > 1]
    return any(proxies.is_loopback(one) for one in named)


def _trouble(host: str, number: int) -> str:
    """Why a port cannot be bound; empty: it can. It is let go of at once."""
    from localcloud import binding, ports

    try:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            ports.listener(host, number, kind).close()
    except OSError as error:
        return binding.reason(error, host, number)
    return ""


def _unreached(host: str) -> str:
    """Why a listener at an address of loopback is not reached; empty: it is."""
    with socket.create_server((host, 0)) as server:
        try:
            # of an interface that is down, an address can be bound
            socket.create_connection(server.getsockname(), _CONNECT_S).close()
        except OSError as error:
            return f"a connection to it fails ({error.strerror or error})"
    return ""
