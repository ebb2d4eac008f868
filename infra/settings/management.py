"""The settings of the management server: where the account and the services are, apart from all else.

Azure's own Model Management ended in January 2019. A team's localcloud stands in its place, while groups,
storage and DNS zones stay in Azure, or in whichever cloud `azure-native:*` names.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Final

from clients.azure.settings import (
    AZURE_NATIVE,
    AZURE_OF_TWO,
    MANAGEMENT,
    TAKES_HOST,
    AzureSettings,
    host_in,
    is_azures_own,
)
from clients.azure.settings import VARIABLES as AZURE_VARIABLES
from infra.settings import naming
from infra.settings.azure import uuid
from infra.settings.kinds import path, secret, switch
from infra.settings.reader import NAMESPACE
from infra.settings.table import Kind, Setting, Unfit, When

HOST: Final = "managementHost"
_WITH_HOST: Final = When(HOST)
VARIABLES: Final[Mapping[str, str]] = {
    "managementTenantId": "FPGA_MANAGEMENT_TENANT_ID",
    "managementSubscriptionId": "FPGA_MANAGEMENT_SUBSCRIPTION_ID",
    "managementClientId": "FPGA_MANAGEMENT_CLIENT_ID",
    "managementClientSecret": "FPGA_MANAGEMENT_CLIENT_SECRET",
}
"""The variable of each setting that one may give instead."""
SECRET_INPUTS: Final = frozenset({"clientId", "clientSecret", "oidcToken", "oidcRequestToken"})
"""Of the provider: what it, or its SDK, takes for a secret."""
ID: Final = uuid("it is a UUID, as `fpga cloud status` prints it on the server")
_IDS: Final = ("managementTenantId", "managementSubscriptionId", "managementClientId")
_PORTS: Final = 1 << 16
_LABEL: Final = r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?"
_HOST_AND_PORT: Final = re.compile(r"(?P<name>\[[^\[\]]+\]|[^:\[\]]+)(:(?P<port>[0-9]{1,9}))?", re.ASCII)
_SIGN_IN_OF_AZURE: Final = frozenset(
    {"login.microsoftonline.com", "login.microsoftonline.us", "login.chinacloudapi.cn", "portal.azure.com"}
)
ENDED: Final = (
    "is not set, and Azure itself has had no Model Management since January 2019: set it to the host:port of "
    "your team's localcloud, where the account and the service are to be (docs/two-clouds.md)"
)


def not_fetched(host: str) -> str:
    """The sentences about a package that the server has not fetched from the first cloud's storage.

    Args:
        host: of the storage account's blobs.
    """
    return (
        f"The management server fetches packages from the other cloud's storage, {host}. Where its own rule "
        f"is in the way, have it started with --package-host {host} (packageHosts of its configuration); "
        "where it does not reach or trust that, keep the packages on the server: `pulumi config set "
        "fpga-web-service:managementStorage true`."
    )


def _told(about: str, key: str) -> str:
    return f"{about}. Not set: the variable {VARIABLES[key]}"


def _host(written: str) -> str:
    """The host, in the one form that it has in states, and the port."""
    found = host_in(written)
    parts = _HOST_AND_PORT.fullmatch(found or "")
    if parts is None:
        raise Unfit(f"is '{written}': {TAKES_HOST}; an address of IPv6 stands in brackets, as in [::1]:8443")
    name, port = _name(parts["name"], written), parts["port"]
    if port is not None and not 0 < int(port) < _PORTS:
        raise Unfit(f"is '{written}': a port is a number from 1 to {_PORTS - 1}")
    if is_azures_own(name) or name in _SIGN_IN_OF_AZURE:
        raise Unfit(
            f"is '{written}', which is Azure itself: its Model Management ended in January 2019. Name the "
            "host:port of your team's localcloud"
        )
    return name if port is None else f"{name}:{int(port)}"


def _name(written: str, whole: str) -> str:
    """A host's address, or its name in A-labels and lower case, without the final dot."""
    bare = written.removeprefix("[").removesuffix("]")
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        if written != bare or re.fullmatch(r"[\d.]+", written):
            raise Unfit(f"is '{whole}': {written} is no IP address") from None
    else:
        return str(address) if address.version == 4 else f"[{address}]"
    name = written.lower().removesuffix(".")
    if re.fullmatch(_LABEL, name):  # of one's own network, as localhost is
        return name
    try:
        return naming.a_labels(written, of_record=True)
    except ValueError as error:
        raise Unfit(f"is '{whole}': it {error}") from None


