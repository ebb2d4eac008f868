"""The entrances of services: where each is called, and which of them one address can tell apart. Pure."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, field

from localcloud.scoring import certificate_names
from localcloud.scoring.addresses import Endpoint, UnixSocket
from localcloud.scoring.tls import TlsMaterial


@dataclass(frozen=True)
class Upstream:
    """The replicas of a service, and who may call them.

    Attributes:
        replicas: where they take calls, with mutual TLS; empty: there are none now.
        keys: either opens them; None: anyone may call.
    """

    replicas: tuple[Endpoint, ...]
    keys: tuple[str, str] | None = field(repr=False)


@dataclass(frozen=True)
class Entrance:
    """The entrance of a service.

    Attributes:
        endpoint: where it is called.
        tls: what is shown there; None: SSL is off.
        inner: where its own server listens.
        upstream: what takes the calls that have a right key; None: its own server does, too.
    """

    service_id: str
    endpoint: Endpoint
    tls: TlsMaterial | None
    inner: UnixSocket
    upstream: Upstream | None = None

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """The names by which callers ask for it while they connect; none without TLS."""
        return () if self.tls is None else certificate_names.of_chain(self.tls.certificate_pem)


def obstacle(entrance: Entrance, others: Iterable[Entrance]) -> str | None:
    """The reason why callers of an endpoint could not be told apart, a sentence; None: they can.

    Of several services with TLS each is known by the names in its certificate, and one without it by that.

    Args:
        others: the entrances that there are, of that endpoint and of others.
    """
    there = [
        one for one in others if one.endpoint == entrance.endpoint and one.service_id != entrance.service_id
    ]
    if entrance.tls is None:
        same = next((one for one in there if one.tls is None), None)
        if same is None:
            return None
        return f"the service {same.service_id} answers there without SSL, too, and nothing tells them apart."
    if not entrance.names and any(one.tls is not None for one in there):
        return "its certificate has no DNS name, by which callers of several services are told apart."
    for one in there:
        shared = sorted(set(entrance.names) & set(one.names))
        if shared:
            return f"the service {one.service_id} has a certificate for {shared[0]}, too."
    return None
