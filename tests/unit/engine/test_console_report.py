from __future__ import annotations

import io
import time

import pytest

from engine.report import ConsoleReport, duration


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
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


def test_plain_output_has_a_line_of_progress_every_15_seconds(clock: Clock) -> None:
    stream = io.StringIO()
    console = ConsoleReport(stream)
    with console.stage("Compiling"):
        for second in range(32):
            clock.now = 100.0 + second
            console.progress(f"{second} packages")
    assert stream.getvalue().splitlines() == [
        "Compiling: 15 packages (15 s)",
        "Compiling: 30 packages (30 s)",
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
