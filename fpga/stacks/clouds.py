"""The clouds of a stack, as who deploys sees them: each is signed in to when it is first asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clients.azure.cloud import Cloud
    from clients.azure.settings import AzureSettings
    from infra.settings import Settings


class StackClouds:
    """The cloud of groups, storage and zones, and the management server, where that is apart.

    Args:
        ca_file: PEM file of the roots to trust the first by; None: the system's.
    """

    def __init__(self, stack: Settings, ca_file: str | None) -> None:
        self._stack, self._ca_file = stack, ca_file
        self._open: dict[AzureSettings, Cloud] = {}

    @property
    def management(self) -> Cloud:
        """The cloud of the account and the services."""
        return self._cloud(self._stack.management_cloud)

    def of(self, resource_id: str) -> Cloud:
        """The cloud of a resource, by the subscription in its ID."""
        server = self._stack.management_cloud
        is_there = resource_id.lower().startswith(f"/subscriptions/{server.subscription_id}/".lower())
        return self._cloud(server if is_there else self._stack.azure)

    def close(self) -> None:
        """Ends all connections."""
        for cloud in self._open.values():
            cloud.close()

    def _cloud(self, wanted: AzureSettings) -> Cloud:
        if wanted not in self._open:
            from clients.azure.cloud import Cloud

            roots = self._stack.management.roots if wanted is not self._stack.azure else None
            self._open[wanted] = Cloud(wanted, ca_file=str(roots) if roots else self._ca_file)
        return self._open[wanted]
