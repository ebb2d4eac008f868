"""The log of a localcloud as it is followed, while the real handler puts files aside."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fpga.cloud import log
from localcloud import logs
from tests.support.waiting import PATIENCE_S

LINES = 400


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[logging.Logger, Path]]:
    """A logger of localcloud's, whose file is put aside after some lines."""
    monkeypatch.setattr(logs, "MAX_BYTES", 8000)
    with logs.written(tmp_path / "localcloud.log"):
        yield logging.getLogger("localcloud.followed"), tmp_path / "localcloud.log"


def messages(told: list[str]) -> list[str]:
    return [one.rpartition(" ")[2] for one in "".join(told).splitlines()]


def test_no_line_is_lost_or_told_twice_over_rotations(small: tuple[logging.Logger, Path]) -> None:
    logger, file = small
    logger.info("0")
    told: list[str] = []
    is_over = threading.Event()
    has_next = threading.Semaphore(0)

    def read() -> None:
        for one in log.told(file, 10, follow=True, is_over=is_over.is_set):
            told.append(one)
            has_next.release()

    reader = threading.Thread(target=read)
    reader.start()
    assert has_next.acquire(timeout=PATIENCE_S)
    for number in range(1, LINES):
        logger.info("%d", number)
        # a reader that keeps up: a file that is put aside twice in between is gone
        if number % 20 == 0:
            for _ in range(20):
                assert has_next.acquire(timeout=PATIENCE_S)
    is_over.set()
    reader.join(PATIENCE_S)
    assert not reader.is_alive()
    assert file.with_name("localcloud.log.1").exists()
    assert messages(told) == [str(number) for number in range(LINES)]


def test_last_lines_go_back_into_the_file_that_was_put_aside(small: tuple[logging.Logger, Path]) -> None:
    logger, file = small
    for number in range(LINES):
        logger.info("%d", number)
    own = len(file.read_text().splitlines())
    assert messages(list(log.told(file, own + 5))) == [str(one) for one in range(LINES - own - 5, LINES)]
    assert messages(list(log.told(file, 3))) == ["397", "398", "399"]
    assert list(log.told(file, 0)) == []


def test_what_a_line_holds_moves_no_cursor(tmp_path: Path) -> None:
    file = tmp_path / "localcloud.log"
    file.write_bytes(b"a \x1b[2J\x07 b\r\n\xff\tc\nwithout an end")
    assert list(log.told(file, 5)) == ["a \\x1b[2J\\x07 b\\x0d\n", "\ufffd\tc\n", "without an end"]
