"""The settings of a stack on a localcloud, made from its status."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from clients.azure.settings import AzureSettings
from fpga.cloud import connection
from localcloud.status import Status

STATUS = Status(
    https="https://127.0.0.1:20001",
    ca=Path("ca.pem"),
    tenant="11111111-2222-3333-4444-555555555555",
    subscription="22222222-3333-4444-5555-666666666666",
    client_id="client",
    client_secret_file=Path("client-secret"),
    dns="127.0.0.1:20002",
    blob=None,
)


def test_a_stack_is_told_which_cloud_who_signs_in_and_whom_to_ask() -> None:
    assert connection.settings(STATUS) == {
        "azure-native:metadataHost": "127.0.0.1:20001",
        "azure-native:disableInstanceDiscovery": "true",
        "azure-native:tenantId": STATUS.tenant,
        "azure-native:subscriptionId": STATUS.subscription,
        "azure-native:clientId": "client",
        "fpga-web-service:nameServers": "127.0.0.1:20002",
    }


def test_a_client_signs_in_as_the_stack_does(tmp_path: Path) -> None:
    secret = tmp_path / "client-secret"
    secret.write_text("hush\n")
    found = connection.azure_settings(replace(STATUS, client_secret_file=secret))
    assert found == AzureSettings(
        "127.0.0.1:20001", str(STATUS.tenant), str(STATUS.subscription), "client", "hush", True
    )


@pytest.mark.parametrize("unknown", ["https", "dns", "tenant", "subscription", "client_id"])
def test_one_that_never_started_has_none(unknown: str) -> None:
    never_started = Status.from_json(STATUS.to_json() | {unknown: None})
    with pytest.raises(connection.NeverStarted, match="has never started"):
        connection.settings(never_started)
