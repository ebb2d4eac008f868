"""The document's first chapter: a resource group, and a Model Management account in it."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
from pulumi_azure_native import resources

from clients.azure.settings import AzureSettings
from infra import catalogue
from infra.components import management_provider
from infra.providers import move
from infra.settings.account import AccountSettings


class ModelManagement(pulumi.ComponentResource):
    """A resource group with a Model Management account, the root of models and services.

    Where a management server is apart from all else, the account is there, in a group of the same name.

    Attributes:
        resource_group: name of the group of all else.
        account_group: that of the account's own; the same one where one cloud has all.
        provider: the provider of the account's cloud; None: the stack's own.
        server: the management server, as the state has it; None: the account is in the cloud of all else.
    """

    resource_group: pulumi.Output[str]
    account_group: pulumi.Output[str]
    account_id: pulumi.Output[str]
    provider: pulumi.ProviderResource | None
    server: Mapping[str, str] | None

    def __init__(
        self,
        name: str,
        settings: AccountSettings,
        server: AzureSettings | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declares them.

        Args:
            server: the management server, where there is one apart from all else.
        """
        super().__init__(catalogue.MODEL_MANAGEMENT.token, name, None, opts)
        inside = pulumi.ResourceOptions(parent=self)

        def child(base: str) -> str:
            return catalogue.MODEL_MANAGEMENT.child(name, base)

        group = self._group(child(catalogue.RESOURCE_GROUP.name), settings, inside)
        self.resource_group = self.account_group = group.name
        self.provider = self.server = None
        if server is not None:
            self.server = move.described(server)
            self.provider = management_provider.declare(child(catalogue.MANAGEMENT_PROVIDER), server, inside)
            inside = pulumi.ResourceOptions(parent=self, provider=self.provider)
            self.account_group = self._group(child(catalogue.MANAGEMENT_GROUP), settings, inside).name
        account = resources.Resource(
            child(catalogue.ACCOUNT.name),
            resource_group_name=self.account_group,
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
        self.account_id = account.id
        self.register_outputs({"resource_group": self.resource_group, "account_id": self.account_id})

    def _group(
        self, name: str, settings: AccountSettings, opts: pulumi.ResourceOptions
    ) -> resources.ResourceGroup:
        return resources.ResourceGroup(
            name, resource_group_name=settings.resource_group, location=settings.group_location, opts=opts
        )
