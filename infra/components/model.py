"""The model: its package in blob storage, registered with the account."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import storage

from infra import catalogue
from infra.declared import CONTAINER
from infra.providers.existing_model import ExistingModel, ExistingModelArgs
from infra.providers.model import Model, ModelArgs
from infra.settings import naming


@dataclass(frozen=True)
class RegisteredModelArgs:
    """Inputs of a registered model.

    Attributes:
        scope: project and stack: what derived names are made from.
        name: what the model's physical name starts with.
        package: path of the package; `sha256` is that of its content.
        registered_id: of a model that is registered already; the package is not looked at then.
    """

    scope: tuple[str, str]
    resource_group: pulumi.Input[str]
    account_id: pulumi.Input[str]
    storage_account: str
    location: str
    name: str
    package: str
    sha256: str
    registered_id: str | None = None


class RegisteredModel(pulumi.ComponentResource):
    """A storage account with one container, and the model whose package lies in it, or one that exists."""

    model_id: pulumi.Output[str]

    def __init__(
        self, name: str, args: RegisteredModelArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(catalogue.REGISTERED_MODEL.token, name, None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        account = storage.StorageAccount(
            catalogue.STORAGE_ACCOUNT.name,
            account_name=args.storage_account,
            resource_group_name=args.resource_group,
            location=args.location,
            kind=storage.Kind.STORAGE_V2,
            sku=storage.SkuArgs(name=storage.SkuName.STANDARD_LRS),
            allow_blob_public_access=False,
            enable_https_traffic_only=True,
            minimum_tls_version=storage.MinimumTlsVersion.TLS1_2,
            opts=inside,
        )
        container = storage.BlobContainer(
            catalogue.BLOB_CONTAINER.name,
            account_name=account.name,
            container_name=CONTAINER,
            resource_group_name=args.resource_group,
            public_access=storage.PublicAccess.NONE,
            opts=inside,
        )
        if args.registered_id is not None:
            registered = ExistingModelArgs(args.account_id, args.registered_id)
            self.model_id = ExistingModel(catalogue.EXISTING_MODEL.name, registered, inside).id
        else:
            self.model_id = self._registered(args, account, container, inside).id
        self.register_outputs({"model_id": self.model_id})

    @staticmethod
    def _registered(
        args: RegisteredModelArgs,
        account: storage.StorageAccount,
        container: storage.BlobContainer,
        opts: pulumi.ResourceOptions,
    ) -> Model:
        # Another content is another resource: the service moves to the new model before the old one goes.
        logical_name = f"{catalogue.MODEL.name}-{args.sha256[:8]}"
        return Model(
            logical_name,
            ModelArgs(
                account_id=args.account_id,
                storage_account_id=account.id,
                container=container.name,
                name=naming.suffixed(args.name, *args.scope, logical_name),
                package=args.package,
                sha256=args.sha256,
            ),
            opts,
        )
