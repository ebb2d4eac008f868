"""The kinds of resources of the graph: all that is known of each without a stack's settings, once.

A table, and nothing else: it knows neither Pulumi nor any other module of the project, so that the program,
the command and the policy pack can all look things up in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MODULE: Final = "fpga"
"""The module of the dynamic resources' type tokens, and the package of the components'."""


@dataclass(frozen=True)
class Component:
    """A component: its type token, and the logical name of a stack's one.

    Without a token it is no resource itself, and what is in it stands at the top.
    """

    token: str
    name: str

    def child(self, name: str, base: str) -> str:
        """The logical name of a resource inside a component of this type.

        Args:
            name: the component's own. One that bears the catalogue's has children of the catalogue's names,
                as the stack of one service always had; another's children bear its name.
            base: the child's name in the catalogue.
        """
        return base if name == self.name else f"{name}-{base}"


@dataclass(frozen=True)
class Kind:
    """A kind of resource.

    Attributes:
        token: type token, without an API version.
        name: logical name. A model's goes on with the hash of its package; record sets have others, too.
        component: the component that it is in.
        irreplaceable: lost, it does not come back as it was.
        relied_on: made again as it was, but callers miss it meanwhile, or it goes before all others do.
        secrets: properties that are encrypted in the state.
        issues: the certificate source (`fpga-web-service:certificateSource`) whose certificates it issues;
            empty: none.
        taggable: whether Azure takes tags for it.
        api_version: one in which Resource Manager tells it; empty: it is none of Resource Manager's.
    """

    token: str
    name: str
    component: Component
    irreplaceable: bool = False
    relied_on: bool = False
    secrets: tuple[str, ...] = ()
    issues: str = ""
    taggable: bool = False
    api_version: str = ""

    @property
    def type_name(self) -> str:
        """The last part of the token: `Service`, `RecordSet`."""
        return self.token.rpartition(":")[2]

    @property
    def protected(self) -> bool:
        """Whether `fpga-web-service:protect` has the engine refuse to delete or replace it."""
        return self.irreplaceable or self.relied_on


MODEL_MANAGEMENT: Final = Component(f"{MODULE}:index:ModelManagement", "model-management")
REGISTERED_MODEL: Final = Component(f"{MODULE}:index:RegisteredModel", "registered-model")
SELF_SIGNED: Final = Component(f"{MODULE}:index:SelfSigned", "self-signed")
ACME_ISSUED: Final = Component(f"{MODULE}:index:AcmeIssued", "acme")
# the zone has left the component that it was in: one more resource would be a change of every stack
DOMAIN: Final = Component("", "domain")
SCORING_ENDPOINT: Final = Component(f"{MODULE}:index:ScoringEndpoint", "scoring-endpoint")

_DYNAMIC: Final = f"pulumi-python:dynamic/{MODULE}"
_STORAGE_API: Final = "2024-01-01"
_DNS_API: Final = "2018-05-01"
_KEYS: Final = ("primary_key", "secondary_key")

RESOURCE_GROUP: Final = Kind(
    "azure-native:resources:ResourceGroup",
    "resource-group",
    MODEL_MANAGEMENT,
    irreplaceable=True,
    taggable=True,
    api_version="2021-04-01",
)
MANAGEMENT_GROUP: Final = "management-resource-group"
"""Logical name of the group of the account, where that is in another cloud than all else."""
MANAGEMENT_PROVIDER: Final = "management"
"""Logical name of the azure-native provider of that cloud."""
# a generic resource: the provider has no type of its own for accounts of 2017
ACCOUNT: Final = Kind(
    "azure-native:resources:Resource",
    "account",
    MODEL_MANAGEMENT,
    irreplaceable=True,
    taggable=True,
    api_version="2017-09-01-preview",
)
ACCOUNT_PROVIDER: Final = "Microsoft.MachineLearningModelManagement"
"""The namespace of the account's resource provider."""

EXISTING_RESOURCE: Final = Kind(f"{_DYNAMIC}:ExistingResource", "existing-account", MODEL_MANAGEMENT)
"""What others keep, in the place of what the stack would make (`existing`)."""

