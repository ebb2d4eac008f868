"""The settings of a service itself: SSL, keys, its physical name, and how long its record may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from infra.settings import naming
from infra.settings.kinds import integer, switch, text
from infra.settings.table import Setting


@dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """The service.

    Attributes:
        name: the very name; None: one that only this stack has is derived.
        adopt: take over a service that bears the set name already.
        check_timeout_s: how long the endpoint check waits for the record, in seconds.
        primary_key_generation, secondary_key_generation: from 1; one that is raised has that key made anew.
    """

    ssl_enabled: Annotated[
        bool, Setting("sslEnabled", switch(), "Serve TLS to holders of a key; false: anyone may call")
    ] = True
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
