"""A data folder of which a part is lost, cut or another's: refused, with every byte as before."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest

from localcloud import control
from localcloud.datafolder import schema
from localcloud.datafolder import store as stores
from localcloud.datafolder.store import Store
from localcloud.errors import StartError
from localcloud.server import Cloud
from localcloud.settings import Settings
from tests.support.localcloud.arm_caller import ArmCaller
from tests.support.localcloud.data_folders import content
from tests.support.waiting import PATIENCE_S, wait_until

DATABASE = "localcloud.db"
WAL = f"{DATABASE}-wal"
BLOB_LISTS = ("__azurite_db_blob__.json", "__azurite_db_blob_extent__.json")
REMEDY = (
    "Nothing was changed. Put back what belongs here, restore a backup (`fpga cloud restore`), or start with "
    "a new --data folder."
)


def settings_of(data: Path) -> Settings:
    return Settings(data, data.parent / "featurizers")


def put_groups(caller: ArmCaller, *names: str) -> None:
    for name in names:
        path = f"{caller.subscription}/resourceGroups/{name}"
        assert caller("PUT", path, {"location": "eastus2"}).status_code == 201


def groups(caller: ArmCaller) -> list[str]:
    found = caller("GET", f"{caller.subscription}/resourceGroups").json()["value"]
    return [group["name"] for group in found]


@contextmanager
def calling(data: Path) -> Iterator[ArmCaller]:
    """A caller of a localcloud that runs meanwhile on that folder."""
    with Cloud(settings_of(data)) as cloud, closing(ArmCaller(cloud)) as caller:
        yield caller


def killed_after_writing(data: Path, *names: str) -> None:
    """Leaves the folder of a process that was killed as soon as it had acknowledged these groups."""
    status = control.start(settings_of(data))
    with closing(ArmCaller(status)) as caller:
        put_groups(caller, *names)
    process = psutil.Process(status.pid)
    process.kill()
    process.wait(PATIENCE_S)


@pytest.fixture(scope="module")
def killed_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose newest groups are in the log beside the database, with packages, blobs and storage."""
    data = tmp_path_factory.mktemp("killed") / "data"
    with calling(data) as caller:
        put_groups(caller, "first")
    with closing(Store(data / DATABASE)) as store, store.write() as db:
        db.execute(
            "INSERT INTO models (id, account_id, name, version, mime_type, url, created_on) SELECT 'm', id,"
            " 'espresso', 1, 'application/zip', 'https://a/b', '2026' FROM resource_groups"
        )
        db.execute(
            "INSERT INTO resources SELECT id, id, id, NULL, 'microsoft.storage', 'a', '{}', '', '', ''"
            " FROM resource_groups"
        )
        db.execute("INSERT INTO storage_keys SELECT id, 'key1', 'key2' FROM resources")
    (data / "models" / "m.zip").write_bytes(b"package")
    (data / "blobs" / "__blobstorage__").mkdir()
    (data / "blobs" / "__blobstorage__" / "extent").write_bytes(b"blob")
    for name in BLOB_LISTS:
        (data / "blobs" / name).write_text("{}")
    killed_after_writing(data, *(f"group-{number}" for number in range(20)))
    assert (data / WAL).stat().st_size > 0
    return data


