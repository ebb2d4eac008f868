"""The client's secret of an encrypted folder, in memory while it runs: whose it is, and where it is not."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from localcloud import control
from localcloud.datafolder import backup, memory
from localcloud.errors import StartError
from localcloud.server import Cloud
from tests.support.localcloud import parts, secrets_in_clear
from tests.support.localcloud.data_plane import endpoint, opens, running
from tests.support.localcloud.encrypted_folders import (
    Given,
    quietly,
    settings,
)


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
    monkeypatch.setattr("localcloud.datafolder.memory.place", lambda: tmp_path / "gone")
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
    for variable in memory._VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(memory, "_SHARED", tmp_path / "none")
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
