"""What an azblob URL names: as the CLI itself reads it."""

from __future__ import annotations

import pytest

from fpga.errors import CommandError
from fpga.stacks.state_container import StateContainer

PLAIN = "azblob://pulumi-state?storage_account=contosofpga"


@pytest.mark.parametrize(
    ("url", "environ", "endpoint"),
    [
        (PLAIN, {}, "https://contosofpga.blob.core.windows.net"),
        (
            f"{PLAIN}&domain=blob.core.usgovcloudapi.net",
            {},
            "https://contosofpga.blob.core.usgovcloudapi.net",
        ),
        (PLAIN, {"AZURE_STORAGE_DOMAIN": "127.0.0.1:20001"}, "https://127.0.0.1:20001/contosofpga"),
        (f"{PLAIN}&domain=localhost:1&protocol=http", {}, "http://localhost:1/contosofpga"),
        (f"{PLAIN}&domain=azurite:1&localemu=true", {}, "https://azurite:1/contosofpga"),
        ("azblob://pulumi-state", {"AZURE_STORAGE_ACCOUNT": "other"}, "https://other.blob.core.windows.net"),
        (PLAIN, {"AZURE_STORAGE_ACCOUNT": "other"}, "https://contosofpga.blob.core.windows.net"),
    ],
)
def test_the_endpoint_is_the_one_that_the_cli_calls(url: str, environ: dict[str, str], endpoint: str) -> None:
    container = StateContainer.parse(url, environ)
    assert container is not None
    assert container.name == "pulumi-state"
    assert container.endpoint(environ) == endpoint


def test_a_path_is_what_the_names_of_blobs_start_with() -> None:
    container = StateContainer.parse("azblob://pulumi-state/team/a?storage_account=contosofpga", {})
    assert container is not None
    assert (container.name, container.prefix) == ("pulumi-state", "team/a/")


def test_a_folder_is_no_container() -> None:
    assert StateContainer.parse("file:///state", {}) is None


def test_a_url_without_an_account_is_refused_with_the_remedy() -> None:
    with pytest.raises(CommandError) as refused:
        StateContainer.parse("azblob://pulumi-state", {})
    assert str(refused.value) == (
        "azblob://pulumi-state names no storage account: write azblob://pulumi-state?storage_account=NAME"
    )
