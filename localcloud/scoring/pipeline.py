"""The stages of a model package, ready to run on the device."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from clients.wire import model_package
from clients.wire.messages import DT_FLOAT, DT_STRING, TensorProto
from clients.wire.model_package import BrainwaveStage, ClassLabels, OnnxStage, read_package
from clients.wire.stages import TRIAL_TIMEOUT_S, Step, check_scores, image_size, name_of, step_of
from clients.wire.tensorflow_serving import (
    INPUT,
    TensorError,
    array_from_tensor,
    data_type_name,
    shape_of,
    tensor_from_array,
)
from clients.wire.trial import check_dims
from localcloud.scoring import request
from localcloud.scoring.device import Device
from localcloud.scoring.errors import InputError, PackageError
from localcloud.scoring.images import decode_image
from localcloud.scoring.scorer import ModelShape

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Pipeline:
    """From the `images` of a request to its `output_alias`, in this process: a `Scorer`.

    Attributes:
        height, width: the size in pixels of the images that the first stage takes.
        shape: of all that callers are told.
    """

    computes_here = True

    def __init__(
        self, steps: Sequence[Step], height: int, width: int, labels: ClassLabels | None = None
    ) -> None:
        self._steps = tuple(steps)
        self._labels = labels
        self.height = height
        self.width = width
        names = tuple(labels.names) if labels else ()
        self.shape = ModelShape(height, width, names, self._steps[-1].result.shape)

    def answer(self, message: bytes, timeout_s: float | None) -> bytes:  # noqa: ARG002 - of `Scorer`
        """The answer to a call, as `Scorer` has it; once it has begun, it is computed to its end.

        Raises:
            InputError: it cannot be scored.
        """
        asked = request.read(message)
        return request.answer(asked, self.score(asked.inputs[INPUT]), self.shape.labels)

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
        import numpy as np

        try:
            shape = shape_of(images)
            if len(shape) != 4 or shape[0] < 1 or shape[1:] != (self.height, self.width, 3):
                raise InputError(
                    f"images has the shape {list(shape)}; this service takes {self._expected()}."
                )
            pixels = array_from_tensor(images)
        except TensorError as error:
            raise InputError(f"images: {error}") from error
        wrong = int(pixels.size - np.isfinite(pixels).sum())
        if wrong:
            raise InputError(
                f"images has {wrong} values that are NaN or infinite; pixels are numbers from 0 to 255."
            )
        return pixels

    def _expected(self) -> str:
        return f"[n, {self.height}, {self.width}, 3]"

    def _run_one(self, value: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        for step in self._steps:
            value = step.run(value)
        return value

    def _try(self, timeout_s: float) -> None:
        """Runs a black image: what declared shapes do not show, shows here and not at the first call."""
        import numpy as np

        value, giver = np.zeros((1, self.height, self.width, 3), dtype=np.float32), ""
        for step in self._steps:
            value, giver = step.tried(value, giver, timeout_s), step.as_giver
        check_scores(self._steps[-1].name, value, self._labels)


def load_package(content: bytes, device: Device, timeout_s: float | None = TRIAL_TIMEOUT_S) -> Pipeline:
    """A package's pipeline, tried on a black image.

    Args:
        content: the zip file.
        device: has the built-in featurizers.
        timeout_s: how long one stage may take on that image, in seconds; None: it was tried before.

    Raises:
        PackageError: the package is broken, asks for a featurizer that the device has not, or its stages do
            not fit each other.
    """
    try:
        package = read_package(content)
        steps = [_step(device, number, stage) for number, stage in enumerate(package.stages)]
        pipeline = Pipeline(steps, *image_size(steps[0]), package.labels)
        if timeout_s is not None:
            pipeline._try(timeout_s)
    except model_package.PackageError as error:
        raise PackageError(str(error)) from error
    _trim_heap()
    return pipeline


def _step(device: Device, number: int, stage: BrainwaveStage | OnnxStage) -> Step:
    if isinstance(stage, BrainwaveStage):
        return _featurize(device, f"pipeline[{number}] ({stage.model_ref})", stage)
    name = name_of(number, stage)
    try:
        model = device.load(stage.content)
    except model_package.PackageError as error:
        raise model_package.PackageError(f"{name}: {error}") from error
    return step_of(name, model, stage.input_tensor, stage.output_tensor)


def _featurize(device: Device, name: str, stage: BrainwaveStage) -> Step:
    featurizer = device.featurizer(stage)
    check_dims(name, stage, featurizer.output_tensor_dims)
    return step_of(name, device.load(featurizer.path), featurizer.input_tensor, featurizer.output_tensor)


def _trim_heap() -> None:
    """Gives freed memory back to the system, where the C library has a call for it (glibc).

    A load takes and frees blocks of many megabytes. What a deployment then keeps in between makes glibc take
    new ones for the next load: without this the process grows by the size of the package each time.
    """
    import ctypes

    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
