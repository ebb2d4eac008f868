"""A package tried without the device that it is for: what localcloud would refuse about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clients.wire.featurizers import BUILT_IN, BuiltIn
from clients.wire.model_package import BrainwaveStage, OnnxStage, Package, PackageError
from clients.wire.onnx_model import Model
from clients.wire.stages import arranged, check_scores, image_size, name_of, shown, shown_value, step_of

if TYPE_CHECKING:
    from clients.wire.onnx_model import Array


def try_package(package: Package) -> None:
    """Runs a black image through the stages, with features of the declared shape for a built-in featurizer.

    Raises:
        PackageError: the package could not be deployed.
    """
    value: Array | None = None
    giver = ""
    for number, stage in enumerate(package.stages):
        if isinstance(stage, OnnxStage):
            value, giver, scorer = _infer(number, stage, value, giver)
        else:
            value, giver, scorer = _featurize(number, stage, value, giver)
    assert value is not None  # noqa: S101 - a package has a stage at least
    check_scores(scorer, value, package.labels)


def _infer(number: int, stage: OnnxStage, value: Array | None, giver: str) -> tuple[Array, str, str]:
    name = name_of(number, stage)
    try:
        model = Model(stage.content)
    except PackageError as error:
        raise PackageError(f"{name}: {error}") from error
    step = step_of(name, model, stage.input_tensor, stage.output_tensor)
    if value is None:
        value = _zeros(*image_size(step), 3)
    return step.tried(value, giver), step.as_giver, name


def _featurize(number: int, stage: BrainwaveStage, value: Array | None, giver: str) -> tuple[Array, str, str]:
    name = f"pipeline[{number}] ({stage.model_ref})"
    featurizer = _built_in(stage)
    check_dims(name, stage, featurizer.output_tensor_dims)
    taken = (None, *featurizer.input_tensor_dims)
    if value is not None and arranged(value, taken) is None:
        raise PackageError(
            f"{name} takes images of shape {shown(taken)}, but {giver} of shape {shown_value(value)}."
        )
    return _zeros(*featurizer.output_tensor_dims), f"{name} gives features", name


def _built_in(stage: BrainwaveStage) -> BuiltIn:
    for one in BUILT_IN:
        if (one.model_ref, one.model_version) == (stage.model_ref, stage.model_version):
            return one
    there = ", ".join(f"{one.model_ref} {one.model_version}" for one in BUILT_IN)
    raise PackageError(no_featurizer(stage, there))


def no_featurizer(stage: BrainwaveStage, there: str) -> str:
    """The sentence about a featurizer that a device has not.

    Args:
        there: those that it has.
    """
    return (
        f"The device has no featurizer {stage.model_ref!r} of version {stage.model_version!r}; "
        f"it has: {there}."
    )


def check_dims(name: str, stage: BrainwaveStage, given: tuple[int, ...]) -> None:
    """A featurizer gives what the definition says of it.

    Raises:
        PackageError: it gives another shape.
    """
    if stage.output_tensor_dims != given:
        raise PackageError(
            f"{name}.output_tensor_dims is {list(stage.output_tensor_dims)}, but {stage.model_ref} "
            f"{stage.model_version} gives {list(given)}."
        )


def _zeros(*sizes: int) -> Array:
    import numpy as np

    return np.zeros((1, *sizes), dtype=np.float32)