@dataclass(frozen=True, kw_only=True)
class ManagementSettings:
    """The management server, and who signs in to it.

    Attributes:
        roots: PEM file of the roots to trust it by; None: those that all else is trusted by.
        holds_packages: the storage account of the model packages is on it, too.
    """

    host: Annotated[
        str,
        Setting(
            HOST,
            Kind(_host, {"type": "string"}),
            "Host and port of the localcloud that has account and service (FPGA_MANAGEMENT_* say who signs "
            "in); not set: the cloud of azure-native:* has them, too",
        ),
    ] = ""
    tenant_id: Annotated[
        str,
        Setting(
            "managementTenantId",
            ID,
            _told("The directory that signs in there: a UUID", "managementTenantId"),
            when=_WITH_HOST,
        ),
    ] = ""
    subscription_id: Annotated[
        str,
        Setting(
            "managementSubscriptionId",
            ID,
            _told("The subscription there: a UUID", "managementSubscriptionId"),
            when=_WITH_HOST,
        ),
    ] = ""
    client_id: Annotated[
        str,
        Setting(
            "managementClientId",
            ID,
            _told("The application that signs in there: a UUID", "managementClientId"),
            when=_WITH_HOST,
        ),
    ] = ""
    client_secret: Annotated[
        str,
        Setting(
            "managementClientSecret",
            secret(),
            _told("The application's secret, encrypted", "managementClientSecret"),
            when=_WITH_HOST,
        ),
    ] = field(default="", repr=False)
    roots: Annotated[
        Path | None,
        Setting(
            "managementRoots", path(), "PEM file of the roots that its certificate ends in", when=_WITH_HOST
        ),
    ] = None
    holds_packages: Annotated[
        bool,
        Setting(
            "managementStorage",
            switch(),
            "Keep the model packages there, too: then it need not reach the other cloud's storage",
            when=_WITH_HOST,
        ),
    ] = False

    @property
    def is_apart(self) -> bool:
        """Whether there is such a server: without one, one cloud has all."""
        return bool(self.host)


def clouds(
    settings: ManagementSettings,
    azure: AzureSettings,
    config: Mapping[str, str],
    environ: Mapping[str, str],
    problems: list[str],
) -> tuple[AzureSettings, AzureSettings]:
    """The cloud of all else, and the management server as a cloud; what is missing goes to `problems`.

    Without a secret of its own, the token that signs in to the other cloud (OpenID Connect) does so there,
    and by the same client ID, where no other one is told.

    Args:
        azure: the cloud of all else, which is the management server, too, where none is set.
    """
    # one that is refused is one, too: what else is wrong with it is told with that
    if not config.get(f"{NAMESPACE}:{HOST}", "").strip():
        return azure, azure
    given = {
        "managementTenantId": settings.tenant_id,
        "managementSubscriptionId": settings.subscription_id,
        "managementClientId": settings.client_id,
        "managementClientSecret": settings.client_secret,
    }
    found = {key: value or environ.get(VARIABLES[key], "").strip() for key, value in given.items()}
    by_token = not found["managementClientSecret"] and azure.federation is not None
    if by_token and not found["managementClientId"]:
        found["managementClientId"] = azure.client_id
    for key, value in found.items():
        is_written = bool(config.get(f"{NAMESPACE}:{key}", "").strip())  # and refused, if there is no value
        if not value and not is_written and not (by_token and key == "managementClientSecret"):
            problems.append(_not_set(key))
        elif value and key in _IDS and not given[key]:
            problems += _unfit(key, value)
    problems += _same(settings, azure, found["managementSubscriptionId"])
    return replace(azure, names=AZURE_OF_TWO), AzureSettings(
        metadata_host=settings.host,
        tenant_id=found["managementTenantId"],
        subscription_id=found["managementSubscriptionId"],
        client_id=found["managementClientId"],
        client_secret=found["managementClientSecret"],
        disable_instance_discovery=True,
        federation=azure.federation if by_token else None,
        names=MANAGEMENT,
    )


