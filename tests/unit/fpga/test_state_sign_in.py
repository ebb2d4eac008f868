"""What signs in to a state in blob storage, before anybody is asked for a key."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from fpga.stacks.state_account import sign_in

URL = "azblob://pulumi-state?storage_account=contosofpga"
OURS = {"AZURE_STORAGE_ACCOUNT": "contosofpga"}


def unread() -> Mapping[str, str]:
    raise AssertionError("the stack's settings are not needed")


def test_a_folder_needs_nothing() -> None:
    assert sign_in("file:///state", unread, {"AZURE_STORAGE_KEY": "a2V5"}, ca_file=None) == {}


@pytest.mark.parametrize(
    "given",
    [
        {"AZURE_STORAGE_KEY": "a2V5"},
        {"AZURE_STORAGE_KEY": "a2V5", "AZURE_STORAGE_DOMAIN": "127.0.0.1:1", **OURS},
        {"AZURE_STORAGE_SAS_TOKEN": "sv=2024"},
        {"AZURE_STORAGE_CONNECTION_STRING": "AccountName=contosofpga"},
    ],
)
def test_what_the_caller_gives_goes_before_all_else(given: dict[str, str]) -> None:
    environ = {**given, "ARM_CLIENT_SECRET": "hidden", "PATH": "/bin"}
    assert sign_in(URL, unread, environ, ca_file=None) == given | OURS


def test_without_a_secret_the_cli_signs_in_by_itself() -> None:
    environ = {"ARM_USE_OIDC": "true", "ARM_CLIENT_ID": "me"}
    assert sign_in(URL, dict, environ, ca_file=None) == OURS


def test_a_key_of_another_account_is_not_passed_on() -> None:
    other = {"AZURE_STORAGE_ACCOUNT": "contosofpgaprod", "AZURE_STORAGE_KEY": "a2V5"}
    assert sign_in(URL, dict, other, ca_file=None) == OURS
