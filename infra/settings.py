"""The stack's configuration, read and checked once: every problem at once, each with its remedy.

Knows nothing of Pulumi: it takes the configuration as the engine hands it out, a mapping from
`namespace:key` to a string (lists as JSON), and gives frozen dataclasses.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from infra import certificate_settings, names
from infra.certificate_settings import CertificateSettings
from infra.configuration import NAMESPACE, PROJECT_ROOT, Reader

LOCATION = "eastus2"
SKUS = ("S1", "S2", "S3")
# for how long resolvers may keep "no such name": the minimum in the SOA records that Azure gives its zones
NEGATIVE_TTL_S = 300

AZURE_KEYS = tuple(
    f"azure-native:{key}"
    for key in (
        "metadataHost",
        "tenantId",
        "subscriptionId",
        "clientId",
        "clientSecret",
        "disableInstanceDiscovery",
    )
)

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class SettingsError(Exception):
    """The configuration cannot be used. `problems` holds one sentence for each thing to mend."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__("\n  - ".join((f"{count} in the stack's configuration:", *self.problems)))


@dataclass(frozen=True)
class AzureSettings:
    """The cloud and who signs in to it: the settings that the azure-native provider reads, too.

    Attributes:
        metadata_host: host and port that serve `/metadata/endpoints`.
        disable_instance_discovery: do not ask Microsoft's own host about the sign-in authority.
    """

    metadata_host: str
    tenant_id: str
    subscription_id: str
    client_id: str
    client_secret: str = field(repr=False)
    disable_instance_discovery: bool


@dataclass(frozen=True)
class AccountSettings:
    """The Model Management account.

    Attributes:
        location: region of the account and its storage account; `group_location` that of the resource group.
        sku: one of S1, S2, S3; `capacity` 1 to 16.
    """

    resource_group: str
    location: str
    name: str
    sku: str
    capacity: int
    storage_account: str | None
    group_location: str = LOCATION


@dataclass(frozen=True)
class ModelSettings:
    """The model.

    Attributes:
        name: what its physical name starts with.
        package: the package's path as it is configured; `path` is absolute. Empty where `id` is set.
        id: of a model that is registered already, by somebody else; None: the program registers the package.
    """

    name: str
    package: str
    id: str | None = None

    @property
    def path(self) -> Path:
        return PROJECT_ROOT / Path(self.package).expanduser()


@dataclass(frozen=True)
class DomainSettings:
    """The domain: zone, FQDN at or under it, TTL in seconds, and where the zone is served. Names in A-labels.

    Attributes:
        canonical_name: the name that has the A record, where the FQDN is an alias of it.
        caa_issuers: who may issue certificates for the zone's names (RFC 8659); empty: anyone.
        name_servers: `host:port` of each of the zone's servers; empty: as the zone's NS records say.
        resolvers: `ADDRESS[:PORT]` of recursive resolvers at which the endpoint check looks, too.
    """

    zone: str
    fqdn: str
    canonical_name: str | None
    record_ttl_s: int
    caa_issuers: tuple[str, ...]
    name_servers: tuple[str, ...]
    resolvers: tuple[str, ...]


@dataclass(frozen=True)
class ServiceSettings:
    """The service.

    Attributes:
        name: the very name; None: one that only this stack has is derived.
        adopt: take over a service that bears the set name already.
        check_timeout_s: how long the endpoint check waits for the record, in seconds.
        primary_key_generation, secondary_key_generation: from 1; one that is raised has that key made anew.
    """

    name: str | None
    ssl_enabled: bool
    adopt: bool
    check_timeout_s: int
    primary_key_generation: int = 1
    secondary_key_generation: int = 1


@dataclass(frozen=True)
class Settings:
    """All that differs from stack to stack."""

    azure: AzureSettings
    account: AccountSettings
    model: ModelSettings
    domain: DomainSettings
    certificate: CertificateSettings
    service: ServiceSettings
    production: bool


def read(
    config: Mapping[str, str],
    environ: Mapping[str, str] = os.environ,
    secret_keys: Collection[str] | None = None,
) -> Settings:
    """Reads and checks the whole configuration.

    Args:
        secret_keys: the keys whose values are encrypted in the stack's file; None: nobody knows.

    Raises:
        SettingsError: with every problem found.
    """
    reader = Reader(config, secret_keys)
    azure = _azure(config, environ, reader.problems)
    production = reader.boolean("production", default=False)
    account = AccountSettings(
        resource_group=reader.text("resourceGroup", check=names.resource_group_problem),
        location=_location(reader),
        name=reader.text("account", check=names.account_problem),
        sku=_sku(reader),
        capacity=reader.integer("accountCapacity", default=1, low=1, high=16),
        storage_account=reader.optional("storageAccount", check=names.storage_account_problem),
        group_location=_normalized_region(reader.optional("resourceGroupLocation") or LOCATION),
    )
    model = _model(reader)
    domain = _domain(reader)
    ssl_enabled = reader.boolean("sslEnabled", default=True)
    certificate = certificate_settings.read(reader, production=production, ssl_enabled=ssl_enabled)
    service = ServiceSettings(
        name=reader.optional("serviceName", check=names.service_problem),
        ssl_enabled=ssl_enabled,
        adopt=reader.boolean("adopt", default=False),
        check_timeout_s=reader.integer("checkTimeout", default=_patience_s(domain), low=1, high=86400),
        primary_key_generation=reader.integer("primaryKeyGeneration", default=1, low=1, high=1_000_000),
        secondary_key_generation=reader.integer("secondaryKeyGeneration", default=1, low=1, high=1_000_000),
    )
    reader.refuse_unknown_keys()
    if reader.problems:
        raise SettingsError(reader.problems)
    return Settings(azure, account, model, domain, certificate, service, production)


