"""The stack's configuration, read and checked once: every problem at once, each with its remedy.

Knows nothing of Pulumi: it takes the configuration as the engine hands it out, a mapping from
`namespace:key` to a string (lists as JSON), and gives frozen dataclasses.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from infra import azure_settings, certificate_settings, names
from infra.azure_settings import AzureSettings
from infra.certificate_settings import CertificateSettings
from infra.configuration import NAMESPACE, Reader, Setting, SettingsError, absolute

LOCATION = "eastus2"
SKUS = ("S1", "S2", "S3")
# for how long resolvers may keep "no such name": the minimum in the SOA records that Azure gives its zones
NEGATIVE_TTL_S = 300


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
        return absolute(self.package)


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
class ProtectionSettings:
    """What keeps a mistake from taking away what callers depend on.

    Attributes:
        protect: what could not be made again as it was is neither deleted nor replaced.
        retain_on_delete: what leaves the stack stays in the cloud.
    """

    protect: bool = False
    retain_on_delete: bool = False


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
    protection: ProtectionSettings = ProtectionSettings()


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
    settings = _read(reader, config, environ)
    reader.refuse_unknown_keys()
    if reader.problems:
        raise SettingsError(reader.problems)
    return settings


def known() -> tuple[Setting, ...]:
    """Every setting of the program's own namespace, as reading a configuration asks for it."""
    reader = Reader({})
    _read(reader, {}, {})
    return reader.settings


def _read(reader: Reader, config: Mapping[str, str], environ: Mapping[str, str]) -> Settings:
    """All of it; what is wrong is in `reader.problems`, and the settings are of use only if nothing is."""
    azure = azure_settings.gather(config, environ, reader.problems, reader.secret_keys)
    production = reader.boolean(
        "production", default=False, about="Callers depend on it: refuses self-signed certificates"
    )
    protection = ProtectionSettings(
        protect=reader.boolean(
            "protect",
            default=False,
            about="Refuse to delete or replace the group, the account, the storage, the zone, the records, "
            "the service and its keys",
        ),
        retain_on_delete=reader.boolean(
            "retainOnDelete", default=False, about="Leave in the cloud whatever is deleted from the stack"
        ),
    )
    account = AccountSettings(
        resource_group=reader.text(
            "resourceGroup", names.resource_group_problem, about="The resource group of everything"
        ),
        location=_location(reader),
        name=reader.text("account", names.account_problem, about="The Model Management account's name"),
        sku=_sku(reader),
        capacity=reader.integer(
            "accountCapacity", default=1, low=1, high=16, about="How many FPGAs the account holds"
        ),
        storage_account=reader.optional(
            "storageAccount",
            names.storage_account_problem,
            about="Name of the storage account for model packages; not set: a derived one",
        ),
        group_location=_normalized_region(
            reader.optional(
                "resourceGroupLocation", about="The resource group's own region", default=LOCATION
            )
            or LOCATION
        ),
    )
    model = _model(reader)
    domain = _domain(reader)
    ssl_enabled = reader.boolean(
        "sslEnabled", default=True, about="Serve TLS to holders of a key; false: anyone may call"
    )
    certificate = certificate_settings.read(reader, production=production, ssl_enabled=ssl_enabled)
    service = ServiceSettings(
        name=reader.optional(
            "serviceName", names.service_problem, about="The service's very name; not set: a derived one"
        ),
        ssl_enabled=ssl_enabled,
        adopt=reader.boolean(
            "adopt", default=False, about="Take over a service that bears serviceName already"
        ),
        check_timeout_s=reader.optional_integer(
            "checkTimeout",
            low=1,
            high=86400,
            about="How long the endpoint check waits for the record, in seconds; not set: the TTL and 60",
        )
        or _patience_s(domain),
        primary_key_generation=_generation(reader, "primaryKeyGeneration", "the primary key"),
        secondary_key_generation=_generation(reader, "secondaryKeyGeneration", "the secondary key"),
    )
    return Settings(azure, account, model, domain, certificate, service, production, protection)


