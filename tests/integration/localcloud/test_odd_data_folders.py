"""Data folders in which something is not what it should be: a sentence that names it, nothing changed.

Each case goes through what a person types: `fpga cloud status`, `down`, `backup`, `up`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud import authority, control
from localcloud.datafolder import backup, lock, mark, usable
from localcloud.errors import LocalcloudError
from localcloud.identity import federation
from localcloud.ports import PORTS_FILE
from localcloud.server import Cloud
from localcloud.settings import LOCK, LOG, PID, Settings
from tests.support.rights import bound_by_modes

KEPT = (
    "localcloud.db",
    "ca.pem",
    "ca.key",
    "server.pem",
    "server.key",
    "client-secret",
    "identity.json",
    "ports.json",
)
COMMANDS: dict[str, Callable[[Path], object]] = {
    "status": control.status,
    "down": control.stop,
    "backup": lambda data: backup.write(data, data.parent / "backup.tar", lambda _: None),
    "up": lambda data: control.start(Settings(data, data.parent / "featurizers")),
    # in the process that `up` starts, whose words `up` repeats
    "serve": lambda data: Cloud(Settings(data, data.parent / "featurizers")).start(),
}
PORTS = {"host": "127.0.0.1", "https": 20001, "dns": 20002, "blob": 20003}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose localcloud has ended."""
    data = tmp_path_factory.mktemp("good") / "data"
    with Cloud(Settings(data, data.parent / "featurizers")):
        pass
    return data


@pytest.fixture
def data(good: Path, tmp_path: Path) -> Iterator[Path]:
    data = tmp_path / "data"
    shutil.copytree(good, data)
    yield data
    if data.is_dir():
        for path in (data, *data.iterdir()):
            if not path.is_symlink():
                path.chmod(0o700)


def everything(data: Path) -> dict[str, object]:
    """What is there, by its path, but for what a start says."""
    paths = [data, *sorted(data.rglob("*"))] if data.is_dir() else [data]
    return {
        str(path): (path.lstat().st_mode, path.read_bytes() if path.is_file() else None)
        for path in paths
        if path.name not in (LOG, PID)
    }


def refused(command: str, data: Path) -> str:
    """The sentence that it is refused with, in which all is as before."""
    before = everything(data)
    with pytest.raises(LocalcloudError) as caught:
        COMMANDS[command](data)
    told = str(caught.value)
    assert everything(data) == before
    assert "Traceback" not in told
    assert "\n" not in told
    return told


def a_folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()
    (path / "something").touch()


def a_loop(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.symlink_to(path.name)


def nowhere(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to("/nowhere/at/all")


def a_pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def a_file(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.touch()


@pytest.mark.parametrize("name", [*KEPT, LOCK, LOG, PID, "localcloud.db-wal"])
@pytest.mark.parametrize("made", [a_folder, a_loop, nowhere, a_pipe], ids=lambda made: made.__name__)
def test_what_is_no_file_is_named(data: Path, name: str, made: Callable[[Path], None]) -> None:
    made(data / name)
    for command in ("backup", "up"):
        told = refused(command, data)
        assert told.startswith(f"{data / name} cannot be used (")
        assert "put back what belongs there, restore a backup (`fpga cloud restore`)" in told


@pytest.mark.parametrize("name", ["models", "blobs", "aside"])
@pytest.mark.parametrize("made", [a_file, a_loop, nowhere], ids=lambda made: made.__name__)
def test_what_is_no_folder_is_named(data: Path, name: str, made: Callable[[Path], None]) -> None:
    shutil.rmtree(data / name, ignore_errors=True)
    made(data / name)
    for command in ("backup", "up"):
        assert refused(command, data).startswith(f"{data / name} cannot be used (")
    assert control.status(data).https
    assert not control.stop(data)


@pytest.mark.parametrize("made", [a_file, a_loop], ids=lambda made: made.__name__)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_data_folder_that_is_none_is_named(data: Path, made: Callable[[Path], None], command: str) -> None:
    made(data)
    assert refused(command, data).startswith(f"{data} cannot be used (")


@pytest.mark.parametrize("name", ["localcloud.db", "ports.json", LOCK])
def test_a_status_names_what_it_cannot_read(data: Path, name: str) -> None:
    for made in (a_folder, a_loop):
        made(data / name)
        assert refused("status", data).startswith(f"{data / name} cannot be used (")
        (data / name).unlink() if (data / name).is_symlink() else shutil.rmtree(data / name)


def noise(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096 : 4096 * 8] = os.urandom(4096 * 7)
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b"no database\n" * 1000),
        lambda path: path.write_bytes(path.read_bytes()[:100]),
        lambda path: path.write_bytes(path.read_bytes()[:8192]),
        noise,
    ],
    ids=["text", "header", "cut", "noise"],
)
def test_a_damaged_database_is_named(data: Path, damage: Callable[[Path], Any]) -> None:
    damage(data / "localcloud.db")
    for command in ("status", "backup", "serve"):
        told = refused(command, data)
        assert f"The database {data / 'localcloud.db'} cannot be" in told
        assert "restore a backup (`fpga cloud restore`)" in told


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b'"ports"',
        b"{}",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"https": ' + b"9" * 5000 + b"}",
        *(
            json.dumps(PORTS | changed).encode()
            for changed in (
                {"https": 1e999},
                {"https": 99999},
                {"https": -5},
                {"https": 0},
                {"https": None},
                {"https": True},
                {"https": "20001"},
                {"https": 20001.5},
                {"dns": [20002]},
                {"host": None},
                {"host": "evil.test"},
                {"host": "::1"},
                {"host": "127.0.0.1\0"},
            )
        ),
    ],
    ids=lambda content: content[:70].decode(errors="replace").replace("\0", "NUL"),
)
def test_odd_ports_are_named(data: Path, content: bytes) -> None:
    (data / PORTS_FILE).write_bytes(content)
    for command in ("status", "serve"):
        assert refused(command, data) == (
            f"{data / PORTS_FILE} is damaged: delete it, and give the ports with --https-port, --dns-port, "
            "--blob-port."
        )
    assert not control.stop(data)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[" * 100_000,
        b"\xff",
        b'{"folder": null, "commits": 1}',
        b'{"folder": "x", "commits": -1}',
        b'{"folder": "x", "commits": 1e999}',
        b'{"folder": "x", "commits": NaN}',
        b'{"folder": "x", "commits": "1"}',
        b'{"folder": "x", "commits": 100000000000000000000}',
    ],
    ids=lambda content: content[:50].decode(errors="replace"),
)
def test_an_odd_identity_is_named(data: Path, content: bytes) -> None:
    (data / mark.IDENTITY).write_bytes(content)
    for command in ("backup", "serve"):
        assert refused(command, data).startswith(f"{data / mark.IDENTITY} is damaged. Delete it: ")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"0",
        b"-1",
        b"-7",
        b"1",
        b"x",
        b"\xff",
        b"99999999999999999999",
        b"\xef\xbc\x91",
        b"{own}",
    ],
    ids=repr,
)
def test_an_odd_number_ends_nobody(data: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """0 and -1 would name groups of processes, and any number a process that is none of localcloud's."""
    monkeypatch.setattr(control, "_KILL_TIMEOUT_S", 0.05)
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("nobody may be told to end"))
    with lock.held(data):
        (data / PID).write_bytes(content.replace(b"{own}", b"%d" % os.getpid()))
        told = refused("down", data)
    assert told.startswith(f"A localcloud holds {data}, but {data / PID} does not name it: end the process ")
    assert f"`fuser {data / LOCK}`" in told


