"""A server's certificate in files of the operator's: judged, shown, and followed while it serves."""

from __future__ import annotations

import logging
import os
import re
import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.storage.blob import BlobSasPermissions, BlobServiceClient, generate_blob_sas
from cryptography import x509

from localcloud import control, renewal, rotation
from localcloud.certificate import files
from localcloud.datafolder import backup
from localcloud.errors import StartError
from localcloud.server import Cloud
from localcloud.settings import Settings
from localcloud.status import Status
from surroundings.tls import client_context
from tests.support.certificates import forge
from tests.support.certificates.authority import Authority
from tests.support.localcloud import parts, scoring_parts
from tests.support.localcloud.arm_caller import ArmCaller
from tests.support.localcloud.data_plane import DataPlane
from tests.support.waiting import wait_until

NAME = "models.contoso.test"
AUTHORITY = Authority("operator's root")


class Files:
    """The files of an operator: chain and key in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.chain, self.key, self.roots = (folder / name for name in ("chain.pem", "key.pem", "roots.pem"))
        self.roots.write_bytes(AUTHORITY.root)

    def put(self, made: forge.Made, chain: bytes | None = None) -> forge.Made:
        """Writes both where they are, one after the other."""
        self.chain.write_bytes(made.pem + AUTHORITY.root if chain is None else chain)
        self.key.write_bytes(made.key_pem)
        self.key.chmod(0o600)
        return made


@pytest.fixture
def operator(tmp_path: Path) -> Files:
    return Files(tmp_path / "operator")


@pytest.fixture
def settings(tmp_path: Path, operator: Files) -> Settings:
    """Of a localcloud without blob storage."""
    return Settings(
        tmp_path / "data",
        tmp_path / "featurizers",
        name=NAME,
        certificate_source="files",
        certificate_chain_file=operator.chain,
        certificate_key_file=operator.key,
    )


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewal, "INTERVAL_S", 0.05)


def shown(status: Status, url: str | None = None, name: str = NAME) -> x509.Certificate:
    """The certificate that a caller sees who has been told the roots, and knows the server by its name."""
    port = int(str(url or status.https).rpartition(":")[2])
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
        client_context(cafile=status.ca).wrap_socket(connection, server_hostname=name) as spoken,
    ):
        found = spoken.getpeercert(binary_form=True)
    assert found is not None
    return x509.load_der_x509_certificate(found)


def trouble(cloud: Cloud) -> str:
    told = cloud.status().certificate
    assert told is not None
    return told.trouble or ""


def test_callers_are_told_name_and_root(settings: Settings, operator: Files) -> None:
    made = operator.put(AUTHORITY.issue([NAME]))
    with Cloud(settings) as cloud:
        status = cloud.status()
        assert shown(status) == made.certificate
        assert str(status.https).startswith(f"https://{NAME}:")
        assert status.needs_roots
        assert status.ca.read_bytes() == AUTHORITY.root
        assert control.status(settings.data) == status  # this machine's own client needs no name server
        assert status.certificate is not None
        assert status.certificate.source == "files"
        assert status.certificate.expires == f"{made.certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"
        assert status.certificate.trouble is None
    assert not (settings.data / "ca.pem").exists()
    told = control.status(settings.data)
    assert (told.https, told.ca, told.needs_roots) == (status.https, status.ca, True)


def test_a_named_roots_file_is_what_callers_are_told(settings: Settings, operator: Files) -> None:
    made = AUTHORITY.issue([NAME])
    operator.put(made, chain=made.pem)
    with Cloud(replace(settings, certificate_roots_file=operator.roots)) as cloud:
        assert shown(cloud.status()) == made.certificate


def test_a_root_that_every_machine_knows_is_not_told(
    settings: Settings, operator: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = operator.roots
    monkeypatch.setattr("localcloud.certificate.trusted.of_this_machine", lambda: known)
    operator.put(AUTHORITY.issue([NAME]))
    with Cloud(settings) as cloud:
        status = cloud.status()
        assert not status.needs_roots
        assert status.ca == known
        assert not (settings.data / "roots.pem").exists()
        assert control.status(settings.data) == status
    assert not control.status(settings.data).needs_roots


def test_an_address_may_be_what_it_is_for(settings: Settings, operator: Files) -> None:
    made = operator.put(AUTHORITY.issue(["127.0.0.1"]))
    with Cloud(replace(settings, name=None)) as cloud:
        assert shown(cloud.status(), name="127.0.0.1") == made.certificate
    operator.put(AUTHORITY.issue(["127.0.0.2"]))
    with pytest.raises(StartError, match=r"does not cover the address 127\.0\.0\.1, by which callers reach"):
        Cloud(replace(settings, name=None)).start()


def other_key(operator: Files) -> None:
    operator.key.write_bytes(AUTHORITY.issue([NAME]).key_pem)


def without_key(operator: Files) -> None:
    operator.key.unlink()


def other_name(operator: Files) -> None:
    operator.put(AUTHORITY.issue(["api.contoso.test"]))


def expired(operator: Files) -> None:
    operator.put(AUTHORITY.issue([NAME], starts_in=-20, ends_in=-1))


def not_yet(operator: Files) -> None:
    operator.put(AUTHORITY.issue([NAME], starts_in=1))


def half(operator: Files) -> None:
    operator.chain.write_bytes(operator.chain.read_bytes()[:300])


def empty(operator: Files) -> None:
    operator.chain.write_bytes(b"")


def ca_itself(operator: Files) -> None:
    operator.chain.write_bytes(AUTHORITY.root)
    operator.key.write_bytes(AUTHORITY._made.key_pem)


def pipe(operator: Files) -> None:
    operator.key.unlink()
    os.mkfifo(operator.key)


def weak(operator: Files) -> None:
    operator.put(AUTHORITY.issue([NAME], key=forge.key("RSA-1024")))


def edwards(operator: Files) -> None:
    operator.put(AUTHORITY.issue([NAME], key=forge.key("Ed25519")))


def swapped(operator: Files) -> None:
    chain = operator.chain.read_bytes()
    operator.chain.write_bytes(operator.key.read_bytes())
    operator.key.write_bytes(chain)


def timeless(words: str) -> str:
    """The words of a refusal without the time that some tell, to the second."""
    return re.sub(r"\d\d:\d\d:\d\d UTC", "", words)


UNFIT: list[tuple[Callable[[Files], None], str]] = [
    (other_key, "is not the key of the certificate"),
    (without_key, r"key\.pem cannot be read \(No such file or directory\)\. Correct the path"),
    (other_name, rf"does not cover {NAME}: it is for api\.contoso\.test"),
    (expired, "expired"),
    (not_yet, "not valid"),
    (half, "BEGIN"),
    (empty, "is empty"),
    (ca_itself, "is the self-signed certificate of an authority"),
    (pipe, "is no file. Name one"),
    (weak, "RSA-1024"),
    (edwards, "Ed25519"),
    (swapped, "Exchange the two"),
]


@pytest.mark.parametrize(("spoil", "words"), UNFIT, ids=[spoil.__name__ for spoil, _ in UNFIT])
def test_what_does_not_fit_is_refused_at_the_start_and_passed_by_later(
    settings: Settings, operator: Files, quick: None, spoil: Callable[[Files], None], words: str
) -> None:
    good = operator.put(AUTHORITY.issue([NAME]))
    with Cloud(settings) as cloud:
        spoil(operator)
        wait_until(lambda: trouble(cloud) != "")
        assert shown(cloud.status()) == good.certificate
        assert control.status(settings.data).running
        with pytest.raises(StartError, match=words) as refused:
            Cloud(replace(settings, data=settings.data.with_name("other"))).start()
        assert timeless(trouble(cloud)) == timeless(str(refused.value))
        assert str(refused.value).startswith(
            "--certificate-chain-file, --certificate-key-file cannot be used: "
        )
        operator.key.unlink(missing_ok=True)
        newer = operator.put(AUTHORITY.issue([NAME]))
        wait_until(lambda: shown(cloud.status()) == newer.certificate)
        wait_until(lambda: trouble(cloud) == "")


def replaced_where_they_are(operator: Files, made: forge.Made) -> None:
    operator.put(made)


def renamed_into_place(operator: Files, made: forge.Made) -> None:
    for path, content in ((operator.key, made.key_pem), (operator.chain, made.pem + AUTHORITY.root)):
        draft = path.with_suffix(".new")
        draft.write_bytes(content)
        draft.chmod(0o600)
        draft.rename(path)


def by_a_link_that_leads_elsewhere(operator: Files, made: forge.Made) -> None:
    """As Kubernetes does with a secret's volume: one link for all files is swapped."""
    folder = operator.chain.parent
    version = folder / f"..{made.certificate.serial_number}"
    version.mkdir()
    (version / "chain.pem").write_bytes(made.pem + AUTHORITY.root)
    (version / "key.pem").write_bytes(made.key_pem)
    (version / "key.pem").chmod(0o600)
    (folder / "..tmp").symlink_to(version.name)
    (folder / "..tmp").rename(folder / "..data")
    for path in (operator.chain, operator.key):
        if not path.is_symlink():
            path.unlink(missing_ok=True)
            path.symlink_to(f"..data/{path.name}")


