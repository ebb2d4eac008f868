"""`python -m fpga.models.tensorflow_export`: a model of TensorFlow or Keras to ONNX, where they are.

Reads a JSON object from standard input (`kind`, `path`, `out`, `input`, `output`, `memory`), writes the ONNX
file, and prints the names of its input and output as JSON on the last line. Before it reads the model it
takes from itself, for good (setrlimit(2)), memory beyond the limit (RLIMIT_AS) and core dumps.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any, Final

OPSET: Final = 17
OUT_OF_MEMORY: Final = 3
"""Exit code where the conversion took more memory than it may."""
_NO_MEMORY: Final = ("bad_alloc", "OOM when allocating", "Unable to allocate", "Cannot allocate memory")


def main() -> None:
    """Converts it; what cannot be converted ends with TensorFlow's own words on the last line."""
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    asked = json.load(sys.stdin)
    path = Path(asked["path"])
    import tensorflow  # noqa: F401 - what it takes itself does not count
    import tf2onnx  # noqa: F401

    _limit(asked["memory"])
    try:
        if asked["kind"] == "keras":
            model = _keras(path)
        elif path.is_dir():
            model = _saved_model(path, asked["output"])
        else:
            model = _frozen_graph(path, asked["input"], asked["output"])
        Path(asked["out"]).write_bytes(model.SerializeToString())
    except Exception as error:  # whatever TensorFlow raises: it has no root of its own
        if isinstance(error, MemoryError) or any(words in str(error) for words in _NO_MEMORY):
            raise SystemExit(OUT_OF_MEMORY) from None
        words = " ".join(str(error).split())[:500]
        raise SystemExit(f"{type(error).__name__}: {words}") from None
    print(json.dumps({"input": model.graph.input[0].name, "output": model.graph.output[0].name}))


def _limit(memory: int) -> None:
    """Has this process take no more than so many bytes beside those that it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = pages * resource.getpagesize() + memory
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _keras(path: Path) -> Any:
    import tensorflow as tf

    # without the Python that a layer may hold
    model = tf.keras.models.load_model(path, compile=False, safe_mode=True)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ValueError(
            f"it has {len(model.inputs)} inputs and {len(model.outputs)} outputs; a stage has one"
        )
    taken = model.inputs[0]
    return _of_function(lambda value: model(value, training=False), taken.shape[1:], taken.dtype)


def _saved_model(path: Path, output: str) -> Any:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    function = loaded.signatures["serving_default"]
    (name, taken), *others = function.structured_input_signature[1].items()
    results = list(function.structured_outputs)
    if others:
        raise ValueError(f"its signature takes {1 + len(others)} inputs; a stage has one")
    wanted = output if output in results else results[0]
    if wanted != output and len(results) > 1:
        raise ValueError(f"output_tensor {output!r} is none of its outputs: {', '.join(results)}")
    return _of_function(lambda value: function(**{name: value})[wanted], taken.shape[1:], taken.dtype)


def _of_function(function: Any, shape: Any, dtype: Any) -> Any:
    import tensorflow as tf
    import tf2onnx

    signature = [tf.TensorSpec((None, *shape), dtype, name="input")]
    model, _ = tf2onnx.convert.from_function(tf.function(function), input_signature=signature, opset=OPSET)
    return model


def _frozen_graph(path: Path, source: str, result: str) -> Any:
    import tensorflow as tf
    import tf2onnx

    graph = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    model, _ = tf2onnx.convert.from_graph_def(
        graph, input_names=[_tensor(source)], output_names=[_tensor(result)], opset=OPSET
    )
    return model


def _tensor(name: str) -> str:
    return name if ":" in name else f"{name}:0"


if __name__ == "__main__":
    main()
