from __future__ import annotations

import threading
from pathlib import Path

import pytest

from engine import cache
from tests.support.engine.heard import Heard


def fill(folder: Path) -> None:
    (folder / "content").write_text("whole")


def test_entry_is_built_once(cache_folder: Path, heard: Heard) -> None:
    built = []

    def build(folder: Path) -> None:
        built.append(folder)
        fill(folder)

    first = cache.ensure("part-1", build, heard)
    assert cache.ensure("part-1", build, heard) == first == cache.find("part-1") == cache_folder / "part-1"
    assert (first / "content").read_text() == "whole"
    assert len(built) == 1
    assert cache_folder.stat().st_mode & 0o777 == 0o700


def test_failed_build_leaves_no_entry(cache_folder: Path, heard: Heard) -> None:
    def fail(folder: Path) -> None:
        fill(folder)
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        cache.ensure("part-1", fail, heard)
    assert cache.find("part-1") is None
    assert [path.name for path in cache_folder.iterdir()] == [".part-1.lock"]
    assert (cache.ensure("part-1", fill, heard) / "content").read_text() == "whole"


def test_remains_of_a_killed_build_are_removed(cache_folder: Path, heard: Heard) -> None:
    remains = cache_folder / ".part-1.building-abc"
    (remains / "read-only").mkdir(parents=True)
    (remains / "read-only" / "module.go").touch()
    (remains / "read-only").chmod(0o500)
    cache.ensure("part-1", fill, heard)
    assert not remains.exists()


def test_of_two_that_want_an_entry_one_builds_and_the_other_waits(cache_folder: Path, heard: Heard) -> None:
    building, go_on, built = threading.Event(), threading.Event(), []

    def build(folder: Path) -> None:
        built.append(folder)
        building.set()
        assert go_on.wait(20)
        fill(folder)

    entries: list[Path] = []
    first, second = (
        threading.Thread(target=lambda: entries.append(cache.ensure("part-1", build, heard)))
        for _ in range(2)
    )
    first.start()
    assert building.wait(20)
    second.start()
    waiting = "Another process is making the same part: waiting for it"
    while waiting not in heard.text:
        assert second.is_alive()
        second.join(0.01)
    go_on.set()
    first.join(20)
    second.join(20)
    assert entries == [cache_folder / "part-1"] * 2
    assert len(built) == 1