WAYS = [replaced_where_they_are, renamed_into_place, by_a_link_that_leads_elsewhere]


@pytest.mark.parametrize("replace_by", WAYS, ids=[way.__name__ for way in WAYS])
def test_another_pair_is_shown_however_it_comes(
    settings: Settings, operator: Files, quick: None, replace_by: Callable[[Files, forge.Made], None]
) -> None:
    first = AUTHORITY.issue([NAME, "127.0.0.1"])
    operator.put(first)
    replace_by(operator, first)
    with Cloud(settings) as cloud, requests.Session() as running:
        running.trust_env = False
        running.verify = str(cloud.status().ca)
        url = at_address(cloud.status().https)
        connections = [the_connection(running, url)]
        for kind in ("RSA-2048", "P-384", "P-256"):
            made = AUTHORITY.issue([NAME], key=forge.key(kind))
            replace_by(operator, made)
            wait_until(lambda made=made: shown(cloud.status()) == made.certificate)  # type: ignore[misc]
            assert control.status(settings.data).certificate == cloud.status().certificate
            connections.append(the_connection(running, url))
        assert len(set(connections)) == 1, "who is connected stays so"


def the_connection(session: requests.Session, url: str) -> object:
    """Asks over a connection that is kept: the caller's end of it."""
    with session.get(f"{url}/health", timeout=10, stream=True) as answer:
        assert answer.ok
        connection: Any = answer.raw.connection
        found: object = connection.sock.getsockname()
        assert answer.json()["alive"]
    return found


