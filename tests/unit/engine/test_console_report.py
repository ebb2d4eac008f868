from __future__ import annotations

import io
import re
import threading
from types import SimpleNamespace

import pytest

from engine import report
from engine.report import ConsoleReport, duration
from tests.support.waiting import PATIENCE_S, wait_until


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (3.21, "3.2 s"), (12.4, "12 s"), (59.7, "1 min 0 s"), (221, "3 min 41 s")],
)
def test_durations_read_as_a_person_writes_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    # the report's alone: others in this process wait by the same one
    monkeypatch.setattr(report, "time", SimpleNamespace(monotonic=clock))
    return clock


def test_plain_output_has_a_line_after_two_seconds_and_then_every_15(clock: Clock) -> None:
    stream = io.StringIO()
    console = ConsoleReport(stream)
    with console.stage("Compiling"):
        for second in range(32):
            clock.now = 100.0 + second
            console.progress(f"{second} packages")
    assert stream.getvalue().splitlines() == [
        "Compiling: 2 packages (2.0 s)",
        "Compiling: 17 packages (17 s)",
        "Compiling: done in 31 s",
    ]


def test_stage_that_fails_says_so(clock: Clock) -> None:
    stream = io.StringIO()
    console = ConsoleReport(stream)

    def fail() -> None:
        with console.stage("Compiling"):
            clock.now += 2
            raise ValueError("no space")

    with pytest.raises(ValueError, match="no space"):
        fail()
    assert stream.getvalue() == "Compiling: failed after 2.0 s\n"


def test_note_is_printed_as_it_is() -> None:
    stream = io.StringIO()
    ConsoleReport(stream).note("Pulumi 3.250.0: [your] own")
    assert stream.getvalue() == "Pulumi 3.250.0: [your] own\n"


def test_progress_belongs_to_a_stage() -> None:
    stream = io.StringIO()
    console = ConsoleReport(stream)
    console.progress("[resource plugin azure-native] installing")
    with console.stage("engine"):
        pass
    console.progress("[resource plugin azure-native] installing")
    assert stream.getvalue() == "engine: done in 0.0 s\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_a_name_as_it_is() -> None:
    stream = Terminal()
    with ConsoleReport(stream).stage("plan of [bold]"):
        pass
    shown, _, end = stream.getvalue().rpartition("\n")[0].rpartition("plan of [bold]: done")
    assert "plan of [bold]" in shown
    assert end


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "QUIET_S", 0.05)
    monkeypatch.setattr(report, "PLAIN_INTERVAL_S", 0.05)
    monkeypatch.setattr(report, "_TICK_S", 0.01)


@pytest.mark.parametrize("kind", ["stage", "wait"])
@pytest.mark.usefixtures("impatient")
def test_what_says_nothing_of_itself_is_told_all_the_same_and_nothing_after_its_end(kind: str) -> None:
    stream = io.StringIO()
    console = ConsoleReport(stream)
    with getattr(console, kind)("cloud"):
        wait_until(lambda: stream.getvalue().count("cloud: under way (") >= 2)
        console.progress("127.0.0.1 is asked")
        wait_until(lambda: "cloud: 127.0.0.1 is asked (" in stream.getvalue())
    told = stream.getvalue()
    assert re.fullmatch(r"cloud: done in [\d.]+ s", told.splitlines()[-1])
    assert not [one for one in threading.enumerate() if one.name == "report"]


@pytest.mark.usefixtures("impatient")
def test_of_a_stage_in_another_one_is_told_and_then_of_that_one_again() -> None:
    stream = io.StringIO()
    console = ConsoleReport(stream)
    with console.stage("engine"):
        with console.stage("Compiling"):
            wait_until(lambda: "Compiling: under way (" in stream.getvalue())
        wait_until(lambda: "engine: under way (" in stream.getvalue().partition("Compiling: done")[2])


def test_of_a_wait_that_is_short_nothing_is_said(clock: Clock) -> None:
    for stream in (io.StringIO(), Terminal()):
        console = ConsoleReport(stream)
        with console.wait("cloud"):
            console.progress("127.0.0.1 is asked")
            clock.now += 1.9
            console.progress("127.0.0.1 is asked again")
        assert stream.getvalue() == ""


def test_a_wait_that_fails_late_says_so(clock: Clock) -> None:
    stream = io.StringIO()
    console = ConsoleReport(stream)

    def fail() -> None:
        with console.wait("cloud"):
            clock.now += 30
            raise ValueError("no answer")

    with pytest.raises(ValueError, match="no answer"):
        fail()
    assert stream.getvalue() == "cloud: failed after 30 s\n"


@pytest.mark.usefixtures("impatient")
def test_on_a_terminal_one_line_changes_however_narrow_that_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    stream = Terminal()
    console = ConsoleReport(stream)
    with console.wait("cloud"):
        console.progress("x" * 100)
        wait_until(lambda: stream.getvalue().count("x…") >= 2, PATIENCE_S)
        console.note("y" * 100)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    assert "y" * 100 in shown, "what is printed meanwhile is not broken"
    assert max(len(line) for line in re.split(r"[\r\n]", shown) if "x" in line) <= 30
    assert re.fullmatch(r"cloud: done in [\d.]+ s", shown.splitlines()[-1].strip())
