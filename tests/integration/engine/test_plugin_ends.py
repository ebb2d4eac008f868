"""Every process that the engine starts here ends at once when it is told to.

The engine waits five seconds, kills it, and has no time left for the other plugins: it says then that they
exited prematurely.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.waiting import PATIENCE_S

PLUGINS = ["engine.azure_native", "engine.dynamic_provider", "engine.language_host"]

# Runs a module as a program; a thread of it gets the signal whose number comes through a pipe.
TOLD_IN_A_THREAD = """
import os, runpy, signal, sys, threading

def be_told():
    number = os.read(int(sys.argv[1]), 1)[0]
    signal.pthread_kill(threading.get_ident(), number)

threading.Thread(target=be_told, daemon=True).start()
sys.argv = sys.argv[2:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("module", PLUGINS)
def test_a_signal_that_another_thread_gets_ends_it(
    tmp_path: Path, module: str, number: signal.Signals
) -> None:
    """The system chooses the thread: one that just starts takes it before the main one has woken."""
    reading, writing = os.pipe()
    command = [sys.executable, "-c", TOLD_IN_A_THREAD, str(reading), module, "127.0.0.1:1"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=tmp_path, pass_fds=[reading], **pipes) as process:  # type: ignore[call-overload]
        try:
            assert int(process.stdout.readline()) > 0
            os.write(writing, bytes([number]))
            assert process.wait(PATIENCE_S) == 0
            assert process.stderr.read() == b""
        finally:
            process.kill()
            os.close(reading)
            os.close(writing)
