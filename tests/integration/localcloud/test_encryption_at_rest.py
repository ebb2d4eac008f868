"""Secrets at rest: encrypted with the operator's key, bound to their places, and nowhere in clear."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from localcloud import control, rotation
from localcloud.access import administration
from localcloud.access.roles import WORDS
from localcloud.certificate import acme_state
from localcloud.certificate.acme_state import Account, State, Tries
from localcloud.datafolder import backup, encryption, operator_key, schema, secret_files
from localcloud.datafolder.backup import BackupError
from localcloud.datafolder.store import Store
from localcloud.errors import StartError
from localcloud.identity import secret_file
from localcloud.modelmanagement import operations
from localcloud.server import Cloud
from localcloud.settings import Settings
from tests.support.certificates.authority import Authority
from tests.support.localcloud import data_folders, data_plane, parts, scoring_parts, secrets_in_clear
from tests.support.localcloud.arm_caller import ArmCaller
from tests.support.localcloud.data_plane import PackageHost, endpoint, on, opens, running

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


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Given:
    data = tmp_path_factory.mktemp("given") / "data"
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


@pytest.fixture
def data(given: Given, tmp_path: Path) -> Path:
    """A copy of the folder in clear."""
    shutil.copytree(given.data, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return make_key(tmp_path / "key")


@pytest.fixture
def encrypted(data: Path, key: Path) -> Path:
    """A copy of the folder, encrypted."""
    enter(data, key)
    return data


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


_KILLED = """
import os, pathlib, signal, sys
from localcloud import rotation
from localcloud.datafolder import encryption, operator_key, secret_files
from localcloud.datafolder.store import Store

data, what, left = pathlib.Path(sys.argv[1]), sys.argv[3], [int(sys.argv[4])]
key = operator_key.read(pathlib.Path(sys.argv[2]), "")

def dies_around(owner, name):
    real = getattr(owner, name)
    def step(*arguments, **named):
        for do in (None, real):
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1
            done = do and do(*arguments, **named)
        return done
    setattr(owner, name, step)

for owner, name in (
    (encryption, "_write"), (pathlib.Path, "replace"), (pathlib.Path, "unlink"), (os, "pwrite"),
    (Store, "_counted"), (Store, "_committed"), (Store, "rewrite"), (Store, "checkpoint"),
):
    dies_around(owner, name)
if what == "leave":
    rotation.decrypt(data, pathlib.Path(sys.argv[2]))
elif what == "rewrap":
    rotation.encryption_key(data, pathlib.Path(sys.argv[5]), pathlib.Path(sys.argv[2]))
else:
    store = Store(data / "localcloud.db", None, lambda db: encryption.vault_of(data, db, key))
    encryption.keep(store, data, key)