def test_the_servers_own_clients_go_by_the_name_it_has_and_the_address_it_listens_at(
    tmp_path: Path, operator: Files, quick: None
) -> None:
    """Resource Manager makes a container, and a package is fetched, though no name server knows the name."""
    operator.put(AUTHORITY.issue([NAME, "127.0.0.1"]))
    settings = replace(
        parts.settings(tmp_path / "data"),
        name=NAME,
        certificate_source="files",
        certificate_chain_file=operator.chain,
        certificate_key_file=operator.key,
    )
    with Cloud(settings) as cloud:
        status = cloud.status()
        assert str(status.blob).startswith(f"https://{NAME}:")
        near = replace(status, https=at_address(status.https))
        with closing(DataPlane(near)) as plane, closing(ArmCaller(near)) as arm:
            plane.make_account()
            group = f"{arm.subscription}/resourceGroups/group"
            path = f"{group}/providers/Microsoft.Storage/storageAccounts/followed"
            body = {"location": "eastus2", "sku": {"name": "Standard_LRS"}, "kind": "StorageV2"}
            assert arm("PUT", path, body).status_code == 200
            key = arm("POST", f"{path}/listKeys").json()["keys"][0]["value"]
            for number, kind in enumerate(("RSA-2048", "P-256")):
                made = arm("PUT", f"{path}/blobServices/default/containers/models{number}", {})
                assert made.status_code == 201
                plane.register(package_in(status, key, f"models{number}"), f"model{number}")
                newer = operator.put(AUTHORITY.issue([NAME, "127.0.0.1"], key=forge.key(kind)))
                wait_until(lambda newer=newer: shown(status, status.blob) == newer.certificate)  # type: ignore[misc]


def at_address(url: str | None) -> str:
    return str(url).replace(NAME, "127.0.0.1")


