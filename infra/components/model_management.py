"""The document's first chapter: a resource group, and a Model Management account in it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pulumi
from pulumi_azure_native import resources

from clients.azure.settings import AzureSettings
from infra import catalogue
from infra.catalogue import Kind
from infra.components import management_provider
from infra.providers import existing_resource, move
from infra.providers.existing_resource import ExistingResource, ExistingResourceArgs
from infra.settings.account import AccountSettings


class ModelManagement(pulumi.ComponentResource):
    """A resource group with a Model Management account, the root of models and services.

    Where a management server is apart from all else, the account is there, in a group of the same name.

    Attributes:
        resource_group: name of the group of all else.
        account_group: that of the stack's group in the account's cloud; the same one where one cloud has all.
        provider: the provider of the account's cloud; None: the stack's own.
        is_shared: the account is others': a stack of another place may have made what bears a derived name.
        server: the management server, as the state has it; None: the account is in the cloud of all else.
        cloud: that of groups, storage and zones, as the state has it; None: it does not.
    """

    resource_group: pulumi.Output[str]
    account_group: pulumi.Output[str]
    account_id: pulumi.Output[str]
    provider: pulumi.ProviderResource | None
    server: Mapping[str, str] | None
    cloud: Mapping[str, str] | None
    is_shared: bool

    def __init__(
        self,
        name: str,
        settings: AccountSettings,
        server: AzureSettings | None = None,
        opts: pulumi.ResourceOptions | None = None,
        *,
        cloud: AzureSettings | None = None,
        others: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Declares them.

        Args:
            server: the management server, where there is one apart from all else.
            cloud: that of groups, storage and zones; None: no preview tells that it has become another.
            others: what is there already and others keep: its resource ID, by the logical name of what would
                be made in its place.
        """
        super().__init__(catalogue.MODEL_MANAGEMENT.token, name, None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        self._name, self._settings, self._others = name, settings, others
        group = self._group(catalogue.RESOURCE_GROUP.name, inside)
        self.resource_group = self.account_group = group.name
        self.provider = self.server = None
        self.cloud = move.described(cloud) if cloud else None
        self.is_shared = catalogue.ACCOUNT.name in others
        if server is not None:
            self.server = move.described(server)
            self.provider = management_provider.declare(
                self._child(catalogue.MANAGEMENT_PROVIDER), server, inside
            )
            inside = pulumi.ResourceOptions(parent=self, provider=self.provider)
            self.account_group = self._group(catalogue.MANAGEMENT_GROUP, inside, on_server=True).name
        self.account_id = self._account(inside)
        self.register_outputs({"resource_group": self.resource_group, "account_id": self.account_id})

    def _child(self, base: str) -> str:
        return catalogue.MODEL_MANAGEMENT.child(self._name, base)

    def _group(
        self, base: str, opts: pulumi.ResourceOptions, *, on_server: bool = False
    ) -> resources.ResourceGroup | ExistingResource:
        if base in self._others:
            return self._existing(catalogue.RESOURCE_GROUP, base, on_server=on_server)
        return resources.ResourceGroup(
            self._child(base),
            resource_group_name=self._settings.resource_group,
            location=self._settings.group_location,
            opts=opts,
        )

    def _account(self, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
        """The account's ID."""
        kind, settings = catalogue.ACCOUNT, self._settings
        if kind.name in self._others:
            return self._existing(kind, kind.name, on_server=self.server is not None).resource_id
        return resources.Resource(
            self._child(kind.name),
            resource_group_name=self.account_group,
            resource_provider_namespace=catalogue.ACCOUNT_PROVIDER,
            parent_resource_path="",
            resource_type="accounts",
            resource_name_=settings.name,
            api_version=kind.api_version,
            location=settings.location,
            sku=resources.SkuArgs(name=settings.sku, capacity=settings.capacity),
            properties={"description": "Models and services on FPGAs"},
            opts=opts,
        ).id

    def _existing(self, kind: Kind, base: str, *, on_server: bool) -> ExistingResource:
        return ExistingResource(
            self._child(catalogue.existing(base)),
            ExistingResourceArgs(self._others[base], kind.api_version, on_server),
            existing_resource.in_place_of(self._child(base), kind, pulumi.ResourceOptions(parent=self)),
        )
