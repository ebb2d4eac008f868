"""The models: their packages in blob storage, registered with the account."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import pulumi
from pulumi_azure_native import storage

from infra import catalogue
from infra.components.model_management import ModelManagement
from infra.declared import CONTAINER
from infra.providers.existing_model import ExistingModel, ExistingModelArgs
from infra.providers.model import Model, ModelArgs
from infra.settings import ModelSettings, naming


@dataclass(frozen=True)
class RegisteredModelArgs:
    """Inputs of registered models.

    Attributes:
        management: the account that they are registered with.
        storage_account: name of the storage account for their packages; `location` is that one's region.
        common: the settings of the model whose resource bears the catalogue's name; those of others differ.
        beside_account: the storage account is in the cloud and the group of the account.
    """

    management: ModelManagement
    storage_account: str
    location: str
    common: ModelSettings = field(default_factory=ModelSettings)
    beside_account: bool = False


class RegisteredModel(pulumi.ComponentResource):
    """A storage account with one container, and the models whose packages lie in it, or that exist."""

    def __init__(
        self, name: str, args: RegisteredModelArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(catalogue.REGISTERED_MODEL.token, name, None, opts)
        self._name, self._args = name, args
        self._registered: dict[str, pulumi.Output[str]] = {}
        in_cloud = pulumi.ResourceOptions(parent=self)
        group = args.management.resource_group
        if args.beside_account:
            group = args.management.account_group
            in_cloud = pulumi.ResourceOptions(parent=self, provider=args.management.provider)
        self._account = storage.StorageAccount(
            self._child(catalogue.STORAGE_ACCOUNT.name),
            account_name=args.storage_account,
            resource_group_name=group,
            location=args.location,
            kind=storage.Kind.STORAGE_V2,
            sku=storage.SkuArgs(name=storage.SkuName.STANDARD_LRS),
            allow_blob_public_access=False,
            enable_https_traffic_only=True,
            minimum_tls_version=storage.MinimumTlsVersion.TLS1_2,
            opts=in_cloud,
        )
        self._container = storage.BlobContainer(
            self._child(catalogue.BLOB_CONTAINER.name),
            account_name=self._account.name,
            container_name=CONTAINER,
            resource_group_name=group,
            public_access=storage.PublicAccess.NONE,
            opts=in_cloud,
        )
        self.register_outputs({})

    def declare(self, settings: ModelSettings, sha256: str) -> pulumi.Output[str]:
        """The account's id for a model; those of one package, or of one id, are one model.

        Args:
            sha256: of its package; empty where the settings name a model that is registered already.
        """
        name = self._child(logical_name(settings, sha256, self._args.common))
        if name not in self._registered:
            self._registered[name] = self._declared(name, settings, sha256)
        return self._registered[name]

    def _declared(self, name: str, settings: ModelSettings, sha256: str) -> pulumi.Output[str]:
        account_id, inside = self._args.management.account_id, pulumi.ResourceOptions(parent=self)
        if settings.id is not None:
            return ExistingModel(name, ExistingModelArgs(account_id, settings.id), inside).id
        model = ModelArgs(
            account_id=account_id,
            storage_account_id=self._account.id,
            container=self._container.name,
            name=naming.suffixed(settings.name, pulumi.get_project(), pulumi.get_stack(), name),
            package=settings.package,
            sha256=sha256,
        )
        return Model(name, model, inside).id

    def _child(self, base: str) -> str:
        return catalogue.REGISTERED_MODEL.child(self._name, base)


def logical_name(settings: ModelSettings, sha256: str, common: ModelSettings) -> str:
    """The logical name of a model: the catalogue's, where it is the one of the stack's own settings.

    Another content is another resource: the service moves to the new model before the old one goes. Of one
    package under two names there are two.
    """
    if settings.id is not None:
        base = catalogue.EXISTING_MODEL.name
        return base if settings.id == common.id else f"{base}-{_digest(settings.id)}"
    base = f"{catalogue.MODEL.name}-{sha256[:8]}"
    return base if settings.name == common.name else f"{base}-{_digest(settings.name)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
