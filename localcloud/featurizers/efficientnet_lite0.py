"""EfficientNet-Lite0 as two ONNX graphs: the featurizer and the classifier.

Source: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (2019), and
the Lite variants of tensorflow/tpu (models/official/efficientnet/lite): no squeeze-and-excite, ReLU6,
TensorFlow's SAME padding, batch norms with epsilon 1e-3, pixels as (value - 127) / 128.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    import numpy.typing as npt

    Weights = Mapping[str, npt.NDArray[Any]]

SIZE = 224
FEATURES = 1280
CLASSES = 1000

_OPSET = 17
_IR_VERSION = 8
_EPSILON = 1e-3
_PIXEL_MEAN = 127.0
_PIXEL_SCALE = 128.0


@dataclass(frozen=True)
class _Stage:
    """Blocks in a row that differ in nothing but that the first one strides and widens."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)
_STEM_CHANNELS = 32


class _Graph:
    """Nodes and weights as they are added; the names follow the checkpoint's."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def constant(self, name: str, values: npt.NDArray[Any]) -> str:
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def weight(self, name: str, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
        """A weight of the checkpoint; KeyError or ValueError where it is not what this network has."""
        if name not in self._weights:
            raise ValueError(f"The checkpoint has no {name}: it is not EfficientNet-Lite0's.")
        if self._weights[name].shape != shape:
            raise ValueError(
                f"{name} has shape {self._weights[name].shape}; EfficientNet-Lite0's is {shape}."
            )
        return self._weights[name]

    def convolution(
        self,
        source: str,
        name: str,
        norm: str,
        *,
        size: int,
        kernel: int,
        stride: int,
        channels: tuple[int, int],
        depthwise: bool = False,
        scale: float = 1.0,
    ) -> str:
        """A convolution with its batch norm folded in, over a square of `size`, padded as TensorFlow does."""
        before, after = channels
        kernels = self.weight(f"{name}.weight", (after, 1 if depthwise else before, kernel, kernel))
        gamma, beta, mean, variance = (
            self.weight(f"{norm}.{part}", (after,)).astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = gamma / np.sqrt(variance + _EPSILON)
        folded = kernels.astype(np.float64) * factor[:, None, None, None] / scale
        padding = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        first, last = padding // 2, padding - padding // 2
        return self.add(
            "Conv",
            [
                source,
                self.constant(f"{name}.weight", folded.astype(np.float32)),
                self.constant(f"{name}.bias", (beta - mean * factor).astype(np.float32)),
            ],
            name,
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[first, first, last, last],
            group=after if depthwise else 1,
        )

    def relu6(self, source: str) -> str:
        return self.add("Clip", [source, "zero", "six"], f"{source}.relu6")


def featurizer(weights: Weights) -> onnx.ModelProto:
    """Images to pooled features.

    Input `images`: float32 [n, 224, 224, 3], RGB, 0 to 255. Output `features`: float32 [n, 1, 1, 1280].

    Raises:
        ValueError: the weights are not EfficientNet-Lite0's.
    """
    graph = _Graph(weights)
    graph.constant("zero", np.array(0, dtype=np.float32))
    graph.constant("six", np.array(6, dtype=np.float32))
    graph.constant("pixel_mean", np.array(_PIXEL_MEAN, dtype=np.float32))
    # The mean is taken off before the padding, which stands for zero; the scale can go into the weights.
    centred = graph.add("Sub", ["images", "pixel_mean"], "centred")
    value = graph.add("Transpose", [centred], "planes", perm=[0, 3, 1, 2])
    value = graph.relu6(
        graph.convolution(
            value,
            "_conv_stem",
            "_bn0",
            size=SIZE,
            kernel=3,
            stride=2,
            channels=(3, _STEM_CHANNELS),
            scale=_PIXEL_SCALE,
        )
    )
    size, channels, number = SIZE // 2, _STEM_CHANNELS, 0
    for stage in _STAGES:
        for repeat in range(stage.repeats):
            stride = stage.stride if repeat == 0 else 1
            value = _block(graph, value, f"_blocks.{number}", stage, size, stride, channels)
            size, channels, number = -(-size // stride), stage.channels, number + 1
    value = graph.relu6(
        graph.convolution(
            value, "_conv_head", "_bn1", size=size, kernel=1, stride=1, channels=(channels, FEATURES)
        )
    )
    value = graph.add("GlobalAveragePool", [value], "pooled")
    graph.add("Transpose", [value], "features", perm=[0, 2, 3, 1])
    return _model(graph, "featurizer", ("images", [SIZE, SIZE, 3]), ("features", [1, 1, FEATURES]))


def classifier(weights: Weights) -> onnx.ModelProto:
    """Pooled features to the probabilities of ImageNet's 1000 classes.

    Input `features`: float32 [n, 1, 1, 1280]. Output `probabilities`: float32 [n, 1000].

    Raises:
        ValueError: the weights are not EfficientNet-Lite0's.
    """
    graph = _Graph(weights)
    weight = graph.constant("_fc.weight", graph.weight("_fc.weight", (CLASSES, FEATURES)))
    bias = graph.constant("_fc.bias", graph.weight("_fc.bias", (CLASSES,)))
    flat = graph.add("Flatten", ["features"], "flat", axis=1)
    logits = graph.add("Gemm", [flat, weight, bias], "logits", transB=1)
    graph.add("Softmax", [logits], "probabilities", axis=1)
    return _model(graph, "classifier", ("features", [1, 1, FEATURES]), ("probabilities", [CLASSES]))


def _block(
    graph: _Graph, source: str, name: str, stage: _Stage, size: int, stride: int, channels: int
) -> str:
    """Expand, filter each channel by itself, project; added to what came in where the shapes agree."""
    value, wide = source, channels * stage.expansion
    if stage.expansion != 1:
        expand = graph.convolution(
            value,
            f"{name}._expand_conv",
            f"{name}._bn0",
            size=size,
            kernel=1,
            stride=1,
            channels=(channels, wide),
        )
        value = graph.relu6(expand)
    filtered = graph.convolution(
        value,
        f"{name}._depthwise_conv",
        f"{name}._bn1",
        size=size,
        kernel=stage.kernel,
        stride=stride,
        channels=(wide, wide),
        depthwise=True,
    )
    value = graph.convolution(
        graph.relu6(filtered),
        f"{name}._project_conv",
        f"{name}._bn2",
        size=-(-size // stride),
        kernel=1,
        stride=1,
        channels=(wide, stage.channels),
    )
    if stride == 1 and channels == stage.channels:
        return graph.add("Add", [source, value], f"{name}.sum")
    return value


def _model(
    graph: _Graph, name: str, source: tuple[str, list[int]], result: tuple[str, list[int]]
) -> onnx.ModelProto:
    inputs, outputs = (
        [helper.make_tensor_value_info(tensor, TensorProto.FLOAT, ["n", *shape])]
        for tensor, shape in (source, result)
    )
    model = helper.make_model(
        helper.make_graph(graph.nodes, name, inputs, outputs, graph.initializers),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="fpga-web-service",
    )
    onnx.checker.check_model(model, full_check=True)
    return model
