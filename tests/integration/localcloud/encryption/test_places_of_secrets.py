"""An encrypted secret is bound to its place: in another one, or damaged, it is refused."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from localcloud import control
from localcloud.errors import StartError
from localcloud.server import Cloud
from localcloud.settings import Settings
from tests.support.localcloud import secrets_in_clear
from tests.support.localcloud.encrypted_folders import (
    Given,
    refused,
    settings,
    tamper,
)

SWAPS = {
    "the keys of a service": (
        "UPDATE services SET primary_key = secondary_key",
        "services.primary_key of ",
    ),
    "a key of another table": (
        "UPDATE services SET primary_key = (SELECT key1 FROM storage_keys)",
        "services.primary_key of ",
    ),
    "the keys of a storage account": ("UPDATE storage_keys SET key2 = key1", "storage_keys.key2 of "),
    "a key of another row": ("UPDATE services SET id = '7' || substr(id, 2)", "services.private_key of 7"),
    "a secret for the signing key": ("UPDATE tenant SET client_secret = signing_key", "tenant.client_secret"),
    "a change of another operation": (
        "UPDATE operations SET id = '0' WHERE change IS NOT NULL",
        "operations.change of 0",
    ),
    "a secret in clear": ("UPDATE tenant SET client_secret = 'mine'", "tenant.client_secret of 1"),
    "a secret cut": (
        "UPDATE tenant SET client_secret = substr(client_secret, 1, 40)",
        "tenant.client_secret of 1",
    ),
    "a secret of no version": (
        "UPDATE tenant SET client_secret = 'sealed:Ag' || substr(client_secret, 10)",
        "tenant.client_secret of 1",
    ),
}


@pytest.mark.parametrize("swap", SWAPS)
def test_a_secret_in_another_place_is_refused(encrypted: Path, key: Path, swap: str) -> None:
    change, place = SWAPS[swap]
    tamper(encrypted, change)
    told = refused(encrypted, key)
    assert f"The secret in {place}" in told
    assert "cannot be decrypted: it is damaged, in clear, or was written for another place." in told


def test_a_data_key_of_another_folder_is_refused(
    encrypted: Path, given: Given, key: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    with Cloud(replace(Settings(other, tmp_path / "featurizers"), encryption_key_file=key)):
        pass
    tamper(
        encrypted,
        f"ATTACH '{other / 'localcloud.db'}' AS other",
        "UPDATE encryption SET wrapped = (SELECT wrapped FROM other.encryption)",
    )
    told = refused(encrypted, key)
    assert "cannot be decrypted, though --encryption-key-file" in told
    assert "it is damaged, or was taken from another folder" in told


def test_secrets_without_their_data_key_are_not_encrypted_again(encrypted: Path, key: Path) -> None:
    tamper(encrypted, "DELETE FROM encryption")
    with pytest.raises(
        StartError, match="is encrypted, and the key that it was encrypted with is gone from the"
    ):
        Cloud(settings(encrypted, key)).start()


@pytest.mark.parametrize("name", ["ca.key", "server.key"])
@pytest.mark.parametrize("made", ["in clear", "of another file"])
def test_a_key_file_in_clear_or_of_another_name_is_not_taken(
    given: Given, encrypted: Path, key: Path, name: str, made: str
) -> None:
    """The server's key is made anew; without its own key the CA is not."""
    other = {"ca.key": "server.key", "server.key": "ca.key"}[name]
    shutil.copy(given.data / name if made == "in clear" else encrypted / other, encrypted / name)
    if name == "ca.key":
        (encrypted / "server.pem").unlink()
        assert "The secret in file.content of ca.key cannot be decrypted" in refused(encrypted, key)
        return
    with Cloud(settings(encrypted, key)):
        assert control.status(encrypted).running
    assert secrets_in_clear.found_in(encrypted, given.secrets) == []
