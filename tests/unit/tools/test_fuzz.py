"""`python -m tools.fuzz`: what it says of its targets, and its exit code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from engine import wheels
from engine.errors import EngineError
from engine.report import ConsoleReport, Report
from tests.support.parsers.parser import Parser
from tools.fuzz import __main__ as command
from tools.fuzz import parsers
from tools.fuzz.outcome import Outcome


@dataclass(frozen=True)
class Scripted:
    """A target that ends as it is told."""

    name: str
    outcome: Outcome
    summary: str = "a target"
    interrupted: bool = False

    def run(self, seconds: float, folder: Path, report: Report) -> Outcome:
        if self.interrupted:
            raise KeyboardInterrupt
        return self.outcome


FINE = Scripted("fine", Outcome("fine", executions=12345, seconds=61))
BROKEN = Scripted("broken", Outcome("broken", 1, 2.0, (Path("/findings/broken/crash-1"),)))
ABSENT = Scripted("absent", Outcome("absent", left_out="There is no atheris for this machine."))


def run(monkeypatch: pytest.MonkeyPatch, targets: list[Scripted], *arguments: str) -> int:
    monkeypatch.setattr(command, "targets", lambda: targets)
    return command.main(list(arguments))


def test_nothing_found_is_said_with_how_much_was_tried(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, [FINE]) == 0
    assert "12,345  1 min 1 s         0  nothing found" in capsys.readouterr().out


def test_a_finding_is_an_exit_code_and_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, [BROKEN, FINE]) == 1
    told = capsys.readouterr().out
    assert "FOUND" in told
    assert "broken: /findings/broken/crash-1" in told
    assert "nothing found" in told  # the others are run all the same


def test_what_is_left_out_is_said_and_is_no_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, [ABSENT, FINE]) == 0
    assert "Left out: absent. There is no atheris for this machine." in capsys.readouterr().out
    assert run(monkeypatch, [ABSENT, FINE], "absent") == 1  # somebody asked for it


def test_an_interrupt_ends_with_the_table_so_far(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped = Scripted("stopped", Outcome("stopped"), interrupted=True)
    assert run(monkeypatch, [FINE, stopped, BROKEN]) == 130
    out, err = capsys.readouterr()
    assert "fine" in out
    assert "broken" not in out
    assert "Interrupted: the other targets were not run." in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nope"], "there is no target nope; there are fine"),
        (["--seconds", "0.5"], "--seconds 0.5: give 1 or more"),
        (["--seconds", "nan"], "--seconds nan: give 1 or more"),
        (["--input", "x", "fine"], "--input goes with the name of one parser"),
    ],
)
def test_what_cannot_be_run_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as refused:
        run(monkeypatch, [FINE], *arguments)
    assert refused.value.code == 2
    assert message in capsys.readouterr().err


def test_without_a_wheel_of_atheris_a_parser_is_left_out_in_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def ensure(name: str, report: Report, *, of_python: bool) -> Path:
        assert (name, of_python) == ("atheris", True)
        raise EngineError("Installing atheris from PyPI failed\nNo matching distribution found")

    monkeypatch.setattr(wheels, "ensure", ensure)
    target = parsers.ParserTarget(Parser("any", "anything", lambda _: None, lambda: [b""]))
    outcome = target.run(1, tmp_path, ConsoleReport())
    assert outcome.left_out.startswith("atheris cannot be installed for Python 3.")
    assert "its wheels are for Linux on x86-64" in outcome.left_out
    assert "Installing atheris from PyPI failed" in outcome.left_out


def test_a_file_is_read_again_by_the_parser_that_it_failed_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "crash-1"
    file.write_bytes(b"not json")
    assert command.main(["--input", str(file), "service-definition"]) == 0
    assert "service-definition: 8 bytes were read or refused as they should be." in capsys.readouterr().out
    assert command.main(["--input", str(tmp_path / "none"), "service-definition"]) == 1
    assert "cannot be read: No such file or directory" in capsys.readouterr().err
