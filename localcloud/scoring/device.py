"""What stands for the FPGA: the built-in featurizers, and the runtime of every model."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcloud.scoring.errors import PackageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float32]


_WEIGHTS_FOLDER = "session.model_external_initializers_file_folder_path"


@dataclass(frozen=True)
class Tensor:
    """An input or output of a model: its name, ONNX type (`tensor(float)`) and shape; None: any size."""

    name: str
    type: str
    shape: tuple[int | None, ...]


class Model:
    """A loaded ONNX model; any number of threads may run it at a time."""

    def __init__(self, source: bytes | Path) -> None:
        """Raises PackageError where onnxruntime cannot load it."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # Calls run side by side, one core each: more threads for one call would only get in their way.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        # An arena keeps the memory of the busiest moment for ever, and saves no time that could be measured.
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 4
        if isinstance(source, bytes):
            # Where weights outside the model are looked for, else in the working directory: nothing is there.
            options.add_session_config_entry(_WEIGHTS_FOLDER, os.devnull)
        try:
            self._session = onnxruntime.InferenceSession(
                source if isinstance(source, bytes) else str(source),
                options,
                providers=["CPUExecutionProvider"],
            )
        except Exception as error:  # onnxruntime's errors have no root of their own
            if "external data" in str(error).lower():
                raise PackageError(
                    "the model keeps weights in another file; save it with all its weights inside."
                ) from error
            raise PackageError(f"onnxruntime cannot load the model: {error}") from error
        self.inputs = [_tensor(node) for node in self._session.get_inputs()]
        self.outputs = [_tensor(node) for node in self._session.get_outputs()]

    def run(self, input_tensor: str, output_tensor: str, values: Array) -> Array:
        """One output for one input; raises onnxruntime's own errors."""
        result: Array = self._session.run([output_tensor], {input_tensor: values})[0]
        return result

    def run_within(self, timeout_s: float, input_tensor: str, output_tensor: str, values: Array) -> Array:
        """As `run`, and ended after `timeout_s` seconds: a model may hold a loop without an end.

        Raises:
            PackageError: it took longer.
        """
        import onnxruntime

        options = onnxruntime.RunOptions()
        timer = threading.Timer(timeout_s, setattr, (options, "terminate", True))
        timer.daemon = True
        timer.start()
        try:
            result: Array = self._session.run([output_tensor], {input_tensor: values}, options)[0]
        except Exception as error:
            if options.terminate:
                raise PackageError(f"it takes longer than {timeout_s:g} s") from error
            raise
        finally:
            timer.cancel()
        return result


@dataclass(frozen=True)
class Featurizer:
    """A built-in featurizer: images in, pooled features out."""

    model_ref: str
    model_version: str
    input_tensor: str
    output_tensor: str
    output_tensor_dims: tuple[int, ...]
    path: Path


class Device:
    """The featurizers in a folder, and the models in memory, each loaded once at its first use.

    Args:
        featurizers: folder with `MODEL_REF/MODEL_VERSION/featurizer.json` and `featurizer.onnx`.
    """

    def __init__(self, featurizers: Path) -> None:
        self._folder = featurizers
        self._lock = threading.Lock()
        self._loaded: weakref.WeakValueDictionary[str, Model] = weakref.WeakValueDictionary()

    def featurizers(self) -> list[Featurizer]:
        """What the device has, by name and version."""
        return [_featurizer(path) for path in sorted(self._folder.glob("*/*/featurizer.json"))]

    def featurizer(self, model_ref: str, model_version: str) -> Featurizer:
        """Raises PackageError, naming what there is, where the device has no such featurizer."""
        available = self.featurizers()
        for featurizer in available:
            if (featurizer.model_ref, featurizer.model_version) == (model_ref, model_version):
                return featurizer
        names = ", ".join(f"{one.model_ref} {one.model_version}" for one in available) or "none"
        raise PackageError(
            f"The device has no featurizer {model_ref!r} of version {model_version!r}; it has: {names}."
        )

    def load(self, source: bytes | Path) -> Model:
        """A model that is shared by all who load the same file, for as long as one of them holds it.

        Raises:
            PackageError: onnxruntime cannot load it.
        """
        key = str(source) if isinstance(source, Path) else hashlib.sha256(source).hexdigest()
        with self._lock:
            model = self._loaded.get(key)
            if model is None:
                model = self._loaded[key] = Model(source)
            return model


def _featurizer(path: Path) -> Featurizer:
    described: dict[str, Any] = json.loads(path.read_text())
    return Featurizer(
        model_ref=described["model_ref"],
        model_version=described["model_version"],
        input_tensor=described["input_tensor"],
        output_tensor=described["output_tensor"],
        output_tensor_dims=tuple(described["output_tensor_dims"]),
        path=path.with_name("featurizer.onnx"),
    )


def _tensor(node: Any) -> Tensor:
    return Tensor(node.name, node.type, tuple(n if isinstance(n, int) else None for n in node.shape))