STORAGE_ACCOUNT: Final = Kind(
    "azure-native:storage:StorageAccount",
    "storage",
    REGISTERED_MODEL,
    irreplaceable=True,
    taggable=True,
    api_version=_STORAGE_API,
)
BLOB_CONTAINER: Final = Kind(
    "azure-native:storage:BlobContainer",
    "packages",
    REGISTERED_MODEL,
    irreplaceable=True,
    api_version=_STORAGE_API,
)
MODEL: Final = Kind(f"{_DYNAMIC}:Model", "model", REGISTERED_MODEL)
EXISTING_MODEL: Final = Kind(f"{_DYNAMIC}:ExistingModel", "existing-model", REGISTERED_MODEL)

DEVELOPMENT_CA: Final = Kind(f"{_DYNAMIC}:DevelopmentCa", "development-ca", SELF_SIGNED, secrets=("key",))
ZONE: Final = Kind(
    "azure-native:dns:Zone",
    "zone",
    DOMAIN,
    irreplaceable=True,
    taggable=True,
    api_version=_DNS_API,
)
ACME_ACCOUNT: Final = Kind(
    f"{_DYNAMIC}:AcmeAccount", "acme-account", ACME_ISSUED, secrets=("eab_hmac_key", "key")
)
ACME_CERTIFICATE: Final = Kind(
    f"{_DYNAMIC}:AcmeCertificate",
    "certificate",
    ACME_ISSUED,
    secrets=("key_of_account", "key"),
    issues="acme",
)
CERTIFICATE: Final = Kind(
    f"{_DYNAMIC}:Certificate", "certificate", SELF_SIGNED, secrets=("ca_key", "key"), issues="self_signed"
)

SERVICE: Final = Kind(
    f"{_DYNAMIC}:Service", "service", SCORING_ENDPOINT, irreplaceable=True, secrets=("ssl_key",)
)
ENDPOINT: Final = Kind(f"{_DYNAMIC}:Endpoint", "endpoint", SCORING_ENDPOINT)
KEYS: Final = Kind(f"{_DYNAMIC}:Keys", "keys", SCORING_ENDPOINT, irreplaceable=True, secrets=_KEYS)
RECORD_SET: Final = Kind(
    "azure-native:dns:RecordSet", "record", SCORING_ENDPOINT, relied_on=True, api_version=_DNS_API
)
CANONICAL_RECORD: Final = "canonical-record"
"""Logical name of the A record of the name that the service's own is an alias of."""
CAA_RECORD: Final = "caa-record"
"""Logical name of the record set that says who may issue certificates; it is in the component of the zone."""
# it depends on all others: a destroy comes to it first, and is refused before anything has left the stack
ENDPOINT_CHECK: Final = Kind(
    f"{_DYNAMIC}:EndpointCheck", "endpoint-check", SCORING_ENDPOINT, relied_on=True, secrets=_KEYS
)

KINDS: Final = (
    RESOURCE_GROUP,
    ACCOUNT,
    EXISTING_RESOURCE,
    STORAGE_ACCOUNT,
    BLOB_CONTAINER,
    MODEL,
    EXISTING_MODEL,
    DEVELOPMENT_CA,
    ZONE,
    ACME_ACCOUNT,
    ACME_CERTIFICATE,
    CERTIFICATE,
    SERVICE,
    ENDPOINT,
    KEYS,
    RECORD_SET,
    ENDPOINT_CHECK,
)
"""All of them, what holds others first."""

IN_ACCOUNT: Final = frozenset(kind.token for kind in (MODEL, EXISTING_MODEL, SERVICE, ENDPOINT, KEYS))
"""The type tokens of those that are in the account, by its data plane, in whichever cloud that is."""


def existing(name: str) -> str:
    """The logical name of what others keep, in the place of what the stack would make by this name."""
    return f"existing-{name}"


ISSUING: Final = {kind.token: kind.issues for kind in KINDS if kind.issues}
"""The type tokens of those that issue certificates, and the source of each."""
