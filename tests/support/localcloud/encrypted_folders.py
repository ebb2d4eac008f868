"""Data folders with every kind of secret, in clear and encrypted with an operator's key."""

from __future__ import annotations

import base64
import json
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from localcloud import rotation
from localcloud.certificate import acme_state
from localcloud.certificate.acme_state import Account, State, Tries
from localcloud.datafolder import encryption, operator_key
from localcloud.datafolder.store import Store
from localcloud.errors import StartError
from localcloud.modelmanagement import operations
from localcloud.server import Cloud
from localcloud.settings import Settings
from tests.support.certificates.authority import Authority
from tests.support.localcloud import data_folders, data_plane, parts, scoring_parts, secrets_in_clear
from tests.support.localcloud.data_plane import PackageHost, on, running

STORAGE = {"location": "eastus2", "sku": {"name": "Standard_LRS"}, "kind": "StorageV2"}


def quietly(_text: str) -> None:
    """Told of progress."""


def make_key(file: Path) -> Path:
    file.write_text(base64.b64encode(os.urandom(32)).decode() + "\n")
    file.chmod(0o600)
    return file


class Given(NamedTuple):
    """A folder in clear, with every kind of secret: in force, under way, replaced, and left by a kill.

    Attributes:
        secrets: all that it has or had, by their names.
    """

    data: Path
    secrets: dict[str, str]
    service: str
    root: bytes


def make_given(data: Path) -> Given:
    """Makes such a folder."""
    authority = Authority()
    whole = parts.settings(data)
    secrets = {}
    with PackageHost().running() as host, running(data, node=whole.node, azurite=whole.azurite) as plane:
        plane.make_account()
        group = f"/subscriptions/{plane.subscription}/resourceGroups/group"
        plane.arm("PUT", f"{group}/providers/Microsoft.Storage/storageAccounts/kept", STORAGE)
        model = plane.register(host.put("/c/real.zip", scoring_parts.package()))
        service = plane.deploy(model, "secured", **on(authority))["id"]
        for number in range(3):  # what is replaced is left in the database's free space
            secrets[f"key of before {number}"] = plane.keys(service)[0]
            assert plane.call("POST", f"services/{service}/regenerateKeys", {}).ok
    secrets["secret of before"] = (data / "client-secret").read_text()
    rotation.sign_in(data, at_once=True)
    change = {"model_id": model, "private_key": on(authority)["sslKey"]}
    with closing(Store(data / "localcloud.db")) as store, store.write() as db:
        waiting = operations.accept(db, "no-account", "no-service", "Update", json.dumps(change))
    secrets |= secrets_in_clear.of_folder(data)
    account = Account(Path(data / "ca.key").read_text(), contact="operator@contoso.test")
    acme_state.write(
        data, State({"https://authority.test/dir": account}, tries=Tries(("names",), 1, "trouble"))
    )
    aside = data / "aside" / "2026-11-01"
    aside.mkdir(parents=True)
    shutil.copy(data / "ca.key", aside / "ca.key.2")
    shutil.copy(data / "ca.key", data / ".ca.key.4711")
    (aside / "client-secret").write_text("of-another-folder-that-was-here-once")
    secrets |= secrets_in_clear.of_folder(data)
    assert len(secrets) > 15
    assert any(waiting.id in name for name in secrets)
    for name, secret in secrets.items():
        assert "of before" in name or secrets_in_clear.found_in(data, {name: secret}), name
    return Given(data, secrets, service, authority.root)


def enter(data: Path, key: Path) -> None:
    """Has a folder be encrypted, as a start does."""
    found = operator_key.find(key)
    with closing(
        Store(data / "localcloud.db", None, lambda db: encryption.vault_of(data, db, found))
    ) as store:
        encryption.keep(store, data, found)


def secrets_of(data: Path, key: Path | None) -> dict[str, str]:
    """The secrets of the database, opened, by their places."""
    found = operator_key.find(key)
    with (
        closing(
            Store(data / "localcloud.db", None, lambda db: encryption.vault_of(data, db, found))
        ) as store,
        store.read() as db,
    ):
        return {
            str(place): store.vault.unseal(place, written)
            for column, row, written in encryption._written(db)
            for place in [column.place(row)]
        }


def settings(data: Path, key: Path | None) -> Settings:
    return replace(data_plane.settings(data), encryption_key_file=key)


def refused(data: Path, key: Path | None) -> str:
    """The words with which a start is refused, in which all is as before."""
    before = data_folders.content(data)
    with pytest.raises(StartError) as caught:
        Cloud(settings(data, key)).start()
    assert data_folders.content(data) == before
    return str(caught.value)


def tamper(data: Path, *changes: str) -> None:
    with closing(sqlite3.connect(data / "localcloud.db")) as db:
        for change in changes:
            db.execute(change)
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
