"""Resources of Azure as the program declares them."""

from __future__ import annotations

from engine.azure_native.values import Properties


def account(group: str = "rg", description: str = "ours") -> Properties:
    """A Model Management account, declared as a generic resource."""
    return {
        "resourceGroupName": group,
        "resourceProviderNamespace": "Microsoft.MachineLearningModelManagement",
        "parentResourcePath": "",
        "resourceType": "accounts",
        "resourceName": "models",
        "apiVersion": "2017-09-01-preview",
        "location": "eastus2",
        "sku": {"name": "S1", "capacity": 1},
        "properties": {"description": description},
    }
