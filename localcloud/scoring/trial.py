"""`python -m localcloud.scoring.trial`: a package loaded and tried in a process that may end of it.

Its starter (`localcloud/modelmanagement/trials.py`) reads one line of JSON from standard output:
`{"refused": null}`, or the reason in words. Before anything of the package is loaded this process takes
from itself, for good (setrlimit(2)): memory beyond the limit (RLIMIT_AS), processor time (RLIMIT_CPU), every
new file and socket (RLIMIT_NOFILE 0), every byte written to a file (RLIMIT_FSIZE 0) and core dumps. It does
not take from itself what needs a namespace or a filter of system calls: starting processes, which have the
same limits, and signals to processes of the same user.
"""

from __future__ import annotations

import json
import math
import os
import resource
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from clients.wire import model_package
from clients.wire.model_package import BrainwaveStage, read_package
from clients.wire.onnx_model import warm_up
from clients.wire.stages import TRIAL_TIMEOUT_S
from localcloud.scoring.device import Device
from localcloud.scoring.errors import PackageError
from localcloud.scoring.pipeline import load_package

_TEXT_LIMIT: Final = 4000
_NO_MEMORY: Final = ("bad_alloc", "Failed to allocate", "Unable to allocate")


def main(arguments: Sequence[str]) -> int:
    """Tries one package.

    Args:
        arguments: the package's file, the folder of featurizers, and how many bytes of memory it may take.
    """
    package, featurizers, memory = Path(arguments[0]), Path(arguments[1]), int(arguments[2])
    answer = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what native code says is no answer
    threading.Thread(target=_end_with_the_starter, daemon=True).start()
    with suppress(OSError):  # should the machine run out of memory: this process, not the server
        Path("/proc/self/oom_score_adj").write_text("1000")
    warm_up()
    try:
        refused = _refusal(package.read_bytes(), Device(featurizers), memory)
    except (MemoryError, RuntimeError) as error:
        refused = too_large(memory) if _is_of_memory(error) else f"{type(error).__name__}: {error}"
    os.write(answer, json.dumps({"refused": refused and refused[:_TEXT_LIMIT]}).encode() + b"\n")
    return 0


def too_large(memory: int) -> str:
    """The sentence about a package that takes more memory than it may, in bytes."""
    return f"The package takes more than {memory >> 20} MiB of memory to load and to run: make it smaller."


def _refusal(content: bytes, device: Device, memory: int) -> str | None:
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
        _limit(resource.RLIMIT_NOFILE, 0)
        load_package(content, device)
    except (PackageError, model_package.PackageError) as error:
        return too_large(memory) if _is_of_memory(error) else str(error)
    return None


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
