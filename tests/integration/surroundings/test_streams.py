"""Standard streams as shells hand them over: closed, or a pipe whose reader has left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
COMMANDS = {
    "fpga": ([str(BIN / "fpga"), "--version"], 0),
    "fpga help": ([str(BIN / "fpga"), "--help"], 0),
    "fpga down": ([str(BIN / "fpga"), "down"], 0),
    "fpga cloud status": ([str(BIN / "fpga"), "cloud", "status", "--json"], 1),
    "fpga usage": ([str(BIN / "fpga"), "--no-such"], 2),
    "engine": ([str(BIN / "python"), "-m", "engine", "env"], 0),
    "engine help": ([str(BIN / "python"), "-m", "engine", "--help"], 0),
    "localcloud": ([str(BIN / "python"), "-m", "localcloud", "serve", "--no-such"], 2),
    "bootstrap": ([sys.executable, "engine/bootstrap.py", "--help"], 0),
}


def run(command: list[str], redirection: str, local: Path) -> subprocess.CompletedProcess[str]:
    """Runs it in a shell that closes streams, as `>&-` does."""
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", *command],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "FPGA_LOCAL": str(local)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("redirection", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("name", COMMANDS)
def test_closed_stream_changes_no_exit_code(name: str, redirection: str, tmp_path: Path) -> None:
    command, code = COMMANDS[name]
    done = run(command, redirection, tmp_path)
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    assert done.returncode == code


@pytest.mark.parametrize("name", COMMANDS)
def test_reader_that_left_changes_no_exit_code(name: str, tmp_path: Path) -> None:
    command, code = COMMANDS[name]
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            command,
            cwd=Path(__file__).parents[3],
            env={**os.environ, "FPGA_LOCAL": str(tmp_path)},
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    finally:
        os.close(writer)
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    assert done.returncode == code


SETTLED = """\
import json, os, subprocess, sys
import surroundings
surroundings.settle()
print("for nobody")
sys.stdout.flush()
opened = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
subprocess.run(["sh", "-c", "echo into the file, if descriptors were mistaken"], check=True)
print(json.dumps([opened, sys.stdin.read()]), file=open(sys.argv[2], "w"))
"""


def test_file_that_is_opened_is_no_child_s_output(tmp_path: Path) -> None:
    content, told = tmp_path / "content", tmp_path / "told"
    done = run([sys.executable, "-c", SETTLED, str(content), str(told)], "<&- >&-", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    opened, read = json.loads(told.read_text())
    assert opened > 2
    assert read == ""
    assert content.read_text() == ""


def test_work_goes_on_when_its_reader_has_left(tmp_path: Path) -> None:
    """`| head -1`: the rest is said to nobody, and done all the same."""
    script = (
        "import surroundings; surroundings.settle()\n"
        "for number in range(50_000): print('line', number)\n"
        "open('done', 'w').close()\n"
    )
    shell = 'sh -c \'"$0" -c "$1"; echo $? >&2\' "$0" "$1" | head -1'
    done = subprocess.run(
        ["sh", "-c", shell, sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("line 0\n", "0\n")
    assert (tmp_path / "done").exists()