def _generation(reader: Reader, key: str, what: str) -> int:
    about = f"Raised by one, it has {what} made anew: the old one is refused at once"
    return reader.integer(key, default=1, low=1, high=1_000_000, about=about)


def _model(reader: Reader) -> ModelSettings:
    name = (
        reader.optional(
            "modelName", names.base_problem, about="What the model's name starts with", default="model"
        )
        or "model"
    )
    registered = reader.optional(
        "modelId", about="Id of a model that somebody else has registered, in modelPackage's place"
    )
    about = "The model package: a folder or zip with a service_def.json; relative to the checkout"
    if registered is None:
        package = reader.path_text(
            "modelPackage", "the folder or zip that holds service_def.json", about=about
        )
        return ModelSettings(name, package)
    if reader.optional("modelPackage", about=about):
        reader.refuse(
            "modelId",
            "and modelPackage are both set: the one names a model that is registered already, the other one "
            "a package that the program registers. Remove one of them "
            f"(`pulumi config rm {NAMESPACE}:modelId`)",
        )
    return ModelSettings(name, "", registered)


def _normalized_region(written: str) -> str:
    """A region's name, which Azure also takes as "East US 2"."""
    return written.replace(" ", "").lower()


def _location(reader: Reader) -> str:
    given = reader.optional(
        "location",
        about=f"The region: FPGA services exist in {LOCATION} only",
        default=LOCATION,
        pattern="[Ee][Aa][Ss][Tt] ?[Uu][Ss] ?2",
    )
    given = given or LOCATION
    location = _normalized_region(given)
    if location != LOCATION:
        reader.refuse(
            "location", f"is '{given}': FPGA services exist in {LOCATION} only; set it to {LOCATION}"
        )
    return location


def _sku(reader: Reader) -> str:
    given = reader.optional(
        "accountSku", about="The account's pricing tier: S1 is enough", default=SKUS[0], choices=SKUS
    )
    given = given or SKUS[0]
    if given == "DevTest":
        reader.refuse(
            "accountSku", "is 'DevTest', which FPGA services do not support: S1 is enough, S2 and S3 work too"
        )
    elif given not in SKUS:
        reader.refuse("accountSku", f"is '{given}': choose one of {', '.join(SKUS)} (S1 is enough)")
    return given


def _domain(reader: Reader) -> DomainSettings:
    zone = reader.domain("zone", about="The DNS zone that the graph declares")
    fqdn = reader.domain("fqdn", about="The service's name, at or under the zone")
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
        record_ttl_s=reader.integer(
            "recordTtl",
            default=300,
            low=1,
            high=2_147_483_647,
            about="How long resolvers may keep the records, in seconds",
        ),
        caa_issuers=reader.texts(
            "caaIssuers",
            names.caa_issuer_problem,
            about="Who may issue certificates for the zone's names (CAA, RFC 8659), such as letsencrypt.org",
        ),
        name_servers=reader.addresses(
            "nameServers",
            about="host:port of the servers of the zone; not set: as its own NS records say",
        ),
        resolvers=reader.texts(
            "resolvers",
            _resolver_problem,
            about="ADDRESS[:PORT] of recursive resolvers at which the endpoint check looks, too",
        ),
    )


def _patience_s(domain: DomainSettings) -> int:
    """How long what was before may go on being told, and a minute."""
    kept_s = max(domain.record_ttl_s, NEGATIVE_TTL_S) if domain.resolvers else domain.record_ttl_s
    return kept_s + 60


def _canonical_name(reader: Reader, zone: str, fqdn: str) -> str | None:
    """Of what the FQDN is an alias (RFC 1034, 3.6.2)."""
    name = reader.optional_domain(
        "canonicalName", about="The name that has the A record, and of which fqdn is an alias (CNAME)"
    )
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
