"""Ending a run of the engine as a power cut does."""

from __future__ import annotations

import signal
import subprocess

import psutil

from tests.support.waiting import PATIENCE_S


def kill(run: subprocess.Popen[str]) -> None:
    """Kills the run and all that it has started, all at once: plugins have process groups of their own."""
    root = psutil.Process(run.pid)
    tree = [root, *root.children(recursive=True)]
    for one in tree:
        one.send_signal(signal.SIGSTOP)
    for one in tree:
        one.kill()
    psutil.wait_procs(tree[1:], timeout=PATIENCE_S)
    assert run.wait() == -signal.SIGKILL
