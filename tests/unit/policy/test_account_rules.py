"""Where the account is, and its pricing tier."""

from __future__ import annotations

from typing import Any

import pytest

from policy.rules.account import EASTUS2_ONLY, NO_DEVTEST
from policy.rules.rule import UNKNOWN
from policy.rules.tokens import GENERIC_RESOURCE
from tests.support.policy_resources import messages, resource

NAMESPACE = "Microsoft.MachineLearningModelManagement"


@pytest.mark.parametrize("token", sorted(EASTUS2_ONLY.types))
@pytest.mark.parametrize("location", ["eastus2", "East US 2", "EASTUS2", UNKNOWN])
def test_eastus2_is_taken_however_it_is_written(token: str, location: object) -> None:
    assert messages(EASTUS2_ONLY, resource(token, {"location": location})) == []


@pytest.mark.parametrize("token", sorted(EASTUS2_ONLY.types))
def test_another_location_is_refused(token: str) -> None:
    assert messages(EASTUS2_ONLY, resource(token, {"location": "eastus"})) == [
        "its location is 'eastus'; FPGA services exist in eastus2 only. "
        "Set fpga-web-service:location to eastus2."
    ]


def test_no_location_is_refused() -> None:
    (message,) = messages(EASTUS2_ONLY, resource(GENERIC_RESOURCE))
    assert message.startswith("it names no location. Set its location to eastus2")


@pytest.mark.parametrize(
    "props",
    [
        {"resourceProviderNamespace": NAMESPACE, "sku": {"name": "S1", "capacity": 1}},
        {"resourceProviderNamespace": NAMESPACE, "sku": {"name": UNKNOWN}},
        {"resourceProviderNamespace": NAMESPACE, "sku": UNKNOWN},
        {"resourceProviderNamespace": "Microsoft.Other", "sku": {"name": "DevTest"}},
    ],
)
def test_a_tier_that_fits_or_is_not_known_passes(props: dict[str, Any]) -> None:
    assert messages(NO_DEVTEST, resource(GENERIC_RESOURCE, props)) == []


@pytest.mark.parametrize("sku", [{}, {"sku": {}}, {"sku": {"capacity": 1}}])
def test_no_tier_is_refused(sku: dict[str, Any]) -> None:
    (message,) = messages(
        NO_DEVTEST, resource(GENERIC_RESOURCE, {"resourceProviderNamespace": NAMESPACE} | sku)
    )
    assert message.startswith("it names no pricing tier. Set fpga-web-service:accountSku")


@pytest.mark.parametrize("namespace", [NAMESPACE, NAMESPACE.lower(), UNKNOWN])
@pytest.mark.parametrize("tier", ["DevTest", "devtest"])
def test_devtest_is_refused(namespace: object, tier: str) -> None:
    about = resource(GENERIC_RESOURCE, {"resourceProviderNamespace": namespace, "sku": {"name": tier}})
    (message,) = messages(NO_DEVTEST, about)
    assert message.startswith("its pricing tier is DevTest, which FPGA services do not support.")
    assert "Set fpga-web-service:accountSku to S1, S2 or S3" in message
