"""The address and the port at which a service answers.

A resource of its own, for an update of the service makes the service's outputs unknown in a preview; its
id stays known, and so does what hangs on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource

from infra import catalogue
from infra.providers.base import CloudProvider, Props, changed, only, properties

_INPUTS = ("account_id", "service_id")


class EndpointProvider(CloudProvider):
    def diff(self, _id: str, olds: Props, news: Props) -> DiffResult:
        replaces = changed(_INPUTS, olds, news)
        return DiffResult(changes=bool(replaces), replaces=replaces)

    def create(self, props: Props) -> CreateResult:
        service = self.management(props["account_id"]).service(props["service_id"])
        if service is None or not service.address:
            raise RuntimeError(f"the service {props['service_id']} answers nowhere: look at its state")
        return CreateResult(props["service_id"], {**props, "ip": service.address, "port": service.port})

    def read(self, id_: str, props: Props) -> ReadResult:
        if self.is_elsewhere(props["account_id"]):
            return ReadResult(id_, dict(props), only(_INPUTS, props))
        service = self.management(props["account_id"]).service(props["service_id"])
        if service is None:
            return ReadResult(None, {})
        seen = {"ip": service.address, "port": service.port} if service.address else {}
        return ReadResult(id_, {**props, **seen}, only(_INPUTS, props))


@dataclass(frozen=True)
class EndpointArgs:
    """Inputs of an endpoint: whose it is."""

    account_id: pulumi.Input[str]
    service_id: pulumi.Input[str]


class Endpoint(Resource, module=catalogue.MODULE, name=catalogue.ENDPOINT.type_name):
    """Address and port of a service."""

    ip: pulumi.Output[str]
    port: pulumi.Output[int]

    def __init__(self, name: str, args: EndpointArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        props = properties(catalogue.ENDPOINT, args, ("ip", "port"))
        super().__init__(EndpointProvider(), name, props, opts)
