"""A folder that another user serves: what root does there by a command leaves that one all that it needs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from localcloud import rotation
from localcloud.access import administration, audit
from localcloud.access.roles import READER
from localcloud.datafolder import backup, owner
from localcloud.server import Cloud
from localcloud.settings import Settings

OTHER = 65534


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[Path, int]:
    """Each file that is given away, and to whom; without root's rights the system is not asked to."""
    found: dict[Path, int] = {}
    really = os.chown

    def chown(path: Path, uid: int, gid: int, *, follow_symlinks: bool = True) -> None:
        found[path] = uid
        if is_root:
            really(path, uid, gid, follow_symlinks=follow_symlinks)

    is_root = os.geteuid() == 0
    monkeypatch.setattr(os, "chown", chown)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return found


def of_others(data: Path) -> set[str]:
    return {path.name for path in data.rglob("*") if path.lstat().st_uid == 0}


@pytest.mark.skipif(os.geteuid() != 0, reason="a folder of another user is made by root alone")
def test_commands_of_root_leave_no_file_of_roots(tmp_path: Path, given: dict[Path, int]) -> None:
    data = tmp_path / "data"
    with Cloud(Settings(data, tmp_path)):
        pass
    (data / audit.FILE).unlink(missing_ok=True)
    for path in (data, *data.rglob("*")):
        os.chown(path, OTHER, OTHER, follow_symlinks=False)
    given.clear()
    administration.add(data, "ci", [READER], None, None)
    rotation.sign_in(data, at_once=True)
    rotation.ca(data, at_once=True)
    backup.write(data, tmp_path / "b.tar", print)
    assert of_others(data) == set()
    assert data / audit.FILE in given
    assert (tmp_path / "b.tar").stat().st_uid == 0, "it is who asked for it"
    restored = tmp_path / "restored"
    restored.mkdir()
    os.chown(restored, OTHER, OTHER)
    backup.restore(tmp_path / "b.tar", restored, print)
    assert (restored.stat().st_uid, of_others(restored)) == (OTHER, set())


def test_nothing_is_given_away_in_a_folder_of_ones_own(tmp_path: Path, given: dict[Path, int]) -> None:
    (tmp_path / "file").touch()
    with owner.kept(tmp_path):
        pass
    assert given == {}
