"""The model: its package in blob storage, registered with the account."""

from __future__ import annotations

from dataclasses import dataclass

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
    """Inputs of a registered model.

    Attributes:
        management: the account that it is registered with.
        storage_account: name of the storage account for its package; `location` is that one's region.
        sha256: of the package; empty where the settings name a model that is registered already.
        beside_account: the storage account is in the cloud and the group of the account.
    """

    management: ModelManagement
    storage_account: str
    location: str
    settings: ModelSettings
    sha256: str
    beside_account: bool = False


class RegisteredModel(pulumi.ComponentResource):
    """A storage account with one container, and the model whose package lies in it, or one that exists."""

    model_id: pulumi.Output[str]

    def __init__(
        self, name: str, args: RegisteredModelArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(catalogue.REGISTERED_MODEL.token, name, None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        group, in_cloud = args.management.resource_group, inside
        if args.beside_account:
            group = args.management.account_group
            in_cloud = pulumi.ResourceOptions(parent=self, provider=args.management.provider)
        account = storage.StorageAccount(
            catalogue.STORAGE_ACCOUNT.name,
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
        container = storage.BlobContainer(
            catalogue.BLOB_CONTAINER.name,
            account_name=account.name,
            container_name=CONTAINER,
            resource_group_name=group,
            public_access=storage.PublicAccess.NONE,
            opts=in_cloud,
        )
        account_id = args.management.account_id
        if args.settings.id is not None:
            registered = ExistingModelArgs(account_id, args.settings.id)
            self.model_id = ExistingModel(catalogue.EXISTING_MODEL.name, registered, inside).id
        else:
            # another content is another resource: the service moves to the new model before the old one goes
            logical_name = f"{catalogue.MODEL.name}-{args.sha256[:8]}"
            scope = (pulumi.get_project(), pulumi.get_stack(), logical_name)
            model = ModelArgs(
                account_id=account_id,
                storage_account_id=account.id,
                container=container.name,
                name=naming.suffixed(args.settings.name, *scope),
                package=args.settings.package,
                sha256=args.sha256,
            )
            self.model_id = Model(logical_name, model, inside).id
        self.register_outputs({"model_id": self.model_id})
