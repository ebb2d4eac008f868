"""Secrets at rest: encrypted with the operator's key, and nowhere in clear, in the folder or a backup."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from localcloud.datafolder import backup, encryption, operator_key, schema, secret_files
from localcloud.datafolder.backup import BackupError
from localcloud.datafolder.store import Store
from localcloud.server import Cloud
from tests.support.localcloud import parts, secrets_in_clear
from tests.support.localcloud.arm_caller import ArmCaller
from tests.support.localcloud.data_plane import endpoint, opens, running
from tests.support.localcloud.encrypted_folders import (
    STORAGE,
    Given,
    make_key,
    quietly,
    refused,
    secrets_of,
    tamper,
)


def test_a_folder_of_before_is_encrypted_whole(given: Given, data: Path, key: Path, tmp_path: Path) -> None:
    secrets = given.secrets | {"operator's key": key.read_text().strip()}
    now = secrets_of(data, None)
    for _ in range(2):
        with running(data, encryption_key_file=key) as plane:
            assert secrets_in_clear.found_in(data, secrets) == []
            found = plane.keys(given.service)
            assert found == tuple(
                now[f"services.{name}_key of {given.service}"] for name in ("primary", "secondary")
            )
            assert opens(endpoint(plane.service(given.service)), given.root, found[0])
            group = f"/subscriptions/{plane.subscription}/resourceGroups/group"
            account = f"{group}/providers/Microsoft.Storage/storageAccounts/kept"
            kept = plane.arm("POST", f"{account}/listKeys").json()["keys"]
            names = [f"storage_keys.{one['keyName']} of {account.lower()}" for one in kept]
            assert [one["value"] for one in kept] == [now[name] for name in names]
            # what is made meanwhile is encrypted, too
            assert plane.call("POST", f"services/{given.service}/regenerateKeys", {}).ok
            primary, secondary = plane.keys(given.service)
            secrets |= {primary: primary, secondary: secondary}
            now |= {f"services.primary_key of {given.service}": primary}
            now |= {f"services.secondary_key of {given.service}": secondary}
            assert secrets_in_clear.found_in(data, secrets) == []
        assert secrets_in_clear.found_in(data, secrets) == []
    assert not os.path.lexists(data / "client-secret")


def test_a_backup_has_no_secret_in_clear_and_needs_the_key(
    given: Given, data: Path, key: Path, tmp_path: Path
) -> None:
    file, restored = tmp_path / "backup.tar", tmp_path / "restored"
    with running(data, encryption_key_file=key) as plane:
        backup.write(data, file, quietly)
        primary, _ = plane.keys(given.service)
    assert secrets_in_clear.found_in(file, given.secrets | {"primary": primary}) == []
    assert backup.restore(file, restored, quietly) == operator_key.read(key, "").id
    assert "are encrypted with the key" in refused(restored, None)
    assert "name the file of that one. Nothing was changed." in refused(
        restored, make_key(tmp_path / "other")
    )
    with running(restored, encryption_key_file=key) as plane:
        assert plane.keys(given.service)[0] == primary
        assert opens(endpoint(plane.service(given.service)), given.root, primary)


def test_a_backup_of_a_folder_that_is_half_encrypted_is_refused(encrypted: Path, tmp_path: Path) -> None:
    tamper(encrypted, "UPDATE encryption SET settled = 0")
    with pytest.raises(BackupError, match="was cut off there: start it with its key, then try again"):
        backup.write(encrypted, tmp_path / "backup.tar", quietly)
    assert not (tmp_path / "backup.tar").exists()


def test_an_older_localcloud_refuses_it_by_its_version(
    encrypted: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "VERSION", 7)  # of before there was encryption
    assert "is of a newer localcloud (version " in refused(encrypted, key)


def test_blob_storage_goes_on(tmp_path: Path, key: Path) -> None:
    wanted = replace(parts.settings(tmp_path / "data"), encryption_key_file=key)
    for _ in range(2):
        with Cloud(wanted) as cloud, closing(ArmCaller(cloud)) as caller:
            client_secret = caller.secret
            group = f"{caller.subscription}/resourceGroups/rg"
            account = f"{group}/providers/Microsoft.Storage/storageAccounts/kept"
            assert caller("PUT", group, {"location": "eastus2"}).status_code in (200, 201)
            assert caller("PUT", account, STORAGE).status_code == 200
            assert caller("PUT", f"{account}/blobServices/default/containers/models", {}).ok
            secret = caller("POST", f"{account}/listKeys").json()["keys"][0]["value"]
    secrets = {"key": secret, "secret": client_secret}
    assert secrets_in_clear.found_in(tmp_path / "data", secrets) == []


def test_files_of_the_database_are_not_touched(encrypted: Path, key: Path) -> None:
    """Who closes one of them loses the locks that SQLite has on it."""
    found = operator_key.find(key)
    with closing(
        Store(encrypted / "localcloud.db", None, lambda db: encryption.vault_of(encrypted, db, found))
    ):
        assert list(encrypted.glob("localcloud.db-*"))
        looked_at = [path.name for path, _ in secret_files._files(encrypted)]
    assert "ca.key" in looked_at
    assert not [name for name in looked_at if name.startswith("localcloud.db")]
