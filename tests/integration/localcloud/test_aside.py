"""What looks like garbage at a start: moved aside in the data folder, and deleted a month later."""

from __future__ import annotations

import json
import os
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from localcloud.datafolder import aside
from localcloud.datafolder.aside import Aside
from localcloud.datafolder.store import Store
from localcloud.server import Cloud
from localcloud.settings import DATABASE, Settings
from tests.support.waiting import wait_until


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "data", tmp_path / "featurizers")


def moved(data: Path) -> dict[str, bytes]:
    """Everything that was moved aside, by its path below the day's folder."""
    found = [path for path in (data / "aside").rglob("*") if path.is_file()]
    return {str(Path(*path.relative_to(data / "aside").parts[1:])): path.read_bytes() for path in found}


def test_packages_that_no_model_has_are_moved_aside(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with Cloud(settings):
        pass
    packages = settings.data / "models"
    packages.mkdir(exist_ok=True)
    for name in ("cut-off.part", "unknown.zip"):
        (packages / name).write_bytes(name.encode())
    (packages / "notes").mkdir()
    (packages / "notes" / "mine.txt").write_bytes(b"mine")

    with Cloud(settings):
        pass

    assert moved(settings.data) == {
        "models/cut-off.part": b"cut-off.part",
        "models/unknown.zip": b"unknown.zip",
        "models/notes/mine.txt": b"mine",
    }
    assert f"{packages / 'unknown.zip'} belongs to nothing: it is moved to " in caplog.text


def test_rows_of_an_account_that_is_gone_are_kept(settings: Settings) -> None:
    with Cloud(settings):
        pass
    with closing(Store(settings.data / DATABASE)) as store, store.write() as db:
        db.execute(
            "INSERT INTO models (id, account_id, name, version, mime_type, url, created_on)"
            " VALUES ('m', '/gone', 'espresso', 1, 'application/zip', 'https://a/b', '2026-01-01')"
        )
    (settings.data / "models").mkdir(exist_ok=True)
    (settings.data / "models" / "m.zip").write_bytes(b"package")

    with Cloud(settings):
        pass
    with closing(Store(settings.data / DATABASE)) as store, store.read() as db:
        assert db.execute("SELECT count(*) FROM models").fetchone()[0] == 0

    found = moved(settings.data)
    assert found.pop("models/m.zip") == b"package"
    (rows,) = found.values()
    assert json.loads(rows)["account"] == "/gone"
    assert json.loads(rows)["models"][0]["name"] == "espresso"


def test_a_key_and_a_secret_that_are_replaced_are_moved_aside(settings: Settings) -> None:
    with Cloud(settings):
        pass
    data = settings.data
    secret, key = (data / "client-secret").read_bytes(), (data / "ca.key").read_bytes()
    (data / "client-secret").write_bytes(b"another")
    for name in ("ca.pem", "server.pem", "server.key"):
        (data / name).unlink()

    with Cloud(settings):
        pass

    assert (data / "client-secret").read_bytes() == secret
    assert moved(data) == {"client-secret": b"another", "ca.key": key}


def test_two_of_one_name_are_both_kept(tmp_path: Path) -> None:
    for content in (b"first", b"second"):
        (tmp_path / "file").write_bytes(content)
        Aside(tmp_path).move(tmp_path / "file")
    assert moved(tmp_path) == {"file": b"first", "file.2": b"second"}


def test_it_is_deleted_after_a_month_and_while_it_runs(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = datetime.now(UTC).date()
    days = {age: settings.data / "aside" / str(today - timedelta(days=age)) for age in (31, 30)}
    with Cloud(settings):
        for folder in days.values():
            folder.mkdir(parents=True)
            (folder / "file").touch()
            os.utime(folder / "file", (0, 0))
    with Cloud(settings):
        pass
    assert days[31].is_dir(), "no start deletes"

    monkeypatch.setattr(aside, "TEND_INTERVAL_S", 0.01)
    with Cloud(settings):
        wait_until(lambda: not days[31].exists())
    assert (days[30] / "file").exists()
