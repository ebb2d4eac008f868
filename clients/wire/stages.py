"""The rules by which the stages of a package fit each other: tried on a black image.

localcloud holds to them when it deploys a package, the program before it changes anything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from clients.wire.model_package import ClassLabels, OnnxStage, PackageError
from clients.wire.onnx_model import FLOATS, MAPS, Model, Tensor

if TYPE_CHECKING:
    from clients.wire.onnx_model import Array

TRIAL_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True)
class Step:
    """One model to run; `name` says in errors which stage of the package it is."""

    name: str
    model: Model
    source: Tensor
    result: Tensor

    def run(self, value: Array) -> Array:
        """The stage's output for the output of the one before it."""
        fitting = arranged(value, self.source.shape)
        return self.model.run(self.source.name, self.result.name, value if fitting is None else fitting)

    def tried(self, value: Array, giver: str, timeout_s: float = TRIAL_TIMEOUT_S) -> Array:
        """As `run`, with everything checked that declared shapes do not show.

        Args:
            giver: names in errors who gives `value`, and as what.

        Raises:
            PackageError: the stage does not take the value, or fails on it.
        """
        fitting = arranged(value, self.source.shape)
        if fitting is None:
            raise PackageError(
                f"{self.name} takes {self.source.name} of shape {shown(self.source.shape)}, "
                f"but {giver} of shape {shown_value(value)}."
            )
        try:
            return self.model.run_within(timeout_s, self.source.name, self.result.name, fitting)
        except Exception as error:  # onnxruntime's errors have no root of their own
            raise PackageError(f"{self.name} fails on a black image: {error}") from error

    @property
    def as_giver(self) -> str:
        """The stage, for `tried` of the next one."""
        return f"{self.name} gives {self.result.name}"


def step_of(name: str, model: Model, input_tensor: str, output_tensor: str) -> Step:
    """The step that runs a model from one of its inputs to one of its outputs.

    Raises:
        PackageError: there is no such input or output, or stages cannot pass it on.
    """
    if len(model.inputs) > 1:
        names = ", ".join(tensor.name for tensor in model.inputs)
        raise PackageError(f"{name} takes several inputs ({names}); a stage takes one.")
    source = _find(f"{name}: input_tensor", input_tensor, model.inputs, tuple(FLOATS))
    result = _find(f"{name}: output_tensor", output_tensor, model.outputs, (*FLOATS, *MAPS))
    return Step(name, model, source, result)


def name_of(number: int, stage: OnnxStage) -> str:
    """An ONNX stage, by its place in the definition and its file."""
    return f"pipeline[{number}] ({stage.model_path})"


def _find(where: str, name: str, tensors: Sequence[Tensor], types: Sequence[str]) -> Tensor:
    found = next((tensor for tensor in tensors if tensor.name == name), None)
    if found is None:
        there = ", ".join(tensor.name for tensor in tensors)
        raise PackageError(f"{where} {name!r} is not in the model; it has {there}.")
    if found.type not in types:
        others = ", ".join(tensor.name for tensor in tensors if tensor.type in types)
        remedy = f" Name another one: {others}." if others else ""
        raise PackageError(f"{where} {name!r} is a {found.type}; stages pass tensor(float) on.{remedy}")
    return found


def image_size(first: Step) -> tuple[int, int]:
    """Height and width of the images that a first stage takes.

    Raises:
        PackageError: it takes no images.
    """
    match first.source.shape:
        case (_, int(height), int(width), 3):
            return height, width
    raise PackageError(
        f"{first.name} takes {first.source.name} of shape {shown(first.source.shape)}; "
        "the first stage takes images of shape [n, height, width, 3]."
    )


def check_scores(giver: str, value: Array, labels: ClassLabels | None) -> None:
    """Checks the last stage's output for one image: of one image, and of as many classes as have labels.

    Raises:
        PackageError: it is not.
    """
    if value.ndim < 1 or value.shape[0] != 1:
        raise PackageError(
            f"{giver} gives an output of shape {list(value.shape)} for one image; "
            "the first size must be the number of images, as in [1, 1000]."
        )
    if value.size == 0:
        raise PackageError(f"{giver} gives no numbers: an output of shape {list(value.shape)} for one image.")
    if labels is None:
        return
    sizes = [size for size in value.shape[1:] if size != 1]
    if len(sizes) > 1:
        raise PackageError(
            f"{labels.path} names classes, but {giver} gives an output of shape {shown_value(value)}: "
            "labels are for scores of shape [n, classes]."
        )
    if len(labels.names) != math.prod(sizes):
        raise PackageError(
            f"{labels.path} has {len(labels.names)} labels, but {giver} gives {math.prod(sizes)} scores: "
            "write one label a line for each of them, in their order."
        )


def arranged(value: Array, shape: Sequence[int | None]) -> Array | None:
    """The value in a declared shape: ones behind the number of images are no difference.

    None: it does not fit.
    """
    if not shape:
        return value
    if len(shape) == value.ndim and all(
        size is None or size == given for size, given in zip(shape, value.shape, strict=True)
    ):
        return value
    if value.ndim < 1 or shape[0] not in (None, value.shape[0]):
        return None
    given = [size for size in value.shape[1:] if size != 1]
    wanted = [size for size in shape[1:] if size != 1]
    if len(wanted) > len(given):  # sizes that are not told may be ones, too
        wanted = [size for size in wanted if size is not None]
        shape = [1 if index and size is None else size for index, size in enumerate(shape)]
    if len(wanted) != len(given) or any(
        size not in (None, other) for size, other in zip(wanted, given, strict=True)
    ):
        return None
    rest = iter(given)
    return value.reshape(value.shape[0], *(1 if size == 1 else next(rest) for size in shape[1:]))


def shown(shape: Sequence[int | None]) -> str:
    """A declared shape in words."""
    return "[" + ", ".join("n" if size is None else str(size) for size in shape) + "]"


def shown_value(value: Array) -> str:
    """The shape of a value for one image, as a model would declare it."""
    return shown((None, *value.shape[1:]))
