"""The settings of a service itself: SSL, keys, its physical name, and how long its record may take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Final

from infra.settings import naming
from infra.settings.account import MAX_CAPACITY
from infra.settings.kinds import integer, switch, text
from infra.settings.reader import Named
from infra.settings.table import Setting, Unfit

_COUNT: Final = integer(1, MAX_CAPACITY)


def _count(written: str) -> int:
    if written == "0":
        raise Unfit(
            "is '0', and a service without replicas is not offered: set it to 1 or more, or take the service "
            "out of the stack"
        )
    value: int = _COUNT.read(written)
    return value


REPLICAS: Final = replace(_COUNT, read=_count)


@dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """The service.

    Attributes:
        name: the very name; None: one that only this stack has is derived.
        adopt: take over a service that bears the set name already.
        check_timeout_s: how long the endpoint check waits for the record, in seconds.
        replicas: how many replicas there are to be, an FPGA of the account each.
        max_replicas: how many there may be where their number follows the calls; None: `replicas` it is.
        primary_key_generation, secondary_key_generation: from 1; one that is raised has that key made anew.
    """

    ssl_enabled: Annotated[
        bool, Setting("sslEnabled", switch(), "Serve TLS to holders of a key; false: anyone may call")
    ] = True
    replicas: Annotated[
        int, Setting("replicas", REPLICAS, "How many replicas answer, each of which holds an FPGA")
    ] = 1
    max_replicas: Annotated[
        int | None,
        Setting(
            "maxReplicas",
            REPLICAS,
            "How many replicas there may be, from replicas on, as many as calls need; not set: replicas",
        ),
    ] = None
    primary_key_generation: Annotated[
        int,
        Setting(
            "primaryKeyGeneration",
            integer(1, 1_000_000),
            "Raised by one, it has the primary key made anew: the old one is refused at once",
        ),
    ] = 1
    secondary_key_generation: Annotated[
        int,
        Setting(
            "secondaryKeyGeneration",
            integer(1, 1_000_000),
            "Raised by one, it has the secondary key made anew: the old one is refused at once",
        ),
    ] = 1
    name: Annotated[
        str | None,
        Setting(
            "serviceName",
            text(naming.service_problem),
            "The service's very name; not set: a derived one",
        ),
    ] = None
    adopt: Annotated[
        bool, Setting("adopt", switch(), "Take over a service that bears serviceName already")
    ] = False
    check_timeout_s: Annotated[
        int,
        Setting(
            "checkTimeout",
            integer(1, 86400),
            "How long the endpoint check waits for the record, in seconds; not set: the TTL and 60",
        ),
    ] = 0

    @property
    def fpgas(self) -> int:
        """How many FPGAs of the account are kept for it."""
        return self.max_replicas or self.replicas


def contradictions(service: ServiceSettings, named: Named) -> Iterator[tuple[str, str]]:
    """The settings of a service that do not go together: the key of each, and what is wrong with it."""
    most = service.max_replicas
    if most is not None and most < service.replicas:
        yield (
            "maxReplicas",
            f"is {most}, and replicas, the fewest that there are, is {service.replicas}: raise it, or "
            f"`pulumi config set {named('replicas')} {most}`",
        )