def package_in(status: Status, key: str, container: str) -> str:
    """Uploads a package; returns its signed address, by the server's name."""
    address = f"{at_address(status.blob)}/followed"
    with BlobServiceClient(address, credential=key, connection_verify=str(status.ca)) as client:
        client.get_blob_client(container, "model.zip").upload_blob(scoring_parts.package())
    signature = generate_blob_sas(
        "followed",
        container,
        "model.zip",
        account_key=key,
        permission=BlobSasPermissions(read=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    return f"{status.blob}/followed/{container}/model.zip?{signature}"


def test_who_else_may_read_the_key_is_told(
    settings: Settings, operator: Files, quick: None, caplog: pytest.LogCaptureFixture
) -> None:
    operator.put(AUTHORITY.issue([NAME]))
    operator.key.chmod(0o644)
    with caplog.at_level(logging.WARNING), Cloud(settings) as cloud:
        told = cloud.status().certificate
        assert told is not None
        (note,) = told.notes
        assert note.startswith(f"key file {operator.key}: may be read or written by others than its owner")
        assert note.endswith(f"(mode 0644). Close it: chmod 600 {operator.key}")
        assert len([line for line in caplog.messages if "mode 0644" in line]) == 1


def test_trouble_is_logged_once(
    settings: Settings,
    operator: Files,
    monkeypatch: pytest.MonkeyPatch,
    quick: None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    looks: list[None] = []
    check = renewal.Renewal.check
    monkeypatch.setattr(renewal.Renewal, "check", lambda self: looks.append(check(self)))
    monkeypatch.setattr(files, "_AGAIN_S", 0.0)  # each look judges, and tells the time in its words
    monkeypatch.setattr(files, "datetime", Ticking)
    operator.put(AUTHORITY.issue([NAME]))
    with caplog.at_level(logging.ERROR), Cloud(settings) as cloud:
        not_yet(operator)
        wait_until(lambda: trouble(cloud) != "")
        seen = len(looks)
        wait_until(lambda: len(looks) > seen + 3)
    (line,) = [line for line in caplog.messages if "cannot be renewed" in line]
    assert "not valid" in line


class Ticking(datetime):
    """A clock that is another second at each look."""

    looks = 0

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        cls.looks += 1
        return datetime.now(tz) + timedelta(seconds=cls.looks)


def test_files_that_never_stand_still_are_told(settings: Settings, operator: Files, quick: None) -> None:
    good = operator.put(AUTHORITY.issue([NAME]))
    with Cloud(settings) as cloud:
        number = 0

        def is_told() -> bool:
            nonlocal number
            number += 1
            operator.chain.write_bytes(b"half" * number)
            return trouble(cloud) != ""

        wait_until(is_told)
        assert shown(cloud.status()) == good.certificate


def test_one_that_runs_out_is_shown_and_told(
    settings: Settings, operator: Files, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_AGAIN_S", 0.1)
    now = datetime.now(UTC)
    monkeypatch.setattr(files, "datetime", Later)
    made = operator.put(AUTHORITY.issue([NAME]))
    with Cloud(settings) as cloud:
        Later.at = now + timedelta(days=40)
        wait_until(lambda: "expired" in trouble(cloud))
        assert shown(cloud.status()) == made.certificate
        assert control.status(settings.data).certificate == cloud.status().certificate
    Later.at = None


class Later(datetime):
    """A clock that is ahead."""

    at: datetime | None = None

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return cls.at or datetime.now(tz)


def test_from_one_source_to_another_and_back(settings: Settings, operator: Files) -> None:
    own = replace(settings, certificate_source="own", certificate_chain_file=None, certificate_key_file=None)
    made = operator.put(AUTHORITY.issue([NAME]))
    with Cloud(own) as cloud:
        first = shown(cloud.status(), name="127.0.0.1")
        ca = (own.data / "ca.pem").read_bytes()
        tenant = cloud.status().tenant
    for _ in range(2):
        with Cloud(settings) as cloud:
            assert shown(cloud.status()) == made.certificate
            assert cloud.status().tenant == tenant
        with Cloud(own) as cloud:
            status = cloud.status()
            assert shown(status, name="127.0.0.1") == first
            assert status.ca.read_bytes() == ca
            assert str(status.https).startswith("https://127.0.0.1:")
            assert control.status(own.data) == status
            assert not (own.data / "shown.pem").exists()
            assert not (own.data / "roots.pem").exists()


@pytest.mark.parametrize("runs", [True, False])
def test_its_ca_is_not_rotated_where_it_has_not_issued_what_is_shown(
    settings: Settings, operator: Files, runs: bool
) -> None:
    made = operator.put(AUTHORITY.issue([NAME]))
    with Cloud(settings) as cloud:
        if runs:
            refused(settings)
        assert shown(cloud.status()) == made.certificate
    refused(settings)


def refused(settings: Settings) -> None:
    for at_once in (False, True):
        with pytest.raises(StartError, match=r"its own CA has not issued\. Nothing was changed: who issued"):
            rotation.ca(settings.data, at_once=at_once)


def test_the_operators_key_is_copied_nowhere(settings: Settings, operator: Files, tmp_path: Path) -> None:
    made = operator.put(AUTHORITY.issue([NAME]))
    with Cloud(settings):
        backup.write(settings.data, tmp_path / "all.tar", lambda _: None)
        files = [tmp_path / "all.tar", *(path for path in settings.data.rglob("*") if path.is_file())]
        secret = made.key_pem.splitlines()[2]
        assert not any(secret in path.read_bytes() for path in files)
    backup.restore(tmp_path / "all.tar", tmp_path / "restored", lambda _: None)
    with Cloud(replace(settings, data=tmp_path / "restored")) as cloud:
        assert shown(cloud.status()) == made.certificate
