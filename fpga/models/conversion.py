"""A package of 2018 with stages of TensorFlow and Keras made one of ONNX stages, by TensorFlow itself.

localcloud runs no TensorFlow: its graphs may read and write files, and Keras' layers hold Python.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any, Final

from clients.wire.model_package import DEFINITION
from fpga.errors import CommandError
from fpga.models.tensorflow_export import OUT_OF_MEMORY
from surroundings import json_text, variables

KINDS: Final = ("tensorflow", "keras")
_KEPT: Final = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH")
_INSTALL: Final = (
    "TensorFlow is not installed beside this command: `pip install 'fpga-web-service[tensorflow]'`, in a "
    "checkout `.local/venv/bin/pip install -e '.[tensorflow]'`, some 1.5 GB; there is none for Python 3.14."
)


@dataclass(frozen=True)
class Limits:
    """What the conversion of a stage may take.

    Attributes:
        memory: bytes, beside TensorFlow itself.
        timeout_s: seconds of wall time.
    """

    memory: int
    timeout_s: float


@dataclass(frozen=True)
class Converted:
    """A package whose stages are all localcloud's.

    Attributes:
        files: contents by their names.
        stages: one line about each that was converted; none: it had none to convert.
    """

    files: Mapping[str, bytes]
    stages: tuple[str, ...]


def converted(files: Mapping[str, bytes], limits: Limits) -> Converted:
    """Converts the files of a package.

    Args:
        limits: of each stage.

    Raises:
        CommandError: TensorFlow is missing, cannot read a stage, or takes more than it may.
    """
    definition = _definition(files)
    made, told, replaced = dict(files), [], []
    for number, stage in enumerate(definition["pipeline"]):
        if not isinstance(stage, dict) or stage.get("type") not in KINDS:
            continue
        where = f"{DEFINITION}: pipeline[{number}]"
        path = _text(stage, where, "model_path")
        inside = {name for name in files if name == path or name.startswith(f"{path.rstrip('/')}/")}
        if not inside:
            raise CommandError(f"{where}.model_path {path[:100]!r} is not in the package.")
        content, source, result = _exported(
            where, stage, path, {name: files[name] for name in inside}, limits
        )
        name = _free(f"{PurePosixPath(path).stem or 'model'}.onnx", made)
        made[name] = content
        replaced += sorted(inside)
        told.append(f"pipeline[{number}] {path} ({stage['type']}) to {name}: {source} to {result}")
        stage.clear()
        stage |= {"type": "onnx", "model_path": name, "input_tensor": source, "output_tensor": result}
    for name in replaced:
        made.pop(name, None)
    made[DEFINITION] = (json.dumps(definition, indent=2) + "\n").encode()
    return Converted(made, tuple(told))


def _definition(files: Mapping[str, bytes]) -> dict[str, Any]:
    if DEFINITION not in files:
        raise CommandError(f"The package has no {DEFINITION} at its root.")
    try:
        read = json_text.loads(files[DEFINITION])
    except ValueError as error:
        raise CommandError(f"{DEFINITION} is not JSON: {error}") from None
    if not isinstance(read, dict) or not isinstance(read.get("pipeline"), list):
        raise CommandError(f"{DEFINITION} has no list of stages, pipeline.")
    return read


def _text(stage: Mapping[str, Any], where: str, name: str) -> str:
    value = stage.get(name)
    if not isinstance(value, str) or not value:
        raise CommandError(f"{where}.{name} must be a text.")
    return value


def _free(name: str, taken: Mapping[str, bytes]) -> str:
    stem = name.removesuffix(".onnx")
    return next(one for one in (name, *(f"{stem}-{n}.onnx" for n in range(1, 99))) if one not in taken)


def _exported(
    where: str, stage: Mapping[str, Any], path: str, files: Mapping[str, bytes], limits: Limits
) -> tuple[bytes, str, str]:
    """The ONNX model of a stage, and the names of its input and output."""
    if find_spec("tensorflow") is None or find_spec("tf2onnx") is None:
        raise CommandError(f"{where} is of type {stage['type']}. {_INSTALL}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "package"
        for name, content in files.items():
            file = folder / name  # names were checked as the package was read
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        out = Path(scratch) / "stage.onnx"
        asked = {
            "kind": stage["type"],
            "path": str(folder / path),
            "out": str(out),
            "input": stage.get("input_tensor") or "",
            "output": stage.get("output_tensor") or "",
            "memory": limits.memory,
        }
        done = _run(asked, limits.timeout_s)
        if done is None:
            raise CommandError(
                f"{where}: TensorFlow did not convert {path} in {limits.timeout_s:g} s: --timeout gives it "
                "more of them."
            )
        if done.returncode == OUT_OF_MEMORY or done.returncode < 0:
            ended = f" (it ended by {signal.Signals(-done.returncode).name})" if done.returncode < 0 else ""
            raise CommandError(
                f"{where}: TensorFlow takes more than {limits.memory >> 20} MiB of memory to convert {path}"
                f"{ended}: --memory-limit MIB allows it more, where the machine has it."
            )
        if done.returncode != 0 or not out.is_file():
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            raise CommandError(
                f"{where}: TensorFlow cannot convert {path}: {lines[-1] if lines else 'no reason'}"
            )
        told = json.loads(done.stdout.splitlines()[-1])
        return out.read_bytes(), str(told["input"]), str(told["output"])


def _run(asked: Mapping[str, Any], timeout_s: float) -> subprocess.CompletedProcess[str] | None:
    """The process that converts, once it has ended; None: it was ended, for it took too long."""
    command = [sys.executable, "-m", "fpga.models.tensorflow_export"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        # none of this shell's secrets: a model of TensorFlow may run what it likes
        env=variables.made({name: os.environ[name] for name in _KEPT if name in os.environ}),
        start_new_session=True,
    ) as child:
        try:
            stdout, stderr = child.communicate(json.dumps(asked), timeout_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)  # with all that it has started
    return subprocess.CompletedProcess(command, child.returncode, stdout, stderr)