def test_a_status_changes_nothing(data: Path) -> None:
    before = everything(data)
    assert control.status(data).tenant
    assert everything(data) == before


def test_folders_among_the_packages_are_moved_aside(data: Path) -> None:
    (data / "models" / "x.zip").mkdir()
    (data / "models" / "y" / "deep").mkdir(parents=True)
    assert control.status(data).https
    with Cloud(Settings(data, data.parent / "featurizers")):
        (moved,) = (data / "aside").iterdir()
        assert {path.name for path in (moved / "models").iterdir()} == {"x.zip", "y"}


@pytest.mark.parametrize("name", ["", "localcloud.db", "ports.json", "lock"])
def test_the_command_names_what_it_may_not_read(data: Path, name: str) -> None:
    before = everything(data)
    (data / name).chmod(0)
    command = [sys.executable, "-m", "fpga.cli", "cloud", "status", "--data", str(data)]
    done = subprocess.run(bound_by_modes(*command), capture_output=True, text=True, check=False)
    (data / name).chmod(before[str(data / name)][0] & 0o777)  # type: ignore[index]

    assert (done.returncode, done.stdout) == (1, "")
    named = data / name if name else data / LOCK
    assert done.stderr == (
        f"error: {named} cannot be used (Permission denied): have the user who runs localcloud read and "
        "write it, or give another folder with --data.\n"
    )
    assert everything(data) == before


@pytest.mark.parametrize("name", ["localcloud.db", "client-secret", "ca.key", "server.key", "models", ""])
def test_a_start_names_what_it_may_not_read(data: Path, name: str) -> None:
    before = everything(data)
    (data / name).chmod(0 if name else 0o500)
    script = (
        "import sys; from pathlib import Path; from localcloud import control; "
        "from localcloud.settings import Settings; "
        "control.start(Settings(Path(sys.argv[1]), Path('/nowhere')))"
    )
    command = [sys.executable, "-c", script, str(data)]
    done = subprocess.run(bound_by_modes(*command), capture_output=True, text=True, check=False)
    (data / name).chmod(before[str(data / name)][0] & 0o777)  # type: ignore[index]

    assert done.stderr.splitlines()[-1] == (
        f"localcloud.errors.StartError: {data / name} cannot be used (Permission denied): have the user who "
        "runs localcloud read and write it, or give another folder with --data."
    )
    assert everything(data) == before


def test_all_that_is_kept_is_looked_at() -> None:
    names = {authority.CA_KEY, authority.NEXT_CA_KEY, authority.SERVER_CERTIFICATE, authority.SERVER_KEY}
    names |= {PORTS_FILE, mark.IDENTITY, federation.FILE, *KEPT}
    assert names <= set(usable._FILES)
