"""The network of this machine alone: loopback, the names that it knows, and the ports that are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fpga.doctor.finding import Finding, error, fine, or_fine, warning

_LOOPBACK: Final = "loopback addresses"
_LOCALHOST: Final = "localhost"
_PORTS: Final = "ports"
_NAME: Final = "the service's name"
FIRST: Final = "127.0.0.1"
"""The address that localcloud and the engine listen on."""


@dataclass(frozen=True)
class Port:
    """A port that a localcloud has kept, and that does not run.

    Attributes:
        data: its data folder.
        trouble: why it cannot be bound; empty: it can.
    """

    data: Path
    listener: str
    host: str
    number: int
    trouble: str = ""


@dataclass(frozen=True)
class Name:
    """The name of a stack's service, as those see it who look it up on this machine.

    Attributes:
        name: such as fpga.contoso.test.
        hosts: the addresses that /etc/hosts has for it.
        server: `HOST:PORT` of localcloud's own name server; None: none runs on loopback.
        answers: the addresses that this server answers.
        trouble: why it does not answer; empty: it does.
        addresses: where services of that localcloud listen.
        asks_server: whether this machine's resolver asks a server on loopback.
    """

    name: str
    hosts: Sequence[str]
    server: str | None
    answers: Sequence[str]
    trouble: str
    addresses: Sequence[str]
    asks_server: bool = False


def loopback(troubles: Mapping[str, str], system: str) -> list[Finding]:
    """Whether addresses of loopback can be listened on.

    Args:
        troubles: why each cannot be, by address; empty: it can.
        system: as `sys.platform` has it.
    """
    if troubles.get(FIRST):
        told = f"{FIRST} cannot be used: {troubles[FIRST]}"
        return [error(_LOOPBACK, told, "`sudo ip link set lo up`, and let the firewall leave loopback alone")]
    others = [address for address, trouble in troubles.items() if trouble]
    if others:
        alias = f"`sudo ifconfig lo0 alias {others[0]} up` adds one until the next start"
        remedy = alias if system == "darwin" else f"`sudo ip address add {others[0]}/8 dev lo`"
        told = f"{', '.join(others)} is not this machine's: services share {FIRST}, and differ by port"
        return [warning(_LOOPBACK, told, f"nothing, or {remedy}")]
    return [fine(_LOOPBACK, ", ".join(troubles))]


def localhost(addresses: Sequence[str]) -> list[Finding]:
    """Whether the name localhost is loopback.

    Args:
        addresses: those that /etc/hosts has for it; none: the file does not name it.
    """
    wrong = [one for one in addresses if not one.startswith("127.") and one != "::1"]
    if wrong:
        told = f"/etc/hosts has it at {', '.join(wrong)}, which is not this machine's loopback"
        return [error(_LOCALHOST, told, f"`{FIRST} localhost` in /etc/hosts, and no other line for it")]
    if not addresses:
        told = "/etc/hosts does not name it: a name server elsewhere may be asked for it"
        return [warning(_LOCALHOST, told, f"`{FIRST} localhost` in /etc/hosts")]
    return [fine(_LOCALHOST, ", ".join(addresses))]


def ports(kept: Sequence[Port]) -> list[Finding]:
    """Whether those that do not run could listen again where they did."""
    problems = [
        error(
            _PORTS,
            f"port {one.number} on {one.host} ({one.listener} of {one.data}) {one.trouble}",
            f"`ss -ltnup 'sport = :{one.number}'` tells by whom; or `fpga cloud up --data {one.data} "
            f"--{one.listener}-port PORT`",
        )
        for one in kept
        if one.trouble
    ]
    return or_fine(problems, _PORTS, f"{len(kept)} kept, all free" if kept else "none is kept for later")


def names(facts: Sequence[Name]) -> list[Finding]:
    """Whether each service's name leads to a service, for localcloud's own server and for the system."""
    if not facts:
        return [fine(_NAME, "no stack on this machine has one yet")]
    problems = [problem for one in facts for problem in _troubles(one)]
    return or_fine(problems, _NAME, "\n".join(map(_led, facts)))


def _troubles(facts: Name) -> list[Finding]:
    problems = []
    stale = [one for one in facts.hosts if facts.addresses and one not in facts.addresses]
    if stale:
        told = f"/etc/hosts has {facts.name} at {', '.join(stale)}, where no service is"
        remedy = f"take the line away, or have it say {facts.addresses[0]}"
        problems.append(error(_NAME, told, remedy))
    if facts.server is not None and facts.trouble:
        told = f"the name server {facts.server} does not tell {facts.name}: {facts.trouble}"
        problems.append(warning(_NAME, told, "`pulumi up -s local` declares it; the log is in `fpga logs`"))
    other = [one for one in facts.answers if facts.addresses and one not in facts.addresses]
    if other:
        told = f"the name server {facts.server} has {facts.name} at {', '.join(other)}, where no service is"
        problems.append(error(_NAME, told, "`pulumi up -s local --refresh` puts the record right"))
    return problems


def _led(facts: Name) -> str:
    known = "known to this machine" if facts.hosts or facts.asks_server else "known to fpga alone"
    return f"{facts.name}: {', '.join(facts.answers) or 'not served now'}; {known}"
