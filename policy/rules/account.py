"""The Model Management account: where it is, and its pricing tier."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policy.rules.rule import UNKNOWN, Context, Resource, ResourceRule
from policy.rules.tokens import ACCOUNT_PROVIDER, GENERIC_RESOURCE, RESOURCE_GROUP, STORAGE_ACCOUNT

LOCATION: Final = "eastus2"


def _is_elsewhere(resource: Resource, _: Context) -> Iterator[str]:
    """A location that is not known yet is left to the update, which asks again before it acts."""
    location = resource.props.get("location")
    if location is UNKNOWN:
        return
    if location is None:
        yield f"it names no location. Set its location to {LOCATION}: FPGA services exist there only."
    elif str(location).replace(" ", "").lower() != LOCATION:
        yield (
            f"its location is '{location}'; FPGA services exist in {LOCATION} only. "
            f"Set fpga-web-service:location to {LOCATION}."
        )


def _is_devtest(resource: Resource, _: Context) -> Iterator[str]:
    """A tier that is not known yet is left to the update, which asks again before it acts."""
    provider, sku = resource.props.get("resourceProviderNamespace"), resource.props.get("sku")
    if provider is not UNKNOWN and str(provider).lower() != ACCOUNT_PROVIDER.lower():
        return
    tier = UNKNOWN if sku is UNKNOWN else (sku or {}).get("name")
    if tier is UNKNOWN:
        return
    if not tier:
        yield "it names no pricing tier. Set fpga-web-service:accountSku to S1, S2 or S3; S1 is enough."
    elif str(tier).lower() == "devtest":
        yield (
            "its pricing tier is DevTest, which FPGA services do not support. "
            "Set fpga-web-service:accountSku to S1, S2 or S3; S1 is enough."
        )


EASTUS2_ONLY: Final = ResourceRule(
    name="eastus2-only",
    description="The account, its resource group and the storage of its models are in eastus2.",
    types=frozenset({RESOURCE_GROUP, GENERIC_RESOURCE, STORAGE_ACCOUNT}),
    check=_is_elsewhere,
)
NO_DEVTEST: Final = ResourceRule(
    name="no-devtest",
    description="The account has a pricing tier that can hold FPGA services.",
    types=frozenset({GENERIC_RESOURCE}),
    check=_is_devtest,
)
