"""The outputs of a stack: what a person, or `fpga predict`, needs to know of its services."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pulumi

from infra.components.domain import Domain
from infra.components.scoring_endpoint import ScoringEndpoint
from infra.settings import Settings, naming
from infra.settings.reader import NAMESPACE
from infra.settings.services import DeclaredService

Outputs = dict[str, pulumi.Input[object]]

KEYS: Final = "serviceKeys"
"""The output that is a secret as a whole; the keys of a stack's one service are, each."""


def outputs(stack: Settings, domain: Domain, endpoints: Mapping[str, ScoringEndpoint]) -> Outputs:
    """The outputs by name. The keys are secrets; the rest tells them nothing.

    Args:
        endpoints: by the logical names of their services.
    """
    told: Outputs = {
        "account": stack.account.name,
        "resourceGroup": stack.account.resource_group,
        "subscriptionId": stack.azure.subscription_id,
        "location": stack.account.location,
        "nameServers": domain.name_servers,
        "zoneNameServers": domain.zone_name_servers,
    }
    if stack.management.is_apart:
        told["managementHost"] = stack.management_cloud.metadata_host
        told["managementSubscriptionId"] = stack.management_cloud.subscription_id
    if len(stack.services) == 1:
        (one,) = stack.services
        told |= _of_service(one, endpoints[one.name]) | _keys(endpoints[one.name])
    if any(one.name for one in stack.services):
        told["services"] = {one.name: _of_service(one, endpoints[one.name]) for one in stack.services}
        told[KEYS] = {name: _keys(endpoint) for name, endpoint in endpoints.items()}
    return told


def _of_service(service: DeclaredService, endpoint: ScoringEndpoint) -> Outputs:
    fqdn, served = service.domain.fqdn, endpoint.served
    scheme = "grpcs" if served else "grpc"  # no browser's: the service speaks gRPC alone
    told: Outputs = {
        "fqdn": fqdn,
        "ip": endpoint.ip,
        "port": endpoint.port,
        "url": endpoint.port.apply(lambda port: f"{scheme}://{fqdn}:{port:.0f}"),
        "sslEnabled": served is not None,
        "certificateFingerprint": served.fingerprint if served else "",
        "certificateExpiry": served.not_after if served else "",
        "rootCertificate": served.root if served else "",
    }
    if naming.u_labels(fqdn) != fqdn:
        told["fqdnUnicode"] = naming.u_labels(fqdn)
    if served is None:
        name = f"{NAMESPACE}:{service.setting('sslEnabled')}"
        path = "--path " if service.name else ""
        told["warning"] = (
            "SSL is off: anyone who reaches the service may call it, without a key. "
            f"`pulumi config set {path}{_quoted(name)} true` turns it on."
        )
    return told


def _quoted(name: str) -> str:
    """A setting as a shell takes it: brackets are patterns to it."""
    return f"'{name}'" if "[" in name else name


def _keys(endpoint: ScoringEndpoint) -> Outputs:
    return {"primaryKey": endpoint.primary_key, "secondaryKey": endpoint.secondary_key}
