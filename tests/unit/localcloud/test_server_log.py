"""The lines of localcloud's log."""

from __future__ import annotations

import logging
import re
import stat
from pathlib import Path

import pytest

from localcloud import logs


def test_an_event_is_one_line_whatever_it_quotes(tmp_path: Path) -> None:
    path = tmp_path / "localcloud.log"
    log = logging.getLogger("localcloud.test")
    with logs.written(path):
        log.info("no tensor %s", "x\n2030-01-01T00:00:00.000Z INFO forged\r\x1b[2J")
        try:
            int("why")
        except ValueError:
            log.exception("it failed")
    lines = path.read_text().splitlines()
    first = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO localcloud\.test "
    quoted = r"no tensor x\\x0a2030-01-01T00:00:00\.000Z INFO forged\\x0d\\x1b\[2J"
    assert re.fullmatch(first + quoted, lines[0])
    assert lines[1].endswith("ERROR localcloud.test it failed")
    assert (lines[2], lines[-1]) == (
        "Traceback (most recent call last):",
        "ValueError: invalid literal for int() with base 10: 'why'",
    )
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_cannot_be_put_aside_is_written_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_BYTES", 500)
    path = tmp_path / "localcloud.log"
    (tmp_path / "localcloud.log.1" / "in the way").mkdir(parents=True)
    log = logging.getLogger("localcloud.test")
    with logs.written(path):
        for number in range(50):
            log.info("event %d", number)
    assert [f"event {number}" in path.read_text() for number in (0, 25, 49)] == [True] * 3


def test_it_is_put_aside_while_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_BYTES", 2000)
    path, aside = tmp_path / "localcloud.log", tmp_path / "localcloud.log.1"
    log = logging.getLogger("localcloud.test")
    path.touch(mode=0o600)
    with path.open("a") as stream:  # as `fpga up` hands it to a process for its standard streams
        monkeypatch.setattr(logs, "_STANDARD_STREAMS", (stream.fileno(),))
        with logs.written(path):
            for number in range(200):
                log.info("event %d", number)
            stream.write("a last word\n")
    assert path.stat().st_size <= 2100
    assert aside.stat().st_size <= 2000
    assert "event 199" in path.read_text()
    assert path.read_text().endswith("a last word\n")
    assert {stat.S_IMODE(file.stat().st_mode) for file in (path, aside)} == {0o600}
    assert sorted(tmp_path.iterdir()) == [path, aside]


def test_a_line_that_comes_too_late_opens_it_no_more(tmp_path: Path) -> None:
    path = tmp_path / "localcloud.log"
    with logs.written(path):
        late = logging.getLogger().handlers[-1]
    late.handle(logging.makeLogRecord({"msg": "too late", "levelno": logging.ERROR}))
    assert path.read_text() == ""
    assert isinstance(late, logging.FileHandler)
    assert late.stream is None
