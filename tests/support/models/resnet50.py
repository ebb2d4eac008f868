"""A ResNet-50 (He et al., 2015) with random weights, batch normalization folded, as an ONNX file."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

BLOCKS = ((64, 3), (128, 4), (256, 6), (512, 3))
FEATURES = 2048


class _Network:
    """Its nodes and weights, in the making."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.weights: list[TensorProto] = []
        self._random = np.random.default_rng(50)

    def add(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def convolution(
        self, value: str, channels: tuple[int, int], kernel: int, stride: int = 1, gain: float = 2.0
    ) -> str:
        given, made = channels
        scale = math.sqrt(gain / (given * kernel * kernel))
        weight = self._random.standard_normal((made, given, kernel, kernel), dtype=np.float32) * scale
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(weight.astype(np.float32), name))
        pad = kernel // 2
        return self.add(
            "Conv", [value, name], kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4
        )

    def bottleneck(self, value: str, given: int, width: int, stride: int) -> str:
        made = 4 * width
        inner = self.add("Relu", [self.convolution(value, (given, width), 1)])
        inner = self.add("Relu", [self.convolution(inner, (width, width), 3, stride)])
        inner = self.convolution(inner, (width, made), 1, gain=0.2)  # or sixteen sums would grow
        if (given, stride) != (made, 1):
            value = self.convolution(value, (given, made), 1, stride, gain=1.0)
        return self.add("Relu", [self.add("Add", [value, inner])])


def write(path: Path) -> Path:
    """Writes it: 224 x 224 pixels, NCHW, to 2,048 features; some 90 MiB."""
    network = _Network()
    value = network.add("Relu", [network.convolution("input", (3, 64), 7, 2)])
    value = network.add("MaxPool", [value], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    given = 64
    for stage, (width, count) in enumerate(BLOCKS):
        for block in range(count):
            value = network.bottleneck(value, given, width, 2 if stage and not block else 1)
            given = 4 * width
    network.nodes.append(
        helper.make_node("Flatten", [network.add("GlobalAveragePool", [value])], ["features"])
    )
    graph = helper.make_graph(
        network.nodes,
        "resnet50",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 3, 224, 224])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", FEATURES])],
        network.weights,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path
