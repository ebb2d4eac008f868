"""ONNX files as people bring them: made with onnx's helper, each some hundred bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

Shape = Sequence[int | str]


def saved(
    path: Path,
    nodes: Sequence[NodeProto],
    source: Shape | None,
    result: Shape,
    *,
    element: int = TensorProto.FLOAT,
    weights: dict[str, npt.NDArray[np.float32]] | None = None,
    domains: Sequence[str] = (),
) -> ModelProto:
    """A model from `x` to `y`, in a file."""
    graph = helper.make_graph(
        nodes,
        "own",
        [helper.make_tensor_value_info("x", element, source)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, result)],
        [numpy_helper.from_array(value, name) for name, value in (weights or {}).items()],
    )
    imports = [helper.make_opsetid("", 17), *(helper.make_opsetid(domain, 1) for domain in domains)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    path.write_bytes(model.SerializeToString())
    return model


def mean_colour(path: Path, source: Shape = ("n", 3, 64, 64)) -> Path:
    """The mean of each channel of an NCHW photo: three scores, as a classifier's."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["x"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["y"]),
    ]
    saved(path, nodes, source, ["n", "channels"])
    return path


def identity(path: Path, source: Shape, *, element: int = TensorProto.FLOAT) -> Path:
    """A model that gives, as floats, what it takes."""
    saved(
        path, [helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT)], source, source, element=element
    )
    return path


def head(path: Path, features: Sequence[int | str], classes: int = 3) -> Path:
    """A classifier of features, with random weights."""
    random = np.random.default_rng(0)
    size = int(np.prod([size for size in features if isinstance(size, int)]))
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weight"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["y"], axis=1),
    ]
    weight = random.normal(size=(size, classes)).astype(np.float32)
    saved(path, nodes, features, ["n", classes], weights={"weight": weight})
    return path


def outside(path: Path, location: str, *, offset: str = "0", length: str = "12") -> Path:
    """A model of three scores, whose weights are said to be in another file."""
    model = saved(
        path,
        [
            helper.make_node("ReduceMean", ["x"], ["mean"], axes=[2, 3], keepdims=0),
            helper.make_node("Mul", ["mean", "weight"], ["y"]),
        ],
        ["n", 3, 8, 8],
        ["n", 3],
        weights={"weight": np.zeros(3, dtype=np.float32)},
    )
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        weight.external_data.add(key=key, value=value)
    path.write_bytes(model.SerializeToString())
    return path
