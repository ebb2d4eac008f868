from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import psutil
import pytest

from engine.errors import EngineError
from engine.process import run


def test_lines_come_while_the_tool_runs(tmp_path: Path) -> None:
    """The tool goes on only when its first line has been seen."""
    go_on = tmp_path / "go-on"
    os.mkfifo(go_on)
    script = f"print('first', flush=True); open({str(go_on)!r}).read(); print('second')"
    lines: list[str] = []

    def see(line: str) -> None:
        lines.append(line)
        if line == "first":
            go_on.write_text("")

    run([sys.executable, "-c", script], what="Counting", env=os.environ, cwd=tmp_path, on_line=see)
    assert lines == ["first", "second"]


def test_failure_shows_the_last_lines(tmp_path: Path) -> None:
    script = "import sys; [print('line', n) for n in range(100)]; sys.exit('no such module')"
    with pytest.raises(EngineError) as raised:
        run([sys.executable, "-c", script], what="Building", env=os.environ, cwd=tmp_path)
    message = str(raised.value)
    assert message.startswith("Building failed with exit code 1. Its last words:\n")
    assert message.endswith("    line 99\n    no such module") or "no such module" in message
    assert "line 50\n" not in message


def test_missing_tool_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"Building failed: no-such-tool cannot be run \(No such file"):
        run(["no-such-tool"], what="Building", env=os.environ, cwd=tmp_path)


def test_interrupt_ends_the_tool_and_what_it_started(tmp_path: Path) -> None:
    script = "sleep 600 & echo $!; wait"
    started: list[psutil.Process] = []

    def see(line: str) -> None:
        started.append(psutil.Process(int(line)))
        signal.raise_signal(signal.SIGINT)

    assert threading.current_thread() is threading.main_thread()
    with pytest.raises(KeyboardInterrupt):
        run(["sh", "-c", script], what="Building", env=os.environ, cwd=tmp_path, on_line=see)
    assert len(started) == 1
    gone, _ = psutil.wait_procs(started, timeout=10)
    assert gone == started
