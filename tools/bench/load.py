"""The benchmark of localcloud with 500 services: ready after kill -9, and under callers of all of them.

`python -m tools.bench.load [--json]` starts one of its own, with every part, and deploys services of one
package, every second one with SSL. Then it measures

- seconds until it is ready again after kill -9, and until every service has answered a call;
- 200 callers in a minute, each over a connection of its own, and 200 callers at a time: calls that were not
  answered, and how long one in a hundred takes;
- what the process has at most meanwhile: memory (its resident set), threads, descriptors.
"""

from __future__ import annotations

import secrets
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.bench.command import Progress, run, verdict

if TYPE_CHECKING:
    import psutil

    from tests.support.localcloud.many_services import Access

TURNS = 3
SERVICES = 500
CALLERS = 200
MINUTE_S = 60.0
READY_LIMIT_S = 2.0
MEMORY_LIMIT_MB = 600
_SCORING_NETWORK = "127.92.0.0/16"
_LOOK_EVERY_S = 0.1


@dataclass
class Most:
    """The most that a process had at a time."""

    memory_mb: float = 0
    threads: int = 0
    descriptors: int = 0

    def look(self, process: psutil.Process) -> None:
        """Takes note of what it has now."""
        self.memory_mb = max(self.memory_mb, process.memory_info().rss / 2**20)
        self.threads = max(self.threads, process.num_threads())
        self.descriptors = max(self.descriptors, process.num_fds())


def measure(turns: int, progress: Progress) -> dict[str, Any]:
    """The benchmark's figures as JSON has them."""
    import psutil

    from localcloud import control
    from tests.support.localcloud import parts, scoring_parts
    from tests.support.localcloud.data_plane import DataPlane, PackageHost
    from tests.support.localcloud.many_services import deploy, errors

    photo = scoring_parts.photo_request().SerializeToString()
    with tempfile.TemporaryDirectory() as name:
        settings = replace(parts.settings(Path(name) / "localcloud"), scoring_network=_SCORING_NETWORK)
        status = control.start(settings)
        try:
            with PackageHost().running() as host:
                progress(f"deploying {SERVICES} services")
                plane = DataPlane(status)
                services = deploy(plane, host.put("/model.zip", scoring_parts.package()), SERVICES)
                plane.close()
            ready: list[float] = []
            answering: list[float] = []
            for number in range(1, turns + 1):
                killed = psutil.Process(status.pid)
                killed.kill()
                killed.wait()
                began = time.perf_counter()
                status = control.start(settings)
                ready.append(time.perf_counter() - began)
                lost = errors(services, photo, 8)
                answering.append(time.perf_counter() - began)
                progress(
                    f"start {number} of {turns}: ready after {ready[-1]:.2f} s, all answered after "
                    f"{answering[-1]:.1f} s, {len(lost)} did not"
                )
            most = Most()
            with _looked_at(psutil.Process(status.pid), most):
                progress(f"{CALLERS} callers in {MINUTE_S:g} s")
                paced = _callers(services, photo, MINUTE_S / CALLERS)
                progress(f"{CALLERS} callers at a time")
                at_once = _callers(services, photo, 0)
        finally:
            control.stop(settings.data)
    return {
        "turns": turns,
        "services": SERVICES,
        "callers": CALLERS,
        "ready_s": round(statistics.median(ready), 2),
        "ready_limit_s": READY_LIMIT_S,
        "all_answered_s": round(statistics.median(answering), 2),
        "errors_after_start": len(lost),
        "errors_in_a_minute": paced.errors,
        "p99_in_a_minute_ms": paced.p99_ms,
        "errors_at_a_time": at_once.errors,
        "p99_at_a_time_ms": at_once.p99_ms,
        "memory_mb": round(most.memory_mb),
        "memory_limit_mb": MEMORY_LIMIT_MB,
        "threads": most.threads,
        "descriptors": most.descriptors,
    }


def show(result: dict[str, Any]) -> None:
    """Prints the figures for a person."""
    ready = verdict(result["ready_s"] <= READY_LIMIT_S)
    memory = verdict(result["memory_mb"] <= MEMORY_LIMIT_MB)
    print(f"localcloud, with {result['services']} services")
    print(
        f"  ready after kill -9  {result['ready_s']:.2f} s   (at most {READY_LIMIT_S} s: {ready})   "
        f"all answered after {result['all_answered_s']} s, {result['errors_after_start']} did not"
    )
    for label, of in ((f"{result['callers']} callers a minute", "in_a_minute"), ("at a time", "at_a_time")):
        none = verdict(not result[f"errors_{of}"])
        print(
            f"  {label:<20} {result[f'errors_{of}']} errors   (none: {none})   "
            f"99 of 100 within {result[f'p99_{of}_ms']} ms"
        )
    print(
        f"  memory at most       {result['memory_mb']} MB   (at most {MEMORY_LIMIT_MB} MB: {memory})   "
        f"{result['threads']} threads, {result['descriptors']} descriptors"
    )


@dataclass(frozen=True)
class _Answers:
    errors: int
    p99_ms: int


def _callers(services: list[Access], request: bytes, interval_s: float) -> _Answers:
    """The answers to callers who begin one after another, each calling a service taken at random."""
    from tests.support.localcloud.many_services import error

    began = time.perf_counter()

    def call(number: int) -> tuple[str | None, float]:
        time.sleep(max(0.0, began + number * interval_s - time.perf_counter()))
        begin = time.perf_counter()
        return error(secrets.choice(services), request), time.perf_counter() - begin

    with ThreadPoolExecutor(CALLERS) as pool:
        answers = list(pool.map(call, range(CALLERS)))
    took = sorted(seconds for _, seconds in answers)
    return _Answers(sum(told is not None for told, _ in answers), round(1000 * took[len(took) * 99 // 100]))


@contextmanager
def _looked_at(process: psutil.Process, most: Most) -> Iterator[None]:
    """Takes note of what the process has, again and again inside the block."""
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(_LOOK_EVERY_S):
            most.look(process)

    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(look)
        try:
            yield
        finally:
            ended.set()
    watching.result()


if __name__ == "__main__":
    sys.exit(run("tools.bench.load", "localcloud with many services.", TURNS, measure, show))
