"""The execution providers of onnxruntime: what runs models, the CPU or an accelerator.

Where none are set it is the CPU. Where some are, the CPU takes what they cannot run only if it is among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from localcloud.errors import StartError

CPU: Final = "cpu"
DEFAULT: Final = (CPU,)

_NAMES: Final = {
    CPU: "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "vitisai": "VitisAIExecutionProvider",
}
NAMES: Final = tuple(_NAMES)

_BUILDS: Final = {
    "cuda": "onnxruntime-gpu (NVIDIA)",
    "openvino": "onnxruntime-openvino (Intel)",
    "vitisai": "onnxruntime-vitisai of AMD (Ryzen AI, Versal and Alveo cards)",
}
"""The build of onnxruntime that has each of them."""


def known_to_onnxruntime(providers: Sequence[str]) -> list[str]:
    """The names that onnxruntime has for them."""
    return [_NAMES[one] for one in providers]


def require(providers: Sequence[str], named: str) -> None:
    """Checks that each of them runs a model here.

    Args:
        named: the setting, as somebody wrote it.

    Raises:
        StartError: this onnxruntime has it not, or it does not start on this machine.
    """
    if tuple(providers) == DEFAULT:  # every build has it, and to import one takes its time
        return
    import onnxruntime

    from clients.wire.model_package import PackageError
    from clients.wire.onnx_model import warm_up

    warm_up()
    there = onnxruntime.get_available_providers()
    for one in providers:
        if _NAMES[one] not in there:
            has = ", ".join(name for name in NAMES if _NAMES[name] in there)
            raise StartError(
                f"{named}: the onnxruntime {onnxruntime.__version__} that is installed here has no {one}; it "
                f"has {has}. Install {_BUILDS[one]} in its place, or leave {one} out."
            )
        try:
            start([one])
        except PackageError as error:
            raise StartError(f"{named}: {one} does not start on this machine: {error}") from None


def start(providers: Sequence[str]) -> None:
    """Has them run a model of one operator: they load what they need.

    Raises:
        clients.wire.model_package.PackageError: they cannot.
    """
    import numpy as np
    from onnx import TensorProto, helper

    from clients.wire.model_package import PackageError
    from clients.wire.onnx_model import Model

    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "start",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    try:
        model = Model(made.SerializeToString(), known_to_onnxruntime(providers))
        model.run("x", "y", np.zeros((1, 4), dtype=np.float32))
    except PackageError:
        raise
    except Exception as error:  # onnxruntime's errors have no root of their own
        raise PackageError(str(error)) from error
