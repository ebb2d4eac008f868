"""The stages of a model package, ready to run on the device."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcloud.scoring.device import Device, Model, Tensor
from localcloud.scoring.errors import InputError, PackageError
from localcloud.scoring.images import decode_image
from localcloud.scoring.package import BrainwaveStage, OnnxStage, read_package
from wire.tensorflow_serving import (
    DT_FLOAT,
    DT_STRING,
    TensorError,
    TensorProto,
    array_from_tensor,
    data_type_name,
    shape_of,
    tensor_from_array,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

TRIAL_TIMEOUT_S = 30.0
_FLOAT = "tensor(float)"


@dataclass(frozen=True)
class _Step:
    """One model to run; `name` says in errors which stage of the package it is."""

    name: str
    model: Model
    source: Tensor
    result: Tensor


class Pipeline:
    """From the `images` of a request to its `output_alias`; any number of threads may run it at a time.

    Attributes:
        height, width: the size in pixels of the images that the first stage takes.
    """

    def __init__(self, steps: Sequence[_Step], height: int, width: int) -> None:
        self._steps = tuple(steps)
        self.height = height
        self.width = width

    def run(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Scores for images.

        Args:
            images: float32 [n, height, width, 3], RGB, 0 to 255.

        Returns:
            What the last stage gives, one row an image: float32 [n, classes] for a classifier.
        """
        import numpy as np

        # One image at a time: a batch is no faster on one core, and takes memory by its length.
        return np.concatenate([self._run_one(images[i : i + 1]) for i in range(len(images))])

    def score(self, images: TensorProto) -> TensorProto:
        """Scores for the tensor of a request.

        Args:
            images: DT_STRING with the bytes of one image file, or DT_FLOAT [n, height, width, 3].

        Raises:
            InputError: it is neither, or cannot be read.
        """
        if images.dtype == DT_STRING:
            if len(images.string_val) != 1:
                raise InputError(
                    f"images holds {len(images.string_val)} files; send one a call, as DT_STRING [1]."
                )
            pixels = decode_image(images.string_val[0], self.height, self.width)
        elif images.dtype == DT_FLOAT:
            pixels = self._pixels(images)
        else:
            raise InputError(
                f"images is of type {data_type_name(images.dtype)}; this service takes DT_STRING [1], "
                f"an image file, or DT_FLOAT {self._expected()}, its pixels."
            )
        return tensor_from_array(self.run(pixels))

    def _pixels(self, images: TensorProto) -> npt.NDArray[np.float32]:
        try:
            shape = shape_of(images)
            if len(shape) != 4 or shape[0] < 1 or shape[1:] != (self.height, self.width, 3):
                raise InputError(
                    f"images has the shape {list(shape)}; this service takes {self._expected()}."
                )
            return array_from_tensor(images)
        except TensorError as error:
            raise InputError(f"images: {error}") from error

    def _expected(self) -> str:
        return f"[n, {self.height}, {self.width}, 3]"

    def _run_one(self, value: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        for step in self._steps:
            value = step.model.run(step.source.name, step.result.name, value)
        return value

    def _try(self) -> None:
        """Runs a black image: what declared shapes do not show, shows here and not at the first call."""
        import numpy as np

        value = np.zeros((1, self.height, self.width, 3), dtype=np.float32)
        for step in self._steps:
            try:
                value = step.model.run_within(TRIAL_TIMEOUT_S, step.source.name, step.result.name, value)
            except Exception as error:  # onnxruntime's errors have no root of their own
                raise PackageError(f"{step.name} fails on a black image: {error}") from error
        if value.ndim < 2 or value.shape[0] != 1:
            raise PackageError(
                f"{self._steps[-1].name} gives an output of shape {list(value.shape)} for one image; "
                "the first size must be the number of images, as in [1, 1000]."
            )


def load_package(content: bytes, device: Device) -> Pipeline:
    """A package's pipeline, tried on a black image.

    Args:
        content: the zip file.
        device: has the built-in featurizers.

    Raises:
        PackageError: the package is broken, asks for a featurizer that the device has not, or its stages do
            not fit each other.
    """
    steps: list[_Step] = []
    for number, stage in enumerate(read_package(content)):
        name = f"pipeline[{number}]"
        step = (
            _featurize(device, stage, name)
            if isinstance(stage, BrainwaveStage)
            else _infer(device, stage, name)
        )
        if steps and not _fits(steps[-1].result.shape, step.source.shape):
            raise PackageError(
                f"{step.name} takes {step.source.name} of shape {_shape(step.source)}, but {steps[-1].name} "
                f"gives {steps[-1].result.name} of shape {_shape(steps[-1].result)}."
            )
        steps.append(step)
    height, width = _image_size(steps[0])
    pipeline = Pipeline(steps, height, width)
    pipeline._try()
    _trim_heap()
    return pipeline


def _featurize(device: Device, stage: BrainwaveStage, name: str) -> _Step:
    featurizer = device.featurizer(stage.model_ref, stage.model_version)
    if stage.output_tensor_dims != featurizer.output_tensor_dims:
        raise PackageError(
            f"{name}.output_tensor_dims is {list(stage.output_tensor_dims)}, but {stage.model_ref} "
            f"{stage.model_version} gives {list(featurizer.output_tensor_dims)}."
        )
    model = device.load(featurizer.path)
    full_name = f"{name} ({stage.model_ref})"
    return _step(full_name, model, featurizer.input_tensor, featurizer.output_tensor)


def _infer(device: Device, stage: OnnxStage, name: str) -> _Step:
    full_name = f"{name} ({stage.model_path})"
    try:
        model = device.load(stage.content)
    except PackageError as error:
        raise PackageError(f"{full_name}: {error}") from error
    if len(model.inputs) > 1:
        names = ", ".join(tensor.name for tensor in model.inputs)
        raise PackageError(f"{full_name} takes several inputs ({names}); a stage takes one.")
    return _step(full_name, model, stage.input_tensor, stage.output_tensor)


def _step(name: str, model: Model, input_tensor: str, output_tensor: str) -> _Step:
    source = _find(f"{name}: input_tensor", input_tensor, model.inputs)
    result = _find(f"{name}: output_tensor", output_tensor, model.outputs)
    return _Step(name, model, source, result)


def _find(where: str, name: str, tensors: Sequence[Tensor]) -> Tensor:
    for tensor in tensors:
        if tensor.name == name:
            if tensor.type != _FLOAT:
                raise PackageError(f"{where} {name!r} is a {tensor.type}; stages pass {_FLOAT} on.")
            return tensor
    raise PackageError(f"{where} {name!r} is not in the model; it has {', '.join(t.name for t in tensors)}.")


def _image_size(first: _Step) -> tuple[int, int]:
    match first.source.shape:
        case (_, int(height), int(width), 3):
            return height, width
    raise PackageError(
        f"{first.name} takes {first.source.name} of shape {_shape(first.source)}; "
        "the first stage takes images of shape [n, height, width, 3]."
    )


def _fits(given: Sequence[int | None], taken: Sequence[int | None]) -> bool:
    return len(given) == len(taken) and all(
        a is None or b is None or a == b for a, b in zip(given, taken, strict=True)
    )


def _shape(tensor: Tensor) -> str:
    return "[" + ", ".join("n" if size is None else str(size) for size in tensor.shape) + "]"


def _trim_heap() -> None:
    """Gives freed memory back to the system, where the C library has a call for it (glibc).

    A load takes and frees blocks of many megabytes. What a deployment then keeps in between makes glibc take
    new ones for the next load: without this the process grows by the size of the package each time.
    """
    import ctypes

    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
