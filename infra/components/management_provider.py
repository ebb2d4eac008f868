"""The azure-native provider of the management server, beside the default one of the other cloud."""

from __future__ import annotations

import os
import re
from typing import Any

import pulumi
import pulumi_azure_native as azure_native

from clients.azure.settings import AzureSettings
from infra.settings import management


def declare(name: str, server: AzureSettings, opts: pulumi.ResourceOptions) -> azure_native.Provider:
    """The provider that signs in to a management server."""
    inputs: dict[str, Any] = {
        _argument(name): pulumi.Output.secret(value) if name in management.SECRET_INPUTS else value
        for name, value in management.provider_inputs(server, os.environ).items()
    }
    mapped = pulumi.ResourceOptions(
        env_var_mappings=management.provider_variables(server, os.environ) or None
    )
    opts = pulumi.ResourceOptions.merge(opts, mapped)
    return azure_native.Provider(name, opts=opts, **inputs)


def _argument(name: str) -> str:
    """The Python SDK's name of an input."""
    return re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name)
