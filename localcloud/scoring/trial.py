"""`python -m localcloud.scoring.trial`: a package loaded and tried in a process that may end of it.

Its starter (`localcloud/scoring/trial_process.py`) reads one line of JSON from standard output:
`{"refused": null, "shape": "..."}`, of the model (`scorer.ModelShape`), or the reason in words; where it was
given a photo, `measured` tells the scores and what they took (`trial_process.Measured`), or `photo` why it
cannot be read.

Before anything of the package is loaded this process takes from itself, for good (setrlimit(2)): memory
beyond the limit (RLIMIT_AS), processor time (RLIMIT_CPU), every new file and socket (RLIMIT_NOFILE 0),
every byte written to a file (RLIMIT_FSIZE 0) and core dumps. Accelerators read files for each model: with
them it may open some, and a package comes to them after it was tried without
(`localcloud/modelmanagement/trials.py`). It does not take from itself what needs a namespace or a filter of
system calls: starting processes, which have the same limits, and signals to processes of the same user.
"""

from __future__ import annotations

import json
import math
import os
import re
import resource
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

from clients.wire import model_package
from clients.wire.model_package import BrainwaveStage, read_package
from clients.wire.onnx_model import warm_up
from clients.wire.stages import TRIAL_TIMEOUT_S
from localcloud.scoring import execution_providers
from localcloud.scoring.device import Device
from localcloud.scoring.errors import InputError, PackageError
from localcloud.scoring.images import decode_image
from localcloud.scoring.pipeline import Pipeline, load_package

_RUNS: Final = 5
_RUNS_S: Final = 3.0
"""How long a photo is scored again and again at most; twice at least."""

_TEXT_LIMIT: Final = 4000
_NO_MEMORY: Final = ("bad_alloc", "Failed to allocate", "Unable to allocate")


def main(arguments: Sequence[str]) -> int:
    """Tries one package.

    Args:
        arguments: the package's file, the folder of featurizers, how many bytes of memory it may take, the
            execution providers with commas between them, and the file of a photo to score, if there is one.
    """
    package, featurizers, memory = Path(arguments[0]), Path(arguments[1]), int(arguments[2])
    providers = arguments[3].split(",")
    photo = Path(arguments[4]).read_bytes() if arguments[4:] else None
    answer = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what native code says is no answer
    threading.Thread(target=_end_with_the_starter, daemon=True).start()
    with suppress(OSError):  # should the machine run out of memory: this process, not the server
        Path("/proc/self/oom_score_adj").write_text("1000")
    warm_up()
    told: dict[str, Any]
    try:
        if tuple(providers) != execution_providers.DEFAULT:
            execution_providers.start(providers)  # the memory of their libraries is not the package's
        told = _tried(package.read_bytes(), Device(featurizers, providers), memory, photo)
    except model_package.PackageError as error:
        told = _refused(str(error))
    except (MemoryError, RuntimeError) as error:
        told = _refused(too_large(memory) if _is_of_memory(error) else f"{type(error).__name__}: {error}")
    line = json.dumps(told).encode() + b"\n"
    while line:  # a pipe takes it in parts; it stays open: its end is that of this process
        line = line[os.write(answer, line) :]
    return 0


def too_large(memory: int) -> str:
    """The sentence about a package that takes more memory than it may, in bytes."""
    return f"The package takes more than {memory >> 20} MiB of memory to load and to run: make it smaller."


def _refused(words: str) -> dict[str, Any]:
    return {"refused": words[:_TEXT_LIMIT]}


def _tried(content: bytes, device: Device, memory: int, photo: bytes | None) -> dict[str, Any]:
    if photo is not None:
        try:
            decode_image(photo, 1, 1)  # which imports what it needs: no file can be opened later
        except InputError as error:
            return {"refused": None, "photo": str(error)}
    memory_of = _Memory()
    before = memory_of.now()
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    seconds = math.ceil(time.process_time() + TRIAL_TIMEOUT_S)
    _limit(resource.RLIMIT_CPU, seconds + 1, seconds + 2)  # the first ends it by SIGXCPU, which says why
    _limit(resource.RLIMIT_AS, _address_space() + memory)
    try:
        # localcloud's own models, which are shared with the load below: no file can be opened then
        _held = [
            device.load(device.featurizer(stage).path)
            for stage in read_package(content).stages
            if isinstance(stage, BrainwaveStage)
        ]
        if device.providers == execution_providers.DEFAULT:
            _limit(resource.RLIMIT_NOFILE, 0)
        began = time.perf_counter()
        pipeline = load_package(content, device)
        load_s = time.perf_counter() - began
        told = {"refused": None, "shape": pipeline.shape.to_json()}
        if photo is None:
            return told
        measured = _measured(pipeline, photo)
    except (PackageError, model_package.PackageError) as error:
        return _refused(too_large(memory) if _is_of_memory(error) else str(error))
    most = memory_of.most()
    taken = None if before is None or most is None else max(most - before, 0)
    return {**told, "measured": {**measured, "load_s": load_s, "memory": taken}}


def _measured(pipeline: Pipeline, photo: bytes) -> dict[str, Any]:
    """The scores of a photo, and the seconds that they take."""
    decoded, scored = [], []
    until = time.perf_counter() + _RUNS_S
    for run in range(_RUNS):
        began = time.perf_counter()
        pixels = decode_image(photo, pipeline.height, pipeline.width)
        between = time.perf_counter()
        scores = pipeline.run(pixels)
        decoded.append(between - began)
        scored.append(time.perf_counter() - between)
        if run and time.perf_counter() > until:
            break
    return {
        "scores": [float(score) for score in scores.reshape(-1)],
        "shape": list(scores.shape),
        "decode_s": statistics.median(decoded),
        "score_s": statistics.median(scored),
        "height": pipeline.height,
        "width": pipeline.width,
    }


class _Memory:
    """The memory of this process in bytes (proc(5)), from a file that is opened once; None: nobody tells."""

    def __init__(self) -> None:
        self._status: IO[str] | None = None
        with suppress(OSError):
            self._status = Path("/proc/self/status").open()  # noqa: SIM115 - kept for later

    def now(self) -> int | None:
        """What it has in memory."""
        return self._told("VmRSS")

    def most(self) -> int | None:
        """What it had at most."""
        return self._told("VmHWM")

    def _told(self, kind: str) -> int | None:
        if self._status is None:
            return None
        self._status.seek(0)
        found = re.search(rf"^{kind}:\s+(\d+) kB$", self._status.read(), re.MULTILINE)
        return int(found[1]) << 10 if found else None


def _is_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or any(words in str(error) for words in _NO_MEMORY)


def _limit(kind: int, most: int, last: int | None = None) -> None:
    """Lowers a limit so that nothing raises it again, but to `last`."""
    _, hard = resource.getrlimit(kind)
    last = most if last is None else last
    if hard != resource.RLIM_INFINITY:
        most, last = min(most, hard), min(last, hard)
    with suppress(ValueError, OSError):  # some systems have no such limit
        resource.setrlimit(kind, (most, last))


def _address_space() -> int:
    """Bytes of address space that this process has."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def _end_with_the_starter() -> None:
    """Ends this process with the pipe of standard input: nobody waits for it any more."""
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
