"""An ONNX model in onnxruntime, with its inputs and outputs as stages of a package pass them on."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, cast

from clients.wire.model_package import PackageError
from surroundings.variables import NO_TELEMETRY

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float32]

# What stages pass on is float32; a model may take and give it in other widths.
FLOATS: Final = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(float16)": "float16"}
# Probabilities by class, in the form in which skl2onnx gives them unless it is told otherwise.
MAPS: Final = ("seq(map(int64,tensor(float)))", "seq(map(string,tensor(float)))")

CPU: Final = "CPUExecutionProvider"
"""onnxruntime's name of the execution provider that each of its builds has."""
_NO_FALLBACK: Final = "session.disable_cpu_ep_fallback"
_WEIGHTS_FOLDER = "session.model_external_initializers_file_folder_path"
_ERROR_HEAD: Final = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")
# the file of onnxruntime's own source, its line and the function's signature
_ERROR_SOURCE: Final = re.compile(r"/\S+:\d+ .*\)(?: \S+ was false\.)? (?=[A-Z])")
_NEWER: Final = ("opset", "IR version")


@dataclass(frozen=True)
class Tensor:
    """An input or output of a model: its name, ONNX type (`tensor(float)`) and shape; None: any size.

    The shape is empty where the model does not tell it.
    """

    name: str
    type: str
    shape: tuple[int | None, ...]


class Model:
    """A loaded ONNX model; any number of threads may run it at a time."""

    def __init__(self, source: bytes | Path, providers: Sequence[str] = (CPU,)) -> None:
        """Loads it.

        Args:
            providers: execution providers, by onnxruntime's names, in the order in which they take its parts.
                The CPU takes what is left over only where it is among them.

        Raises:
            PackageError: onnxruntime cannot load it, or these providers cannot run all of it.
        """
        onnxruntime = _onnxruntime()
        options = onnxruntime.SessionOptions()
        # Calls run side by side, one core each: more threads for one call would only get in their way.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        # An arena keeps the memory of the busiest moment for ever, and saves no time that could be measured.
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 4
        if CPU not in providers:
            options.add_session_config_entry(_NO_FALLBACK, "1")
        if isinstance(source, bytes):
            # Where weights outside the model are looked for, else in the working directory: nothing is there.
            options.add_session_config_entry(_WEIGHTS_FOLDER, os.devnull)
        try:
            self._session = onnxruntime.InferenceSession(
                source if isinstance(source, bytes) else str(source),
                options,
                providers=list(providers),
                enable_fallback=0,  # of its own, to the CPU, where a provider cannot start
            )
        except Exception as error:  # onnxruntime's errors have no root of their own
            raise PackageError(_not_loaded(str(error), onnxruntime.__version__)) from error
        unused = [one for one in providers if one not in self._session.get_providers()]
        if unused:  # it only warns
            raise PackageError(f"onnxruntime cannot use {', '.join(unused)} on this machine.")
        self.inputs = [_tensor(node) for node in self._session.get_inputs()]
        self.outputs = [_tensor(node) for node in self._session.get_outputs()]
        self._types = {tensor.name: FLOATS.get(tensor.type, "float32") for tensor in self.inputs}

    def run(self, input_tensor: str, output_tensor: str, values: Array) -> Array:
        """One output for one input; raises onnxruntime's own errors."""
        return self._run(input_tensor, output_tensor, values, None)

    def run_within(self, timeout_s: float, input_tensor: str, output_tensor: str, values: Array) -> Array:
        """As `run`, and ended after `timeout_s` seconds: a model may hold a loop without an end.

        Raises:
            PackageError: it took longer.
        """
        options = _onnxruntime().RunOptions()
        timer = threading.Timer(timeout_s, setattr, (options, "terminate", True))
        timer.daemon = True
        timer.start()
        try:
            return self._run(input_tensor, output_tensor, values, options)
        except Exception as error:
            if options.terminate:
                raise PackageError(f"it takes longer than {timeout_s:g} s") from error
            raise
        finally:
            timer.cancel()

    def _run(self, input_tensor: str, output_tensor: str, values: Array, options: Any) -> Array:
        given = values.astype(self._types[input_tensor], copy=False)
        return _floats(self._session.run([output_tensor], {input_tensor: given}, options)[0])


def warm_up() -> None:
    """Imports onnxruntime and numpy, which take their time, and which a first model would wait for."""
    _onnxruntime()


def _onnxruntime() -> ModuleType:
    """onnxruntime, which tells nobody of its runs: in a process that settled nothing, too."""
    os.environ.update(NO_TELEMETRY)
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # should another have loaded it before
    return cast("ModuleType", onnxruntime)


def _floats(result: Any) -> Array:
    import numpy as np

    if isinstance(result, list):  # a map of probabilities for each image, whose classes are sorted
        result = [[image[label] for label in sorted(image)] for image in result]
    return np.asarray(result, dtype=np.float32)


def _not_loaded(reason: str, version: str) -> str:
    if "external data" in reason.lower():
        return (
            "the model keeps weights in another file; save it with all its weights inside: "
            "`onnx.save(onnx.load(path), path)`."
        )
    if "fallback to CPU EP has been explicitly disabled" in reason:
        return (
            "the execution providers cannot run all of the model: have localcloud started with cpu as the "
            "last one, which takes the rest (--execution-provider cpu; executionProviders of its file)."
        )
    reason = _ERROR_SOURCE.sub("", _ERROR_HEAD.sub("", reason)).strip()
    newer = any(word in reason for word in _NEWER)
    remedy = f" Export it with an older opset, for onnxruntime {version}." if newer else ""
    return f"onnxruntime cannot load the model: {reason}{remedy}"


def _tensor(node: Any) -> Tensor:
    return Tensor(node.name, node.type, tuple(n if isinstance(n, int) else None for n in node.shape))
