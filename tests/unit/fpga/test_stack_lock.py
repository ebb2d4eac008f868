"""Locks that updates leave behind."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine import state_url
from fpga.stacks.lock import Lock, is_half_taken, locks
from tests.support.odd_folders import ODD


def _write(state: Path, stack: str, name: str, content: str) -> None:
    folder = state / ".pulumi" / "locks" / "organization" / "fpga-web-service" / stack
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(content)


def test_locks_of_the_stack_alone_are_found(tmp_path: Path) -> None:
    holder = {"pid": 12, "username": "me", "hostname": "there", "timestamp": "2026-01-01T00:00:00.123Z"}
    _write(tmp_path, "local", "a.json", json.dumps(holder))
    _write(tmp_path, "local", "a.json.attrs", "{}")
    _write(tmp_path, "local", "half.json", '{"pid": 1')
    _write(tmp_path, "local", "list.json", "[]")
    _write(tmp_path, "local", "c.json.18c2f0.tmp", json.dumps({"pid": 13, "hostname": "there"}))
    _write(tmp_path, "dev", "b.json", json.dumps(holder))
    url = state_url.url_of(tmp_path)
    assert locks(url, "local", {}) == [Lock("there", 12, "me", "2026-01-01T00:00:00.123Z"), Lock("there", 13)]
    assert locks(url, "prod", {}) == []


@pytest.mark.parametrize(
    ("content", "age_s", "is_half"),
    [
        ('{"pid": 1', 120, True),
        ("", 120, True),
        ('{"pid": 1', 5, False),
        ('{"pid": 1, "hostname": "h"}', 120, False),
    ],
)
def test_a_lock_that_nobody_came_to_take_is_known_by_its_age(
    tmp_path: Path, content: str, age_s: int, is_half: bool
) -> None:
    _write(tmp_path, "local", "a.json.18c2f0.tmp", content)
    file = next(tmp_path.rglob("*.tmp"))
    os.utime(file, (time.time() - age_s,) * 2)
    _write(tmp_path, "local", "b.json.attrs", "")
    assert is_half_taken(state_url.url_of(tmp_path), "local") is is_half
    assert not is_half_taken(state_url.url_of(tmp_path), "dev")
    assert not is_half_taken("azblob://state?storage_account=contoso", "local")


def test_locks_in_a_folder_of_an_odd_name_are_found(tmp_path: Path) -> None:
    folder = tmp_path / ODD
    _write(folder, "local", "a.json", json.dumps({"pid": 12, "hostname": "there"}))
    assert locks(state_url.url_of(folder, "?no_tmp_dir=true"), "local", {}) == [Lock("there", 12)]


def test_a_lock_says_who_holds_it() -> None:
    assert str(Lock("there", 12, "me", "2026-01-01T00:00:00.123+02:00")) == (
        "me@there, process 12, since 2026-01-01T00:00:00+02:00"
    )
    assert str(Lock("there", 12)) == "someone@there, process 12"


def test_only_an_ended_process_of_this_host_is_dead() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert Lock(socket.gethostname(), ended.pid).is_dead
    assert not Lock(socket.gethostname(), os.getpid()).is_dead
    assert not Lock("another-host", ended.pid).is_dead
