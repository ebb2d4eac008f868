"""The settings of the Model Management account, and of the resource group that it is in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from infra.settings import naming
from infra.settings.kinds import integer, switch, text
from infra.settings.table import Kind, Setting, Unfit, When
from infra.settings.tags import TAGS

LOCATION: Final = "eastus2"
MAX_CAPACITY: Final = 16
SKUS: Final = ("S1", "S2", "S3")
_OURS: Final = When("accountExists", ("false",))


def _region(written: str) -> str:
    """A region's name, which Azure also takes as "East US 2"."""
    return written.replace(" ", "").lower()


def _location(written: str) -> str:
    if _region(written) != LOCATION:
        raise Unfit(f"is '{written}': FPGA services exist in {LOCATION} only; set it to {LOCATION}")
    return LOCATION


def _sku(written: str) -> str:
    if written == "DevTest":
        raise Unfit("is 'DevTest', which FPGA services do not support: S1 is enough, S2 and S3 work too")
    if written.upper() not in SKUS:
        raise Unfit(f"is '{written}': choose one of {', '.join(SKUS)} (S1 is enough)")
    return written.upper()


@dataclass(frozen=True, kw_only=True)
class AccountSettings:
    """The Model Management account.

    Attributes:
        group_exists: the group is others': it is neither changed nor deleted; `exists`: likewise the account.
        own_group: the account's group, where the account is there already; None: `resource_group`.
        location: region of the account and its storage account; `group_location` that of the resource group.
        sku: one of S1, S2, S3; `capacity` 1 to 16.
        tags: of every resource of the stack that takes them; None: it has none of the program's.
    """

    resource_group: Annotated[
        str,
        Setting("resourceGroup", text(naming.resource_group_problem), "The resource group of everything"),
    ]
    group_exists: Annotated[
        bool,
        Setting(
            "resourceGroupExists",
            switch(),
            "The resource group is there already, and others': it is neither changed nor deleted",
        ),
    ] = False
    name: Annotated[
        str, Setting("account", text(naming.account_problem), "The Model Management account's name")
    ]
    exists: Annotated[
        bool,
        Setting(
            "accountExists",
            switch(),
            "The account is there already, and others': it is neither changed nor deleted",
        ),
    ] = False
    own_group: Annotated[
        str | None,
        Setting(
            "accountResourceGroup",
            text(naming.resource_group_problem),
            "The resource group that the account is in; not set: resourceGroup",
            when=When("accountExists", ("true",)),
        ),
    ] = None
    location: Annotated[
        str,
        Setting(
            "location",
            Kind(_location, {"type": "string", "pattern": "^([Ee][Aa][Ss][Tt] ?[Uu][Ss] ?2)$"}),
            f"The region: FPGA services exist in {LOCATION} only",
        ),
    ] = LOCATION
    sku: Annotated[
        str,
        Setting(
            "accountSku",
            Kind(_sku, {"type": "string", "enum": list(SKUS)}),
            "The account's pricing tier: S1 is enough",
            when=_OURS,
        ),
    ] = SKUS[0]
    capacity: Annotated[
        int,
        Setting("accountCapacity", integer(1, MAX_CAPACITY), "How many FPGAs the account holds", when=_OURS),
    ] = 1
    storage_account: Annotated[
        str | None,
        Setting(
            "storageAccount",
            text(naming.storage_account_problem),
            "Name of the storage account for model packages; not set: a derived one",
        ),
    ] = None
    tags: Annotated[
        Mapping[str, str] | None, Setting("tags", TAGS, "Tags of every resource that takes them")
    ] = None
    group_location: Annotated[
        str,
        Setting(
            "resourceGroupLocation",
            Kind(_region, {"type": "string"}),
            "The resource group's own region",
            when=When("resourceGroupExists", ("false",)),
        ),
    ] = LOCATION

    @property
    def account_group(self) -> str:
        """The name of the account's group."""
        return self.own_group or self.resource_group