def provider_inputs(server: AzureSettings, environ: Mapping[str, str]) -> dict[str, str | bool]:
    """The inputs of the azure-native provider that signs in to the server, some of them `SECRET_INPUTS`.

    They are in the state, by which a refresh and a destroy sign in before the program has run. What the
    variables of one person or job tell of who signs in is not among them: another one would sign in by it,
    and see a change where there is none. `provider_variables` hands it on.

    Source: https://www.pulumi.com/registry/packages/azure-native/api-docs/provider/
    """
    inputs: dict[str, str | bool] = {
        "metadataHost": server.metadata_host,
        "tenantId": server.tenant_id,
        "subscriptionId": server.subscription_id,
        "disableInstanceDiscovery": True,
        "environment": "public",  # the SDK's own default
    }
    inputs |= {key: value for key, value in _who(server).items() if not _is_told(key, value, environ)}
    if "clientSecret" in inputs:
        inputs["useOidc"] = False  # whatever ARM_USE_OIDC says
    federation = server.federation
    if federation is None:
        return inputs
    given = {
        "oidcToken": federation.token,
        "oidcTokenFilePath": federation.token_file,
        "oidcRequestUrl": federation.request_url,
        "oidcRequestToken": federation.request_token,
    }
    inputs |= {
        key: value
        for key, value in given.items()
        if value and value != _variable(AZURE_VARIABLES[key], environ)
    }
    if not _variable(AZURE_VARIABLES["useOidc"], environ):
        inputs["useOidc"] = True
    return inputs


def provider_variables(server: AzureSettings, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of who signs in to the server, each with the name by which the plugin looks for it: what
    the other cloud's variable of that name holds is not for the server.
    """
    return {
        _variable_of(key): AZURE_VARIABLES[key]
        for key, value in _who(server).items()
        if _is_told(key, value, environ)
    }


def _who(server: AzureSettings) -> dict[str, str]:
    return {"clientId": server.client_id, "clientSecret": server.client_secret}


def _is_told(key: str, value: str, environ: Mapping[str, str]) -> bool:
    """Whether variables tell it, the other cloud's among them where an application has one ID in both."""
    return value in ("", _variable(_variable_of(key), environ), _variable(AZURE_VARIABLES[key], environ))


def _variable_of(key: str) -> str:
    """The variable of one of the provider's inputs."""
    return VARIABLES[f"management{key[0].upper()}{key[1:]}"]


def _variable(name: str, environ: Mapping[str, str]) -> str:
    return environ.get(name, "").strip()


def _same(settings: ManagementSettings, azure: AzureSettings, subscription_id: str) -> Iterator[str]:
    """The problem of a management server that is the other cloud: its group would be there already."""
    if _with_port(settings.host) == _with_port(azure.metadata_host):
        yield (
            f"{NAMESPACE}:{HOST} is '{settings.host}', the cloud that {azure.names.metadata_host} names: one "
            "cloud has all without it. Remove it, and what belongs to it "
            f"(`pulumi config rm {NAMESPACE}:{HOST}`)"
        )
    elif subscription_id and subscription_id.lower() == azure.subscription_id.lower():
        yield (
            f"{MANAGEMENT.subscription_id} is '{subscription_id}', and so is {azure.names.subscription_id}: "
            "the server has another one, which `fpga cloud status` tells there"
        )


def _with_port(host: str) -> str:
    name, colon, port = host.lower().rpartition(":")
    return host.lower().rstrip(".") + ":443" if not colon or "]" in port else f"{name.rstrip('.')}:{port}"


def _unfit(key: str, value: str) -> Iterator[str]:
    """The problem of a variable's value, if it has one."""
    try:
        ID.read(value)
    except Unfit as error:
        yield f"{VARIABLES[key]} {error}"


def _not_set(key: str) -> str:
    flag = "--secret " if key == "managementClientSecret" else ""
    name = f"{NAMESPACE}:{key}"
    told = (
        f"; with ARM_USE_OIDC=true, and neither this nor {AZURE_NATIVE.client_secret}, a job's token signs in"
        if flag
        else ""
    )
    return (
        f"{name} is not set: `pulumi config set {flag}{name}`, or the variable {VARIABLES[key]}{told}. "
        "`fpga cloud status` on the server tells it"
    )
