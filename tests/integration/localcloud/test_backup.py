"""Backups: taken while all goes on, restored into a new folder, and served from there."""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient

from localcloud.datafolder import backup
from localcloud.datafolder.backup import BackupError
from localcloud.server import Cloud
from tests.support.certificates.authority import Authority
from tests.support.localcloud import parts, scoring_parts
from tests.support.localcloud.arm_caller import ArmCaller
from tests.support.localcloud.data_plane import PackageHost, endpoint, on, opens, running
from tests.support.waiting import wait_until


def quietly(_text: str) -> None:
    """Told of progress."""


@pytest.fixture(scope="module")
def package_url() -> Iterator[str]:
    with PackageHost().running() as host:
        yield host.put("/c/real.zip", scoring_parts.package())


def test_a_backup_under_load_is_a_state_that_was_acknowledged(tmp_path: Path, package_url: str) -> None:
    authority = Authority()
    acknowledged: list[int] = []
    models: list[str] = []
    done = threading.Event()
    taken: list[tuple[Path, int, int]] = []
    with running(tmp_path / "data") as plane:
        plane.make_account()
        model_id = plane.register(package_url)
        service = plane.deploy(model_id, "secured", **on(authority))
        key, _ = plane.keys(service["id"])

        def make_groups() -> None:
            while not done.is_set():
                number = len(acknowledged)
                path = f"/subscriptions/{plane.subscription}/resourceGroups/g{number}"
                plane.arm("PUT", path, {"location": "eastus2"})
                acknowledged.append(number)

        def change_models() -> None:
            while not done.is_set():
                models.append(plane.register(package_url, "coming-and-going"))
                assert plane.call("DELETE", f"models/{models[-1]}").status_code == 200

        threads = [threading.Thread(target=work) for work in (make_groups, change_models)]
        for thread in threads:
            thread.start()
        try:
            for number in range(5):
                had = len(acknowledged)
                wait_until(lambda had=had: len(acknowledged) > had + 3 and len(models) > 0)  # type: ignore[misc]
                before = len(acknowledged)
                file = tmp_path / f"{number}.tar"
                backup.write(tmp_path / "data", file, quietly)
                taken.append((file, before, len(acknowledged)))
        finally:
            done.set()
            for thread in threads:
                thread.join()

    for file, before, after in taken:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        data = tmp_path / f"restored-{file.stem}"
        backup.restore(file, data, quietly)
        with running(data) as plane:
            groups = plane.arm("GET", f"/subscriptions/{plane.subscription}/resourceGroups").json()["value"]
            numbers = sorted(int(group["name"][1:]) for group in groups if group["name"] != "group")
            plane.use_account("account")
            assert numbers == list(range(len(numbers))), "a state of one instant"
            assert before <= len(numbers) <= after + 1
            kept = {model["id"] for model in plane.call("GET", "models").json()["value"]}
            packages = {path.stem for path in (data / "models").glob("*.zip")}
            assert model_id in kept
            assert kept == packages, "each model has its package, and no other is there"
            assert plane.keys(service["id"])[0] == key
            assert opens(endpoint(plane.service(service["id"])), authority.root, key)
    assert [path.name for path in (tmp_path / "data").glob(".*")] == []


def test_blobs_are_in_it(tmp_path: Path) -> None:
    settings = parts.settings(tmp_path / "data")
    content = os.urandom(300_000)
    with Cloud(settings) as cloud, closing(ArmCaller(cloud)) as caller:
        group = f"{caller.subscription}/resourceGroups/rg"
        account = f"{group}/providers/Microsoft.Storage/storageAccounts/kept"
        body = {"location": "eastus2", "sku": {"name": "Standard_LRS"}, "kind": "StorageV2"}
        assert caller("PUT", group, {"location": "eastus2"}).status_code == 201
        assert caller("PUT", account, body).status_code == 200
        key = caller("POST", f"{account}/listKeys").json()["keys"][0]["value"]
        with blobs(cloud, key) as client:
            client.create_container("models")
            client.get_blob_client("models", "blob").upload_blob(content)
            backup.write(settings.data, tmp_path / "file.tar", quietly)
            client.get_blob_client("models", "blob").upload_blob(b"newer", overwrite=True)

    backup.restore(tmp_path / "file.tar", tmp_path / "restored", quietly)
    restored = parts.settings(tmp_path / "restored")
    with Cloud(restored) as cloud, blobs(cloud, key) as client:
        assert client.get_blob_client("models", "blob").download_blob().readall() == content


def blobs(cloud: Cloud, key: str) -> BlobServiceClient:
    status = cloud.status()
    return BlobServiceClient(f"{status.blob}/kept", credential=key, connection_verify=str(status.ca))


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of a localcloud that does not run."""
    folder = tmp_path_factory.mktemp("taken")
    with running(folder / "data"):
        pass
    backup.write(folder / "data", folder / "file.tar", quietly)
    return folder / "file.tar"


def test_what_is_there_is_not_replaced(taken: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match=r"file\.tar is there already: name a new file\."):
        backup.write(taken.parent / "data", taken, quietly)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine").touch()
    with pytest.raises(BackupError, match="data holds something: a backup is restored into a new or empty"):
        backup.restore(taken, tmp_path / "data", quietly)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["mine"]


def test_an_empty_folder_takes_it(taken: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    backup.restore(taken, tmp_path / "data", quietly)
    assert (tmp_path / "data" / "ca.pem").read_bytes() == (taken.parent / "data" / "ca.pem").read_bytes()
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize("size", [0.0, 0.3, 0.5, 0.7, 0.9])
def test_one_that_is_cut_is_refused_and_leaves_nothing(taken: Path, tmp_path: Path, size: float) -> None:
    cut = tmp_path / "cut.tar"
    shutil.copy(taken, cut)
    os.truncate(cut, int(cut.stat().st_size * size) // 512 * 512)
    with pytest.raises(BackupError, match=r"cut\.tar is no backup, or is damaged: "):
        backup.restore(cut, tmp_path / "data", quietly)
    assert [path.name for path in tmp_path.iterdir()] == ["cut.tar"]


def test_one_with_a_changed_byte_is_refused(taken: Path, tmp_path: Path) -> None:
    content = taken.read_bytes()
    at = content.index(b"BEGIN CERTIFICATE") + 60
    (tmp_path / "odd.tar").write_bytes(content[:at] + b"#" + content[at + 1 :])
    with pytest.raises(BackupError, match="it does not hold what it lists"):
        backup.restore(tmp_path / "odd.tar", tmp_path / "data", quietly)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("name", ["../outside", "/outside", "link"])
def test_members_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    with tarfile.open(tmp_path / "odd.tar", "w") as tar:
        member = tarfile.TarInfo(name)
        if name == "link":
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(member)
    with pytest.raises(BackupError, match=f"it holds '{name}'"):
        backup.restore(tmp_path / "odd.tar", tmp_path / "data", quietly)
    assert [path.name for path in tmp_path.iterdir()] == ["odd.tar"]


def test_a_full_disk_leaves_no_half_file(
    taken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BackupError, match=r"new\.tar cannot be written \(No space left on device\): name a"):
        backup.write(taken.parent / "data", tmp_path / "new.tar", quietly)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="holds no localcloud's data: name its folder with --data"):
        backup.write(tmp_path / "data", tmp_path / "file.tar", quietly)
    assert list(tmp_path.iterdir()) == []
