"""The stage before a model that takes photos in another way than localcloud gives them: an ONNX model itself.

localcloud gives RGB, 0 to 255, `[n, height, width, 3]`. Each pixel is multiplied with a matrix and added to:
that orders channels, makes them grey, and brings them into their range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from fpga.errors import CommandError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from onnx import GraphProto

_GREY: Final = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow and OpenCV have it


class Layout(StrEnum):
    """The order of an input's sizes."""

    nchw = "nchw"
    nhwc = "nhwc"


class Order(StrEnum):
    """The order of a pixel's channels."""

    rgb = "rgb"
    bgr = "bgr"
    grey = "grey"


@dataclass(frozen=True)
class Pixels:
    """The numbers that a model takes for a pixel: `(value / 255 - mean) / std` of each channel.

    Attributes:
        mean, std: one number for each channel of the model, in the model's order, or one for all.
        order: of the channels where nobody says another one.
        about: in words.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    about: str
    order: Order = Order.rgb


RANGES: Final = {
    "0:255": Pixels((0.0,), (1 / 255,), "0 to 255: the model scales by itself, or not at all"),
    "0:1": Pixels((0.0,), (1.0,), "0 to 1: ToTensor of torchvision, Rescaling(1/255) of Keras"),
    "-1:1": Pixels((0.5,), (0.5,), "-1 to 1: MobileNet, Inception and Xception of Keras"),
    "imagenet": Pixels(
        (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "ImageNet's mean and deviation: models of torchvision"
    ),
    "caffe": Pixels(
        (103.939 / 255, 116.779 / 255, 123.68 / 255),
        (1 / 255,),
        "BGR less ImageNet's mean: ResNet-50 and VGG of Keras, and of Caffe",
        Order.bgr,
    ),
}
"""The ranges that have a name."""


@dataclass(frozen=True)
class Preparation:
    """What becomes of a photo before a model takes it.

    Attributes:
        height, width: in pixels.
    """

    layout: Layout
    order: Order
    pixels: Pixels
    height: int
    width: int

    @property
    def channels(self) -> int:
        """How many numbers the model takes for a pixel."""
        return 1 if self.order is Order.grey else 3

    @property
    def is_needed(self) -> bool:
        """Whether the model takes photos otherwise than localcloud gives them."""
        return (self.layout, self.order, self.pixels) != (Layout.nhwc, Order.rgb, RANGES["0:255"])

    def model(self) -> bytes:
        """The stage, from `images` to `prepared`.

        Raises:
            CommandError: there are more means or deviations than channels.
        """
        import numpy as np
        from onnx import TensorProto, helper, numpy_helper

        mean, std = self._each(self.pixels.mean), self._each(self.pixels.std)
        matrix = np.zeros((3, self.channels), dtype=np.float64)
        if self.order is Order.grey:
            matrix[:, 0] = _GREY
        else:
            for channel in range(3):
                matrix[2 - channel if self.order is Order.bgr else channel, channel] = 1
        matrix /= 255 * std
        shape = [self.height, self.width, self.channels]
        nodes = [
            helper.make_node("MatMul", ["images", "matrix"], ["scaled"]),
            helper.make_node("Add", ["scaled", "shift"], ["shifted"]),
        ]
        if self.layout is Layout.nchw:
            shape = [self.channels, self.height, self.width]
            nodes.append(helper.make_node("Transpose", ["shifted"], ["prepared"], perm=[0, 3, 1, 2]))
        else:
            nodes[-1].output[0] = "prepared"
        graph = helper.make_graph(
            nodes,
            "prepare",
            [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", self.height, self.width, 3])],
            [helper.make_tensor_value_info("prepared", TensorProto.FLOAT, ["n", *shape])],
            [
                numpy_helper.from_array(matrix.astype(np.float32), "matrix"),
                numpy_helper.from_array((-mean / std).astype(np.float32), "shift"),
            ],
        )
        return _serialized(graph)

    def _each(self, given: Sequence[float]) -> npt.NDArray[np.float64]:
        import numpy as np

        if len(given) not in (1, self.channels):
            raise CommandError(
                f"--pixels tells {len(given)} channels, and the model takes {self.channels}: give --mean "
                "and --std for each of them."
            )
        return np.broadcast_to(np.asarray(given, dtype=np.float64), (self.channels,))


def softmax() -> bytes:
    """The stage behind a model whose scores are no probabilities, from `scores` to `probabilities`."""
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1)],
        "softmax",
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", "classes"])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", "classes"])],
    )
    return _serialized(graph)


def _serialized(graph: GraphProto) -> bytes:
    from onnx import helper

    model = helper.make_model(
        graph, producer_name="fpga", opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    content: bytes = model.SerializeToString(deterministic=True)
    return content
