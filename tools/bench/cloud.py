"""The benchmark of localcloud: seconds until it is ready, and its memory without load.

`python -m tools.bench.cloud [--json]` starts and stops one of its own, with every part and one service
deployed, as `fpga cloud up` does. Memory is the resident set of all its processes, shared pages
counted in each.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tools.bench.command import Progress, run, verdict

TURNS = 5
READY_LIMIT_S = 2.0
MEMORY_LIMIT_MB = 300


def measure(turns: int, progress: Progress) -> dict[str, Any]:
    """The benchmark's figures as JSON has them."""
    import psutil

    from engine.install import install
    from engine.report import ConsoleReport
    from localcloud import control
    from tests.support.stacks.local_cloud import running
    from tests.support.stacks.program_stack import ProgramStack

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        report = ConsoleReport()
        with report.stage("engine"):
            engine = install(folder / ".local", report)
        ready: list[float] = []
        memory: list[float] = []
        with running(folder / "localcloud") as cloud:
            stack = ProgramStack(engine, cloud, folder, "bench")
            stack.make()
            stack.up()
        for number in range(1, turns + 1):
            began = time.perf_counter()
            pid = control.start(cloud.settings).pid
            ready.append(time.perf_counter() - began)
            try:
                process = psutil.Process(pid)
                family = [process, *process.children(recursive=True)]
                memory.append(sum(one.memory_info().rss for one in family) / 2**20)
            finally:
                control.stop(cloud.settings.data)
            progress(f"start {number} of {turns}: {ready[-1]:.2f} s, {memory[-1]:.0f} MB")
    return {
        "turns": turns,
        "ready_s": round(statistics.median(ready), 2),
        "ready_limit_s": READY_LIMIT_S,
        "memory_mb": round(statistics.median(memory)),
        "memory_limit_mb": MEMORY_LIMIT_MB,
    }


def show(result: dict[str, Any]) -> None:
    """Prints the figures for a person."""
    ready = verdict(result["ready_s"] <= READY_LIMIT_S)
    memory = verdict(result["memory_mb"] <= MEMORY_LIMIT_MB)
    print("localcloud, with one service")
    print(f"  ready after          {result['ready_s']:.2f} s   (at most {READY_LIMIT_S} s: {ready})")
    print(f"  memory without load  {result['memory_mb']} MB   (at most {MEMORY_LIMIT_MB} MB: {memory})")


if __name__ == "__main__":
    sys.exit(run("tools.bench.cloud", "localcloud's start and memory.", TURNS, measure, show))
