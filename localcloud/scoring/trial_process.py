"""The process in which a package is tried (`localcloud.scoring.trial`): its start, its limits, its answer."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import localcloud
from localcloud.scoring import execution_providers
from localcloud.scoring.errors import InputError, PackageError, ScoringError
from surroundings import variables

MEMORY_LIMIT: Final = 4 << 30
"""Bytes that a package may take at most; less where the machine has less than twice as much to spare."""
_LEAST_MEMORY: Final = 512 << 20
TOTAL_TIMEOUT_S: Final = 60.0
"""Wall time of a trial; its processor time ends earlier, unless the machine is busy."""
_ANSWER_LIMIT: Final = 64 << 20
_KEPT: Final = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "ORT_DISABLE_TELEMETRY")


@dataclass(frozen=True)
class Measured:
    """A photo scored in a trial.

    Attributes:
        scores: the output for the photo, flat, and its shape.
        load_s: seconds until the package was loaded and tried.
        decode_s, score_s: seconds to decode the photo, and to score its pixels: the middle one of some runs.
        memory: bytes that the package took at most, loaded and run; None: the system does not tell.
        height, width: in pixels, of the images that the first stage takes.
    """

    scores: tuple[float, ...]
    shape: tuple[int, ...]
    load_s: float
    decode_s: float
    score_s: float
    memory: int | None
    height: int
    width: int


def measure(package: Path, featurizers: Path, photo: Path | None = None) -> Measured | None:
    """Tries a package once as localcloud does before it serves one, and has it score a photo.

    Args:
        package: the zip file.
        featurizers: the folder of the device.
        photo: an image file; None: none is scored.

    Raises:
        PackageError: it does not run, or takes more memory or time than it may.
        InputError: the photo cannot be read.
        ScoringError: it could not be tried.
    """
    memory = memory_limit()
    child = start(package, featurizers, memory, photo=photo)
    try:
        answer = answer_of(child)
    finally:
        end(child)
        child.wait()
    told = judged(answer, child.returncode, memory)
    if told.get("photo"):
        raise InputError(told["photo"])
    if told["refused"] is not None:
        raise PackageError(told["refused"])
    measured = told.get("measured")
    if measured is None:
        return None
    return Measured(**{**measured, "scores": tuple(measured["scores"]), "shape": tuple(measured["shape"])})


def memory_limit() -> int:
    """Bytes of memory that a package may take on this machine, as it is now."""
    limits = [MEMORY_LIMIT]
    spare = _spare_memory()
    if spare is not None:
        limits.append(spare // 2)
    own, _ = resource.getrlimit(resource.RLIMIT_AS)
    if own != resource.RLIM_INFINITY:  # what passes must have room in this process afterwards
        limits.append((own - _address_space()) // 2)
    return max(min(limits), _LEAST_MEMORY)


def start(
    package: Path,
    featurizers: Path,
    memory: int,
    providers: Sequence[str] = execution_providers.DEFAULT,
    photo: Path | None = None,
) -> subprocess.Popen[bytes]:
    """The process, which begins with its trial.

    Args:
        providers: as for `Device`.

    Raises:
        ScoringError: there is no starting it.
    """
    arguments = [str(package.absolute()), str(featurizers.absolute()), str(memory), ",".join(providers)]
    if photo is not None:
        arguments.append(str(photo.absolute()))
    return _started(arguments)


def _started(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "localcloud.scoring.trial", *arguments],
            stdin=subprocess.PIPE,  # which ends with this process, however that ends
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=Path(localcloud.__file__).parents[1],
            env=variables.made({name: os.environ[name] for name in _KEPT if name in os.environ}),
            start_new_session=True,
        )
    except OSError as error:
        raise ScoringError(
            f"The package could not be tried, for no process could be started: {error.strerror}."
        ) from None


def answer_of(child: subprocess.Popen[bytes]) -> bytes | None:
    """What the process says until its end; None: it takes too long."""
    assert child.stdout is not None  # noqa: S101 - made with pipes
    assert child.stdin is not None  # noqa: S101
    timer = threading.Timer(TOTAL_TIMEOUT_S, end, [child])
    timer.daemon = True
    timer.start()
    try:
        with child.stdout, child.stdin:
            answer = child.stdout.read(_ANSWER_LIMIT)
    finally:
        in_time = timer.is_alive()
        timer.cancel()
    return answer if in_time else None


def judged(answer: bytes | None, returncode: int, memory: int) -> dict[str, Any]:
    """The answer, with the reason why the package is refused in `refused`; None there: it runs.

    Args:
        answer: as `answer_of` gave it.
        memory: bytes that the package might take.
    """
    if answer is None or returncode == -signal.SIGXCPU:
        return {
            "refused": "The package takes too long to load and to run on one image: make its model smaller."
        }
    try:
        told: dict[str, Any] = json.loads(answer)
        _ = told["refused"]
    except (ValueError, KeyError, TypeError):
        how = signal.Signals(-returncode).name if returncode < 0 else f"exit code {returncode}"
        return {
            "refused": f"The package ended the process that tried it ({how}): most likely it takes more than "
            f"{memory >> 20} MiB of memory to load and to run. Make its model smaller."
        }
    return told


def end(child: subprocess.Popen[bytes]) -> None:
    """Ends a process that has not been waited for, and all that it started."""
    if child.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)


def _spare_memory() -> int | None:
    """Bytes that the system could give; None: it does not tell."""
    with suppress(OSError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    return None


def _address_space() -> int:
    with suppress(OSError):
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    return 0
