"""The settings of the Model Management account, and of the resource group that it is in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from infra.settings import naming
from infra.settings.reader import Reader

LOCATION: Final = "eastus2"
SKUS: Final = ("S1", "S2", "S3")


@dataclass(frozen=True)
class AccountSettings:
    """The Model Management account.

    Attributes:
        location: region of the account and its storage account; `group_location` that of the resource group.
        sku: one of S1, S2, S3; `capacity` 1 to 16.
    """

    resource_group: str
    location: str
    name: str
    sku: str
    capacity: int
    storage_account: str | None
    group_location: str = LOCATION


def read(reader: Reader) -> AccountSettings:
    """The settings; what is wrong with them goes to `reader.problems`."""
    return AccountSettings(
        resource_group=reader.text(
            "resourceGroup", naming.resource_group_problem, about="The resource group of everything"
        ),
        location=_location(reader),
        name=reader.text("account", naming.account_problem, about="The Model Management account's name"),
        sku=_sku(reader),
        capacity=reader.integer(
            "accountCapacity", default=1, low=1, high=16, about="How many FPGAs the account holds"
        ),
        storage_account=reader.optional(
            "storageAccount",
            naming.storage_account_problem,
            about="Name of the storage account for model packages; not set: a derived one",
        ),
        group_location=_normalized_region(
            reader.optional(
                "resourceGroupLocation", about="The resource group's own region", default=LOCATION
            )
            or LOCATION
        ),
    )


def _location(reader: Reader) -> str:
    given = reader.optional(
        "location",
        about=f"The region: FPGA services exist in {LOCATION} only",
        default=LOCATION,
        pattern="[Ee][Aa][Ss][Tt] ?[Uu][Ss] ?2",
    )
    given = given or LOCATION
    location = _normalized_region(given)
    if location != LOCATION:
        reader.refuse(
            "location", f"is '{given}': FPGA services exist in {LOCATION} only; set it to {LOCATION}"
        )
    return location


def _sku(reader: Reader) -> str:
    given = reader.optional(
        "accountSku", about="The account's pricing tier: S1 is enough", default=SKUS[0], choices=SKUS
    )
    given = given or SKUS[0]
    if given == "DevTest":
        reader.refuse(
            "accountSku", "is 'DevTest', which FPGA services do not support: S1 is enough, S2 and S3 work too"
        )
    elif given.upper() not in SKUS:
        reader.refuse("accountSku", f"is '{given}': choose one of {', '.join(SKUS)} (S1 is enough)")
    return given.upper()


def _normalized_region(written: str) -> str:
    """A region's name, which Azure also takes as "East US 2"."""
    return written.replace(" ", "").lower()