def read_azure(config: Mapping[str, str], environ: Mapping[str, str] = os.environ) -> AzureSettings:
    """The part that says which cloud this is, and who signs in.

    Raises:
        SettingsError: with every problem found.
    """
    problems: list[str] = []
    azure = _azure(config, environ, problems)
    if problems:
        raise SettingsError(problems)
    return azure


def _azure(config: Mapping[str, str], environ: Mapping[str, str], problems: list[str]) -> AzureSettings:
    def value(key: str, variable: str, default: str = "") -> str:
        found = config.get(f"azure-native:{key}") or environ.get(variable) or default
        if not found:
            secret = " --secret" if key == "clientSecret" else ""
            command = f"pulumi config set{secret} azure-native:{key}"
            problems.append(f"azure-native:{key} is not set: `{command}`, or the variable {variable}")
        return found

    azure = AzureSettings(
        metadata_host=value("metadataHost", "ARM_METADATA_HOSTNAME", "management.azure.com"),
        tenant_id=value("tenantId", "ARM_TENANT_ID"),
        subscription_id=value("subscriptionId", "ARM_SUBSCRIPTION_ID"),
        client_id=value("clientId", "ARM_CLIENT_ID"),
        client_secret=value("clientSecret", "ARM_CLIENT_SECRET"),
        disable_instance_discovery=value(
            "disableInstanceDiscovery", "ARM_DISABLE_INSTANCE_DISCOVERY", "false"
        ).lower()
        == "true",
    )
    for key, found in (("tenantId", azure.tenant_id), ("subscriptionId", azure.subscription_id)):
        if found and not _UUID.fullmatch(found):
            problems.append(f"azure-native:{key} is '{found}': it is a UUID, as `az account show` prints it")
    return azure


def _model(reader: Reader) -> ModelSettings:
    name = reader.optional("modelName", check=names.base_problem) or "model"
    registered = reader.optional("modelId")
    if registered is None:
        package = reader.path_text("modelPackage", "the folder or zip that holds service_def.json")
        return ModelSettings(name, package)
    if reader.optional("modelPackage"):
        reader.refuse(
            "modelId",
            "and modelPackage are both set: the one names a model that is registered already, the other one a "
            "package that the program registers. Remove one of them "
            f"(`pulumi config rm {NAMESPACE}:modelId`)",
        )
    return ModelSettings(name, "", registered)


def _normalized_region(written: str) -> str:
    """A region's name, which Azure also takes as "East US 2"."""
    return written.replace(" ", "").lower()


def _location(reader: Reader) -> str:
    given = reader.optional("location") or LOCATION
    location = _normalized_region(given)
    if location != LOCATION:
        reader.refuse(
            "location", f"is '{given}': FPGA services exist in {LOCATION} only; set it to {LOCATION}"
        )
    return location


def _sku(reader: Reader) -> str:
    given = reader.optional("accountSku") or SKUS[0]
    if given == "DevTest":
        reader.refuse(
            "accountSku", "is 'DevTest', which FPGA services do not support: S1 is enough, S2 and S3 work too"
        )
    elif given not in SKUS:
        reader.refuse("accountSku", f"is '{given}': choose one of {', '.join(SKUS)} (S1 is enough)")
    return given


def _domain(reader: Reader) -> DomainSettings:
    zone = reader.domain("zone")
    fqdn = reader.domain("fqdn")
    if zone and fqdn and not names.is_under(fqdn, zone):
        reader.refuse(
            "fqdn",
            f"is '{fqdn}', which is not under its zone '{zone}': "
            f"choose a name such as 'service.{zone}', or set {NAMESPACE}:zone to its zone",
        )
    return DomainSettings(
        zone=zone,
        fqdn=fqdn,
        canonical_name=_canonical_name(reader, zone, fqdn),
        record_ttl_s=reader.integer("recordTtl", default=300, low=1, high=2_147_483_647),
        caa_issuers=reader.texts("caaIssuers", names.caa_issuer_problem),
        name_servers=reader.addresses("nameServers"),
        resolvers=reader.texts("resolvers", _resolver_problem),
    )


def _patience_s(domain: DomainSettings) -> int:
    """How long what was before may go on being told, and a minute."""
    kept_s = max(domain.record_ttl_s, NEGATIVE_TTL_S) if domain.resolvers else domain.record_ttl_s
    return kept_s + 60


def _canonical_name(reader: Reader, zone: str, fqdn: str) -> str | None:
    """Of what the FQDN is an alias (RFC 1034, 3.6.2)."""
    name = reader.optional_domain("canonicalName")
    if not name or not zone or not fqdn:
        return name
    if not names.is_under(name, zone):
        reader.refuse(
            "canonicalName", f"is '{name}', which is not under the zone '{zone}': choose one that is"
        )
    elif name == fqdn:
        reader.refuse("canonicalName", f"is the fqdn '{fqdn}' itself: choose another name, or remove it")
    elif fqdn == zone:
        reader.refuse(
            "canonicalName",
            f"makes an alias of '{fqdn}', which is the zone itself and cannot be one, for it has SOA and NS "
            "records. Remove it: the A record can be at the zone itself",
        )
    return name


def _resolver_problem(resolver: str) -> str | None:
    from fpga.name_resolution import host_and_port

    try:
        host_and_port(resolver)
    except ValueError:
        return "write each resolver as ADDRESS or ADDRESS:PORT, such as 9.9.9.9 or 127.0.0.1:5353"
    return None
