"""The document's first chapter: a resource group, and a Model Management account in it."""

from __future__ import annotations

import pulumi
from pulumi_azure_native import resources

from infra import catalogue
from infra.settings.account import AccountSettings


class ModelManagement(pulumi.ComponentResource):
    """A resource group with a Model Management account, the root of models and services."""

    resource_group: pulumi.Output[str]
    account_id: pulumi.Output[str]

    def __init__(
        self, name: str, settings: AccountSettings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(catalogue.MODEL_MANAGEMENT.token, name, None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        group = resources.ResourceGroup(
            catalogue.RESOURCE_GROUP.name,
            resource_group_name=settings.resource_group,
            location=settings.group_location,
            opts=inside,
        )
        account = resources.Resource(
            catalogue.ACCOUNT.name,
            resource_group_name=group.name,
            resource_provider_namespace=catalogue.ACCOUNT_PROVIDER,
            parent_resource_path="",
            resource_type="accounts",
            resource_name_=settings.name,
            api_version=catalogue.ACCOUNT.api_version,
            location=settings.location,
            sku=resources.SkuArgs(name=settings.sku, capacity=settings.capacity),
            properties={"description": "Models and services on FPGAs"},
            opts=inside,
        )
        self.resource_group = group.name
        self.account_id = account.id
        self.register_outputs({"resource_group": self.resource_group, "account_id": self.account_id})
