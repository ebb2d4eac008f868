"""The azure-native provider of the management server, beside the default one of the other cloud."""

from __future__ import annotations

import os
from typing import Any, Final

import pulumi
import pulumi_azure_native as azure_native

from clients.azure.settings import VARIABLES, AzureSettings
from infra import catalogue

_SECRET: Final = ("oidc_token", "oidc_request_token")


def declare(server: AzureSettings, opts: pulumi.ResourceOptions) -> azure_native.Provider:
    """The provider that signs in to a management server.

    What it is given goes before the variables of the other cloud (ARM_CLIENT_ID and its like).
    """
    return azure_native.Provider(
        catalogue.MANAGEMENT_PROVIDER,
        metadata_host=server.metadata_host,
        tenant_id=server.tenant_id,
        subscription_id=server.subscription_id,
        client_id=server.client_id,
        disable_instance_discovery=server.disable_instance_discovery,
        opts=opts,
        **_proof(server),
    )


def _proof(server: AzureSettings) -> dict[str, Any]:
    """The arguments that say by what it signs in."""
    federation = server.federation
    if federation is None:
        return {"client_secret": pulumi.Output.secret(server.client_secret), "use_oidc": False}
    given = {
        "oidc_token": federation.token,
        "oidc_token_file_path": federation.token_file,
        "oidc_request_url": federation.request_url,
        "oidc_request_token": federation.request_token,
    }
    # what a job has in its variables the plugin finds there, too: it differs from run to run
    in_variables = {os.environ.get(VARIABLES[key], "").strip() for key in VARIABLES if key.startswith("oidc")}
    told = {key: value for key, value in given.items() if value and value not in in_variables}
    secret = {key: pulumi.Output.secret(value) for key, value in told.items() if key in _SECRET}
    return {"use_oidc": True, **told, **secret}