"""


def killed(data: Path, key: Path, what: str, step: int, new: Path | None = None) -> bool:
    """Runs a way in, out, or to a new key, that is killed at a step: False where it has none such."""
    command = [sys.executable, "-c", _KILLED, str(data), str(key), what, str(step), str(new)]
    code = subprocess.run(command, check=False, timeout=60).returncode
    assert code in (0, -signal.SIGKILL)
    return code != 0


def test_another_key_that_is_killed_at_any_step_is_the_one_or_the_other(
    given: Given, tmp_path: Path, key: Path
) -> None:
    begin, new = tmp_path / "begin", make_key(tmp_path / "new")
    shutil.copytree(given.data, begin)
    enter(begin, key)
    secrets = secrets_of(begin, key)
    ids = {operator_key.read(file, "").id: file for file in (key, new)}
    seen, step = [], 0
    while True:
        data = tmp_path / f"killed-{step}"
        shutil.copytree(begin, data)
        was_killed = killed(data, key, "rewrap", step, new)
        found = encryption.key_id(data)
        assert found in ids
        seen.append(found)
        assert secrets_of(data, ids[found]) == secrets
        (other,) = set(ids.values()) - {ids[found]}
        assert "name the file of that one. Nothing was changed." in refused(data, other)
        assert rotation.encryption_key(data, new, key) == operator_key.read(new, "").id  # again
        assert secrets_of(data, new) == secrets
        assert secrets_in_clear.found_in(data, given.secrets) == []
        shutil.rmtree(data)
        if not was_killed:
            break
        step += 1
    assert list(dict.fromkeys(seen)) == list(ids), "first the one, then the other"


@pytest.mark.parametrize("what", ["enter", "leave"])
def test_a_way_that_is_killed_at_any_step_loses_nothing(
    given: Given, tmp_path: Path, key: Path, what: str
) -> None:
    """Behind each kill it is all there: in clear, or for who has the key. The next start ends the way in."""
    begin = tmp_path / "begin"
    shutil.copytree(given.data, begin)
    secrets = secrets_of(begin, None)
    ca = (begin / "ca.key").read_bytes()
    if what == "leave":
        enter(begin, key)
    seen, step = set(), 0
    while True:
        data = tmp_path / f"killed-{step}"
        shutil.copytree(begin, data)
        was_killed = killed(data, key, what, step)
        is_encrypted = encryption.key_id(data) is not None
        seen.add(is_encrypted)
        if is_encrypted:
            assert "none is given" in refused(data, None)
        else:
            assert secrets_of(data, None) == secrets
            assert (data / "ca.key").read_bytes() == ca
        enter(data, key)
        assert secrets_of(data, key) == secrets
        assert secrets_in_clear.found_in(data, given.secrets) == []
        rotation.decrypt(data, key)
        assert secrets_of(data, None) == secrets
        assert (data / "ca.key").read_bytes() == ca
        shutil.rmtree(data)
        if not was_killed:
            break
        step += 1
    assert step > 20
    assert seen == {True, False}


def written(content: bytes, mode: int = 0o600) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_bytes(content)
        path.chmod(mode)

    return make


GOOD = base64.b64encode(bytes(range(32)))
BAD_KEYS: dict[str, tuple[Callable[[Path], None], str]] = {
    "missing": (lambda path: path.unlink(missing_ok=True), "cannot be read (No such file or directory)"),
    "folder": (Path.mkdir, "cannot be read (Is a directory)"),
    "pipe": (lambda path: os.mkfifo(path, 0o600), "is no file: name the file of the key."),
    "empty": (
        written(b""),
        "holds no key of 32 random bytes, in base64 or as they are, but something of 0 b",
    ),
    "truncated": (written(GOOD[:-5]), "holds no key of 32 random bytes"),
    "truncated bytes": (written(os.urandom(31)), "holds no key of 32 random bytes"),
    "a passphrase": (
        written(b"correct horse battery staple 123"),
        "A passphrase is none: `(umask 077; openssl",
    ),
    "a private key": (written(b"-----BEGIN PRIVATE KEY-----\n" * 9), "holds no key of 32 random bytes"),
    "zeros": (written(bytes(32)), "holds a key that is not random"),
    "readable": (written(GOOD, 0o640), "may be read or written by others (mode 0640): `chmod 600 "),
    "another": (written(GOOD), "name the file of that one. Nothing was changed."),
    "another in hexadecimal": (written(bytes(range(32)).hex().encode()), "name the file of that one."),
    "another as bytes": (written(os.urandom(32)), "name the file of that one."),
}


@pytest.mark.parametrize("case", BAD_KEYS)
def test_what_is_not_the_key_is_refused(encrypted: Path, tmp_path: Path, case: str) -> None:
    make, words = BAD_KEYS[case]
    other = tmp_path / "other"
    make(other)
    told = refused(encrypted, other)
    assert told.startswith(f"--encryption-key-file {other} ")
    assert words in told
    content = other.read_bytes() if other.is_file() else b""
    assert not content or content.decode("latin-1") not in told


_READ = """
import pathlib, sys
from localcloud.datafolder import operator_key
from localcloud.errors import StartError
try:
    print(operator_key.read(pathlib.Path(sys.argv[1]), "KEY").id)