@pytest.fixture
def killed(killed_once: Path, tmp_path: Path) -> Path:
    shutil.copytree(killed_once, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another data folder, at rest."""
    with calling(tmp_path / "other") as caller:
        put_groups(caller, "of-the-other")
    return tmp_path / "other"


def refusal(data: Path) -> str:
    """The words with which a start is refused, twice the same, and nothing changed."""
    before = content(data)
    words = []
    for _ in range(2):
        with pytest.raises(StartError) as refused:
            control.start(settings_of(data))
        assert content(data) == before
        words.append(str(refused.value))
    assert words[0] == words[1]
    return words[0]


def test_a_killed_one_has_all_that_it_acknowledged(killed: Path) -> None:
    with calling(killed) as caller:
        assert groups(caller) == ["first", *sorted(f"group-{number}" for number in range(20))]
    assert (killed / "models" / "m.zip").read_bytes() == b"package"


@pytest.mark.parametrize("left", [None, 0, 0.5, 0.9], ids=["deleted", "emptied", "halved", "cut"])
def test_a_lost_or_cut_log_of_the_database_is_refused(killed: Path, left: float | None) -> None:
    log = killed / WAL
    if left is None:
        log.unlink()
    else:
        os.truncate(log, int(log.stat().st_size * left))
    words = refusal(killed)
    assert words.startswith(f"The newest of the database {killed / DATABASE} is lost: it has ")
    assert words.endswith(
        f"or start with a new --data folder. To go on with what is left, and give up the rest, "
        f"delete {killed / 'identity.json'}."
    )

    (killed / "identity.json").unlink()
    with calling(killed) as caller:
        assert groups(caller)[0] == "first"
    assert (killed / "models" / "m.zip").read_bytes() == b"package"
    assert (killed / "blobs" / "__blobstorage__" / "extent").read_bytes() == b"blob"


def test_a_damaged_log_of_the_database_is_refused(killed: Path) -> None:
    log = bytearray((killed / WAL).read_bytes())
    log[len(log) // 2] ^= 0xFF
    (killed / WAL).write_bytes(log)
    assert refusal(killed).startswith(f"The newest of the database {killed / DATABASE} is lost: it has ")


def delete_the_database(data: Path) -> None:
    (data / DATABASE).unlink()


def delete_the_database_and_its_log(data: Path) -> None:
    (data / DATABASE).unlink()
    (data / WAL).unlink()


def empty_the_database_and_its_log(data: Path) -> None:
    os.truncate(data / DATABASE, 0)
    os.truncate(data / WAL, 0)


@pytest.mark.parametrize(
    "lose", [delete_the_database, delete_the_database_and_its_log, empty_the_database_and_its_log]
)
@pytest.mark.parametrize("with_identity", [True, False])
def test_a_lost_database_is_refused(killed: Path, lose: Callable[[Path], None], with_identity: bool) -> None:
    lose(killed)
    if not with_identity:
        (killed / "identity.json").unlink()
    words = refusal(killed)
    assert words.startswith(f"The database {killed / DATABASE} ")
    assert words.endswith(REMEDY)


def test_a_halved_database_is_refused(killed: Path) -> None:
    (killed / WAL).unlink()
    os.truncate(killed / DATABASE, (killed / DATABASE).stat().st_size // 2)
    assert refusal(killed).startswith(f"The database {killed / DATABASE} cannot be read (")


def test_a_damaged_page_is_refused_at_the_start(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with calling(data) as caller:
        put_groups(caller, *(f"group-{number}" for number in range(200)))
    with closing(sqlite3.connect(data / DATABASE)) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'resource_groups'").fetchone()
    with (data / DATABASE).open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(os.urandom(4096))
    assert refusal(data).startswith(f"The database {data / DATABASE} cannot be read (")


def test_another_folder_s_database_is_refused(killed: Path, other: Path) -> None:
    (killed / WAL).unlink()
    shutil.copy(other / DATABASE, killed / DATABASE)
    assert refusal(killed).startswith(
        f"The database {killed / DATABASE} is another data folder's: it carries "
    )


@pytest.mark.parametrize("name", ["models", "blobs"])
def test_another_folder_s_packages_and_blobs_are_refused(killed: Path, other: Path, name: str) -> None:
    shutil.rmtree(killed / name)
    shutil.copytree(other / name, killed / name)
    assert refusal(killed).startswith(f"{killed / name} is another data folder's: it carries ")


@pytest.mark.parametrize("name", ["models", "blobs"])
def test_lost_packages_and_blobs_are_refused(killed: Path, name: str) -> None:
    shutil.rmtree(killed / name)
    assert refusal(killed).startswith(
        f"{killed / name} is lost, or another folder's: it does not carry the identity of "
    )


@pytest.mark.parametrize("name", BLOB_LISTS)
@pytest.mark.parametrize(
    "lose",
    [Path.unlink, lambda path: os.truncate(path, 0), lambda path: os.truncate(path, 1)],
    ids=["deleted", "emptied", "cut"],
)
def test_a_lost_list_of_blobs_is_refused(killed: Path, name: str, lose: Callable[[Path], None]) -> None:
    lose(killed / "blobs" / name)
    assert refusal(killed) == (
        f"{killed / 'blobs' / name}, the list of what is in {killed / 'blobs'}, is lost or damaged. {REMEDY}"
    )


def test_damaged_cas_are_refused(killed: Path) -> None:
    os.truncate(killed / "ca.pem", 0)
    assert refusal(killed).startswith(f"{killed / 'ca.pem'} is not a certificate: delete ca.pem, ca.key, ")


def test_a_damaged_identity_is_refused(killed: Path) -> None:
    (killed / "identity.json").write_text("{")
    assert refusal(killed).startswith(f"{killed / 'identity.json'} is damaged. Delete it: ")


def test_a_newer_database_is_refused(killed: Path) -> None:
    with closing(sqlite3.connect(killed / DATABASE)) as db:
        db.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    assert refusal(killed) == (
        f"The database {killed / DATABASE} is of a newer localcloud (version {schema.VERSION + 1}, and this "
        f"one knows {schema.VERSION}). Nothing was changed: use the checkout that it ran with last, or a "
        "newer one."
    )


def test_little_is_in_the_log_after_a_start_and_at_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "REST_S", 0.05)
    data = tmp_path / "data"
    with calling(data) as caller:
        assert (data / WAL).stat().st_size == 0
        put_groups(caller, "first")
        wait_until(lambda: (data / WAL).stat().st_size == 0)
        shutil.copy(data / DATABASE, tmp_path / "copy.db")
    with closing(sqlite3.connect(tmp_path / "copy.db")) as db:
        assert db.execute("SELECT name FROM resource_groups").fetchall() == [("first",)]


def test_a_clean_end_leaves_no_log_and_may_be_moved(tmp_path: Path) -> None:
    with calling(tmp_path / "data") as caller:
        put_groups(caller, "first")
    assert not (tmp_path / "data" / WAL).exists()
    shutil.copytree(tmp_path / "data", tmp_path / "copy")
    with calling(tmp_path / "copy") as caller:
        assert groups(caller) == ["first"]


def test_marks_are_their_owner_s_alone(killed: Path) -> None:
    marks = list(killed.rglob("identity.json"))
    assert len(marks) == 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in marks} == {0o600}


def test_a_disk_without_room_for_the_check_is_named(killed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = content(killed)
    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(StartError) as refused:
        Cloud(settings_of(killed)).start()
    assert content(killed) == before
    assert str(refused.value) == (
        f"The database {killed / DATABASE} cannot be checked (No space left on device). Nothing was changed: "
        "make room for a copy beside it, and have it readable, then try again."
    )


def test_what_a_killed_look_or_backup_left_is_taken_away(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with calling(data):
        pass
    for name in (".look-1", ".backup-1"):
        (data / name).mkdir()
        (data / name / DATABASE).touch()
    with calling(data):
        assert list(data.glob(".*")) == []


@pytest.mark.parametrize("is_of_before", [False, True], ids=["new", "of before"])
def test_a_first_start_that_is_killed_at_any_instant_starts_again(tmp_path: Path, is_of_before: bool) -> None:
    """Killed at each step of making, or marking, the folder: before each file that it opens or renames."""
    data = tmp_path / "data"
    if is_of_before:
        with calling(data) as caller:
            put_groups(caller, "kept")
        unmark(data)
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from localcloud.server import Cloud\n"
        "from localcloud.settings import Settings\n"
        "data, left = Path(sys.argv[1]), int(sys.argv[2])\n"
        "def hook(event, args):\n"
        "    global left\n"
        "    if event == 'sqlite3.connect' or event in ('os.rename', 'os.mkdir') or (\n"
        "        event == 'open' and str(data) in str(args[0]) and 'r' != args[1]):\n"
        "        left -= 1\n"
        "        if left == 0:\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "sys.addaudithook(hook)\n"
        "with Cloud(Settings(data, data)):\n"
        "    print('ready', flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    for step in range(1, 200):
        command = [sys.executable, "-c", program, str(data), str(step)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        if "ready" in ended.stdout:
            break
    assert step > 10
    with calling(data) as caller:
        assert groups(caller) == (["kept"] if is_of_before else [])


def unmark(data: Path) -> None:
    """Makes a folder one of the time before marks and versions."""
    for path in data.rglob("identity.json"):
        path.unlink()
    with closing(sqlite3.connect(data / DATABASE)) as db:
        made = re.findall(r"CREATE (TRIGGER|TABLE) (\w+)", "".join(schema._STEPS[1:]))
        for kind, name in sorted(made, reverse=True):  # triggers first: a table's own go with it
            db.execute(f"DROP {kind} IF EXISTS {name}")  # one was renamed to what there was before
        db.execute("PRAGMA user_version = 0")
