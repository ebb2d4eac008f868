"""What others keep in the cloud, and stacks use: a group with a Model Management account and a DNS zone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from infra import catalogue
from tests.support.stacks.local_cloud import LocalCloud

NAMESPACE: Final = "fpga-web-service"
TAGS: Final = {"kept": "by others"}


@dataclass(frozen=True)
class OfOthers:
    """A third party's group, and what it has in it, as the third party sees it.

    Attributes:
        group: its name; `account`, `zone`: those of what is in it.
    """

    cloud: LocalCloud
    group: str
    account: str = "shared"
    zone: str = "team.test"

    def settings(self, **more: str) -> dict[str, str]:
        """The settings of a stack that uses zone and account."""
        own = {
            "zone": self.zone,
            "zoneExists": "true",
            "zoneResourceGroup": self.group,
            "account": self.account,
            "accountExists": "true",
            "accountResourceGroup": self.group,
        }
        return named(own | more)

    def make_group(self) -> None:
        """Makes the group, far from eastus2."""
        self._put(self.cloud.group_id(self.group), "2021-04-01", {"location": "westus"})

    def make_account(self, sku: str = "S1", capacity: int = 2) -> None:
        """Makes the account, or changes it."""
        body = {
            "location": "eastus2",
            "sku": {"name": sku, "capacity": capacity},
            "properties": {},
            "tags": TAGS,
        }
        self._put(self.account_id, catalogue.ACCOUNT.api_version, body)

    def make_zone(self) -> None:
        """Makes the zone."""
        self._put(self.zone_id, catalogue.ZONE.api_version, {"location": "global", "tags": TAGS})

    def make(self) -> None:
        """Makes all three."""
        self.make_group()
        self.make_account()
        self.make_zone()

    @property
    def account_id(self) -> str:
        provider = catalogue.ACCOUNT_PROVIDER
        return f"{self.cloud.group_id(self.group)}/providers/{provider}/accounts/{self.account}"

    @property
    def zone_id(self) -> str:
        return f"{self.cloud.group_id(self.group)}/providers/Microsoft.Network/dnsZones/{self.zone}"

    def seen(self) -> list[Mapping[str, Any]]:
        """Account and zone, as they are: with tags and ETags, and the number of records."""
        return [
            self.cloud.client.manage("GET", self.account_id, catalogue.ACCOUNT.api_version),
            self.cloud.client.manage("GET", self.zone_id, catalogue.ZONE.api_version),
        ]

    def _put(self, resource_id: str, api_version: str, body: Mapping[str, Any]) -> None:
        self.cloud.client.manage("PUT", resource_id, api_version, body)


def named(own: Mapping[str, str]) -> dict[str, str]:
    """Settings of the program, with their namespace."""
    return {f"{NAMESPACE}:{key}": value for key, value in own.items()}