except StartError as error:
    print(error)
"""


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None,
    reason="only root may run a process as somebody else",
)
@pytest.mark.parametrize(("owner", "is_taken"), [(65534, True), (0, True), (12345, False)])
def test_a_key_of_another_user_is_refused(key: Path, owner: int, is_taken: bool) -> None:
    """As nobody, with the right to read what its mode keeps from others."""
    os.chown(key, owner, owner)
    right = "-all,+dac_read_search"
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    command += [f"--inh-caps={right}", f"--ambient-caps={right}", f"--bounding-set={right}"]
    said = subprocess.run(
        [*command, sys.executable, "-c", _READ, key], capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()
    assert said == (
        operator_key.read(key, "").id
        if is_taken
        else "KEY belongs to another user, who may read and change it: have it belong to the user who runs "
        "localcloud, or to root."
    )


def test_without_the_key_it_is_refused_by_the_name_of_the_setting(encrypted: Path, key: Path) -> None:
    assert refused(encrypted, None) == (
        f"The secrets of {encrypted} are encrypted with the key {operator_key.read(key, '').id}, and none is "
        "given: name its file with --encryption-key-file (encryptionKeyFile); `fpga cloud up "
        "--encryption-key-file FILE` starts it. Nothing was changed."
    )


def test_a_key_in_the_data_folder_is_refused(data: Path, encrypted: Path, key: Path) -> None:
    inside = make_key(data / "aside" / "key")
    words = (
        "key lies in the data folder, and would be taken together with what is encrypted: keep it elsewhere."
    )
    assert words in refused(data, inside)
    assert words in refused(data, data / ".." / data.name / "aside" / "key")
    with pytest.raises(StartError, match=r"keep it elsewhere\. Nothing was changed"):
        rotation.encryption_key(encrypted, inside, key)


def test_an_older_localcloud_refuses_it_by_its_version(
    encrypted: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "VERSION", 7)  # of before there was encryption
    assert "is of a newer localcloud (version " in refused(encrypted, key)


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


def tamper(data: Path, *changes: str) -> None:
    with closing(sqlite3.connect(data / "localcloud.db")) as db:
        for change in changes:
            db.execute(change)
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


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


def test_rotations_and_principals_go_on(given: Given, data: Path, key: Path, tmp_path: Path) -> None:
    secrets = dict(given.secrets)
    control.start(settings(data, key))
    try:
        for at_once in (False, True):
            rotation.sign_in(data, at_once=at_once)
            secrets[f"secret {at_once}"] = (data / "client-secret").read_text()
            assert control.status(data).running  # signed in by it
            rotation.ca(data, at_once=at_once)
            assert control.status(data).running
        administration.add(data, "reader", [WORDS["reader"]], None, quietly)
        assert [one.principal.name for one in administration.listing(data)] == ["owner", "reader"]
        assert secrets_in_clear.found_in(data, secrets) == []
    finally:
        control.stop(data)
    with pytest.raises(StartError, match="and none is given: name its file with --encryption-key-file"):
        rotation.sign_in(data, at_once=True)
    with pytest.raises(StartError, match="and none is given"):
        rotation.ca(data, at_once=True)
    administration.remove(data, "reader")
    rotation.sign_in(data, at_once=True, key_file=key)
    rotation.ca(data, at_once=True, key_file=key)
    assert secrets_in_clear.found_in(data, secrets) == []
    with Cloud(settings(data, key)) as cloud, closing(ArmCaller(cloud)) as caller:
        assert caller.sign_in().ok
        assert caller.secret not in secrets.values()


@pytest.mark.parametrize("runs", [False, True])
def test_another_key_takes_the_place_of_one_at_once(
    given: Given, encrypted: Path, key: Path, tmp_path: Path, runs: bool
) -> None:
    other = make_key(tmp_path / "other")
    if runs:
        control.start(settings(encrypted, key))
    try:
        for _ in range(2):  # once it has there is nothing to do
            made = rotation.encryption_key(encrypted, other, None if runs else key)
            assert made == operator_key.read(other, "").id
        if runs:
            assert control.status(encrypted).running
            rotation.sign_in(encrypted, at_once=True, key_file=other)
            assert control.status(encrypted).running
    finally:
        control.stop(encrypted)
    assert "name the file of that one" in refused(encrypted, key)
    with running(encrypted, encryption_key_file=other) as plane:
        assert opens(endpoint(plane.service(given.service)), given.root, plane.keys(given.service)[0])


def test_a_key_is_not_rotated_by_who_has_another(
    encrypted: Path, data: Path, key: Path, tmp_path: Path
) -> None:
    other, third = make_key(tmp_path / "other"), make_key(tmp_path / "third")
    before = data_folders.content(encrypted)
    for given_key, words in (
        (other, "name the file of that one. Nothing was changed"),
        (None, "and none is given"),
    ):
        with pytest.raises(StartError, match=words):
            rotation.encryption_key(encrypted, third, given_key)
    third.chmod(0o604)
    with pytest.raises(StartError, match=r"^--new .*third may be read or written by others"):
        rotation.encryption_key(encrypted, third, key)
    assert data_folders.content(encrypted) == before


def test_a_folder_in_clear_has_no_key_to_rotate(data: Path, tmp_path: Path) -> None:
    with pytest.raises(
        StartError, match="are not encrypted: start it with --encryption-key-file, and they are"
    ):
        rotation.encryption_key(data, make_key(tmp_path / "other"), None)


def test_it_is_in_clear_again_by_a_command_alone(given: Given, data: Path, key: Path) -> None:
    control.start(settings(data, key))
    try:
        with pytest.raises(StartError, match=r"runs, and needs the key. Nothing was changed: stop it with"):
            rotation.decrypt(data, key)
        assert control.status(data).running
        assert secrets_in_clear.found_in(data, given.secrets) == []
        secret = (data / "client-secret").read_text()
    finally:
        control.stop(data)
    with pytest.raises(StartError, match="and none is given"):
        rotation.decrypt(data, None)
    for _ in range(2):  # once it is there is nothing to do
        rotation.decrypt(data, key)
    with running(data) as plane:
        assert (data / "client-secret").read_text() == secret
        assert not (data / "client-secret").is_symlink()
        assert opens(endpoint(plane.service(given.service)), given.root, plane.keys(given.service)[0])


def test_a_backup_of_a_folder_that_is_half_encrypted_is_refused(encrypted: Path, tmp_path: Path) -> None:
    tamper(encrypted, "UPDATE encryption SET settled = 0")
    with pytest.raises(BackupError, match="was cut off there: start it with its key, then try again"):
        backup.write(encrypted, tmp_path / "backup.tar", quietly)
    assert not (tmp_path / "backup.tar").exists()


def test_the_credential_of_systemd_is_the_key(
    given: Given, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials_folder = tmp_path / "credentials"
    credentials_folder.mkdir(mode=0o700)
    make_key(credentials_folder / "encryption-key").chmod(0o440)  # an ACL shows as the group's right
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials_folder))
    with running(data) as plane:
        assert opens(endpoint(plane.service(given.service)), given.root, plane.keys(given.service)[0])
    assert secrets_in_clear.found_in(data, given.secrets) == []
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    assert "none is given" in refused(data, None)


def test_what_runs_shows_no_key(given: Given, data: Path, key: Path) -> None:
    status = control.start(settings(data, key))
    try:
        process = Path(f"/proc/{status.pid}")
        shown = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        secrets = given.secrets | {"operator's key": key.read_text().strip()}
        written = {one for secret in secrets.values() for one in secrets_in_clear.forms(secret)}
        assert not [one for one in written if one in shown]
        limits = (process / "limits").read_text()
        assert re.search(r"Max core file size +1 ", limits), "no core, and none that is piped"
        # and what is killed leaves a folder that starts, also when memory is gone
        link = data / "client-secret"
        assert link.stat().st_mode & 0o777 == 0o600
        assert link.readlink().parent.stat().st_mode & 0o777 == 0o700
        os.kill(status.pid or 0, signal.SIGKILL)
        assert not control.stop(data) or True
        shutil.rmtree(link.readlink().parent)
        assert control.status(data).running is False
        assert control.start(settings(data, key)).running
        target = link.readlink()
    finally:
        control.stop(data)
    assert not target.parent.exists()
    assert not os.path.lexists(link)


def test_without_memory_for_the_secret_it_is_refused(
    data: Path, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("localcloud.identity.secret_file._memory", lambda: tmp_path / "gone")
    with pytest.raises(
        StartError, match=r"have \$RUNTIME_DIRECTORY name a folder of a file system in memory"
    ):
        Cloud(settings(data, key)).start()


def test_a_folder_in_memory_that_somebody_else_may_have_made_is_not_taken(
    given: Given, encrypted: Path, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where its name was seen before the machine lost its power."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    others = tmp_path / "localcloud-seen"
    others.mkdir()
    (others / "client-secret").write_text("bait")
    (encrypted / "client-secret").symlink_to(others / "client-secret")
    with Cloud(settings(encrypted, key)):
        target = (encrypted / "client-secret").readlink()
        assert target.parent != others
        assert [path.name for path in others.iterdir()] == ["client-secret"]
        assert (others / "client-secret").read_text() == "bait"
    assert not target.parent.exists()
    assert others.exists()


@pytest.mark.parametrize("follows", [False, True])
def test_a_copy_of_a_folder_that_runs_leaves_it_its_secret(key: Path, tmp_path: Path, follows: bool) -> None:
    wanted = replace(parts.settings(tmp_path / "data"), encryption_key_file=key, node=None, azurite=None)
    with Cloud(wanted):
        link = wanted.data / "client-secret"
        secret = {"client's secret": link.read_text()}
        copy = tmp_path / "copy"
        copied = ["cp", "-RL" if follows else "-R", wanted.data, copy]
        subprocess.run(copied, check=True)
        assert (copy / "client-secret").is_symlink() is not follows
        (copy / "ports.json").unlink()
        with Cloud(replace(wanted, data=copy)):
            assert (copy / "client-secret").readlink() != link.readlink()
            assert secrets_in_clear.found_in(copy, secret) == []
        assert link.read_text() == secret["client's secret"]
        assert control.status(wanted.data).running


def test_a_system_without_memory_for_files_keeps_the_secret_among_its_temporary_ones(
    given: Given,
    data: Path,
    key: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for variable in secret_file._VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(secret_file, "_SHARED", tmp_path / "none")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with running(data, encryption_key_file=key) as plane:
        target = (data / "client-secret").readlink()
        assert target.parent.parent == temporary
        assert (target.stat().st_mode & 0o777, target.parent.stat().st_mode & 0o777) == (0o600, 0o700)
        assert control.status(data).running  # signed in by it
        assert opens(endpoint(plane.service(given.service)), given.root, plane.keys(given.service)[0])
        backup.write(data, tmp_path / "backup.tar", quietly)
        secret = {"client's secret": target.read_text()}
    assert f"there is no folder in memory: the client's secret is in {temporary} while it runs" in caplog.text
    assert not list(temporary.glob("localcloud-*"))
    assert secrets_in_clear.found_in(data, secret) == []
    assert secrets_in_clear.found_in(tmp_path / "backup.tar", secret) == []


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
