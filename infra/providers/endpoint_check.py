"""The endpoint check as a resource: done again whenever something that it looks at changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, UpdateResult
from pulumi.output import Unknown

from infra import catalogue
from infra.providers import ahead, engine_log
from infra.providers.base import Props, Provider, changed, properties, with_secrets
from infra.providers.keys import NEW_KEYS

_INPUTS = (
    "fqdn",
    "name_servers",
    "ip",
    "port",
    "deployed_at",
    "ssl_enabled",
    "fingerprint",
    "root_certificate",
    "primary_key",
    "secondary_key",
    # not there unless configured, as in the states of before they could be
    "resolvers",
    "delegation",
)


class EndpointCheckProvider(Provider):
    def diff(self, _id: str, olds: Props, news: Props) -> DiffResult:
        """Keys of a service that was deleted elsewhere went out of the state with it: that callers had some
        is known from the last proof alone. While a service is not made yet its address is not known, either;
        while one of its keys is made anew, it is.
        """
        if all(isinstance(news.get(one), Unknown) for one in ("primary_key", "ip")):
            engine_log.warn_once(NEW_KEYS)
        return DiffResult(changes=bool(changed(_INPUTS, olds, news)))

    def create(self, props: Props) -> CreateResult:
        _prove(props)
        return CreateResult(props["fqdn"], dict(props))

    def update(self, _id: str, _olds: Props, news: Props) -> UpdateResult:
        _prove(news)
        return UpdateResult(dict(news))


def _prove(props: Props) -> None:
    ahead.require("proof")
    from infra.proof.endpoint import Declared, prove

    declared = Declared(
        fqdn=props["fqdn"],
        name_servers=tuple(props["name_servers"]),
        ip=props["ip"],
        port=int(props["port"]),
        fingerprint=props["fingerprint"] if props["ssl_enabled"] else None,
        roots=props["root_certificate"] or None,
        keys=(props["primary_key"], props["secondary_key"]),
        resolvers=tuple(props.get("resolvers") or ()),
        delegation=tuple(props.get("delegation") or ()),
    )
    prove(declared, deadline_s=float(props["timeout_s"]))


@dataclass(frozen=True)
class EndpointCheckArgs:
    """Inputs of an endpoint check.

    Attributes:
        name_servers: `host:port` of each of the zone's servers.
        deployed_at: not looked at; whenever the service was changed, it is to be checked again.
        fingerprint: SHA-256 of the certificate; empty with SSL off.
        root_certificate: the root that callers are given, PEM; empty where their systems know it.
        timeout_s: how long to wait for the record.
        resolvers: `ADDRESS[:PORT]` of recursive resolvers that must give the record, too.
        delegation: names of the zone's servers, which the zone's parent must name for those resolvers.
    """

    fqdn: str
    name_servers: pulumi.Input[Sequence[str]]
    ip: pulumi.Input[str]
    port: pulumi.Input[int]
    deployed_at: pulumi.Input[str]
    ssl_enabled: bool
    fingerprint: pulumi.Input[str]
    root_certificate: pulumi.Input[str]
    primary_key: pulumi.Input[str]
    secondary_key: pulumi.Input[str]
    timeout_s: int
    resolvers: Sequence[str] | None = None
    delegation: pulumi.Input[Sequence[str]] | None = None


class EndpointCheck(Resource, module=catalogue.MODULE, name=catalogue.ENDPOINT_CHECK.type_name):
    """Proof that the service answers by its name, with its certificate, to its keys alone."""

    def __init__(
        self, name: str, args: EndpointCheckArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        props = properties(catalogue.ENDPOINT_CHECK, args)
        super().__init__(EndpointCheckProvider(), name, props, with_secrets(catalogue.ENDPOINT_CHECK, opts))
