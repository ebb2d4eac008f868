"""A package made of somebody's ONNX files: which stages it needs, by what the files take and give."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from clients.wire.featurizers import BUILT_IN, BuiltIn
from clients.wire.labels import LabelsError, read_labels
from clients.wire.model_package import DEFINITION, RUNTIME_VERSION
from clients.wire.stages import shown
from fpga.errors import CommandError
from fpga.models import preparation
from fpga.models.onnx_file import BYTES, OnnxFile
from fpga.models.preparation import RANGES, Layout, Order, Pixels, Preparation

LABELS: Final = "labels.txt"


@dataclass(frozen=True)
class Wanted:
    """What somebody says of a model's photos, each None where nothing is said.

    Attributes:
        size: height and width in pixels.
        mean, std: as for `Pixels`.
    """

    pixels: str | None = None
    layout: Layout | None = None
    order: Order | None = None
    size: tuple[int, int] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None


class PixelsUnsaid(CommandError):
    """Nobody has said which numbers a model takes for a pixel, and its file does not tell."""


@dataclass(frozen=True)
class NewPackage:
    """A package that is not written yet.

    Attributes:
        files: contents by their names.
        stages: one line about each, in their order.
        labels: of its classes; empty: none.
    """

    files: Mapping[str, bytes]
    stages: Sequence[str]
    labels: Sequence[str]


def made(
    model: OnnxFile,
    wanted: Wanted,
    featurizer: OnnxFile | None = None,
    labels: Path | None = None,
    *,
    softmax: bool = False,
) -> NewPackage:
    """The package that serves a model.

    Args:
        featurizer: a model whose output this one takes; None: a built-in one, where the shape is its own.
        labels: the file of them; None: those that the model's own file has.

    Raises:
        PixelsUnsaid: it takes photos, and `wanted` does not tell their range.
        CommandError: there is no way from a photo to what it takes.
    """
    files: dict[str, bytes] = {}
    stages: list[dict[str, Any]] = []
    told: list[str] = []
    first = featurizer or model
    built_in = None if featurizer else _built_in(model)
    if built_in is not None:
        _refuse_of_photos(model, wanted)
        stages.append(
            {
                "type": "brainwave",
                "model_ref": built_in.model_ref,
                "model_version": built_in.model_version,
                "output_tensor_dims": list(built_in.output_tensor_dims),
            }
        )
        told.append(f"{built_in.model_ref} {built_in.model_version}: a photo to its features")
    else:
        prepared = _preparation(first, wanted)
        if prepared.is_needed:
            _add(files, stages, "prepare.onnx", prepared.model(), "images", "prepared")
            told.append(f"prepare.onnx: photos as {first.path.name} takes them: {_told(prepared)}")
    if featurizer is not None:
        _add(
            files,
            stages,
            "featurizer.onnx",
            featurizer.content,
            featurizer.source.name,
            featurizer.result.name,
        )
        told.append(_line("featurizer.onnx", featurizer))
    _add(files, stages, "model.onnx", model.content, model.source.name, model.result.name)
    told.append(_line("model.onnx", model))
    if softmax:
        _add(files, stages, "softmax.onnx", preparation.softmax(), "scores", "probabilities")
        told.append("softmax.onnx: scores to probabilities")
    definition: dict[str, Any] = {"aml_runtime_version": RUNTIME_VERSION, "pipeline": stages}
    names, content = _labels(model, labels)
    if names:
        files[LABELS] = content
        definition["labels"] = LABELS
    files[DEFINITION] = (json.dumps(definition, indent=2) + "\n").encode()
    return NewPackage(files, told, names)


def _add(
    files: dict[str, bytes], stages: list[dict[str, Any]], name: str, content: bytes, source: str, result: str
) -> None:
    files[name] = content
    stages.append({"type": "onnx", "model_path": name, "input_tensor": source, "output_tensor": result})


def _line(name: str, model: OnnxFile) -> str:
    source, result = model.source, model.result
    return f"{name}: {source.name} {shown(source.shape)} to {result.name} {shown(result.shape)}"


def _told(prepared: Preparation) -> str:
    size = f"{prepared.height} x {prepared.width} pixels"
    return f"{prepared.layout.upper()}, {prepared.order.upper()}, {size}, {prepared.pixels.about}"


def _labels(model: OnnxFile, labels: Path | None) -> tuple[tuple[str, ...], bytes]:
    if labels is not None and not labels.is_file():
        raise CommandError(f"--labels {labels}: there is no such file.")
    named = labels.name if labels else f"{model.path}: its names of classes"
    content = labels.read_bytes() if labels else "".join(f"{one}\n" for one in model.classes).encode()
    if not content and labels is None:
        return (), b""
    try:
        return read_labels(content), content
    except LabelsError as error:
        raise CommandError(f"{named} {error}.") from None


def _built_in(model: OnnxFile) -> BuiltIn | None:
    """The built-in featurizer whose features a model takes."""
    sizes = [size for size in model.source.shape[1:] if size != 1]
    for one in BUILT_IN:
        if sizes == [size for size in one.output_tensor_dims if size != 1]:
            return one
    return None


def _refuse_of_photos(model: OnnxFile, wanted: Wanted) -> None:
    if wanted != Wanted():
        raise CommandError(
            f"{model.path} takes features {shown(model.source.shape)}, and no photos: leave --pixels, "
            "--layout, --order, --size, --mean and --std out."
        )


def _preparation(model: OnnxFile, wanted: Wanted) -> Preparation:
    shape = model.source.shape
    if len(shape) != 4:
        raise CommandError(_no_photos(model))
    if shape[0] not in (None, 1):
        raise CommandError(
            f"{model.path} takes {shape[0]} photos at a time, {shown(shape)}: export it for any number of "
            "them, or for one."
        )
    layout, channels = _layout(model, wanted)
    height, width = shape[2:] if layout is Layout.nchw else shape[1:3]
    if wanted.size is not None and (
        height not in (None, wanted.size[0]) or width not in (None, wanted.size[1])
    ):
        raise CommandError(
            f"--size {wanted.size[0]}x{wanted.size[1]}: {model.path} takes {shown(shape)}, {height} x "
            f"{width} pixels."
        )
    if wanted.size is not None:
        height, width = wanted.size
    if height is None or width is None:
        raise CommandError(
            f"{model.path} takes photos of any size, {shown(shape)}: say the one that it was trained with, "
            "--size HEIGHTxWIDTH, such as --size 224x224."
        )
    pixels = _pixels(model, wanted)
    order = wanted.order or (Order.grey if channels == 1 else pixels.order)
    if (order is Order.grey) != (channels == 1):
        raise CommandError(f"--order {order}: {model.path} takes {channels} numbers a pixel, {shown(shape)}.")
    return Preparation(layout, order, pixels, height, width)


def _layout(model: OnnxFile, wanted: Wanted) -> tuple[Layout, int]:
    shape = model.source.shape
    # where it is not told how many channels there are, they are three
    places = {Layout.nchw: (shape[1], shape[2:]), Layout.nhwc: (shape[3], shape[1:3])}
    fitting = {
        layout: channels or 3
        for layout, (channels, sizes) in places.items()
        if channels in (1, 3, None) and 1 not in sizes
    }
    told = [layout for layout in fitting if places[layout][0] is not None]
    if wanted.layout is not None:
        if wanted.layout not in fitting:
            raise CommandError(
                f"--layout {wanted.layout}: {model.path} takes {shown(shape)}, which is none such."
            )
        return wanted.layout, fitting[wanted.layout]
    if len(told) == 1:
        return told[0], fitting[told[0]]
    if not fitting:
        raise CommandError(_no_photos(model))
    raise CommandError(
        f"{model.path} takes {shown(shape)}, which may be either layout: say --layout nchw (PyTorch) or "
        "--layout nhwc (TensorFlow)."
    )


def _no_photos(model: OnnxFile) -> str:
    shape = model.source.shape
    given = ", ".join(f"{one.model_ref} gives {math.prod(one.output_tensor_dims)}" for one in BUILT_IN)
    if not shape:
        return (
            f"{model.path} does not tell the shape of {model.source.name}: export it with the sizes of its "
            "input."
        )
    return (
        f"{model.path} takes {model.source.name} of shape {shown(shape)}: that is neither a photo, "
        "[n, 3, height, width] or [n, height, width, 3], nor the features of a built-in featurizer "
        f"({given}). Where it takes the features of a model of your own, name that: --featurizer FILE."
    )


def _pixels(model: OnnxFile, wanted: Wanted) -> Pixels:
    if wanted.pixels is not None:
        if wanted.mean or wanted.std:
            raise CommandError("--pixels and --mean, --std say the same: leave one of them out.")
        if wanted.pixels not in RANGES:
            raise CommandError(f"--pixels {wanted.pixels} is not known: give {' or '.join(RANGES)}.")
        if model.source.type == BYTES and wanted.pixels != "0:255":
            raise CommandError(f"--pixels {wanted.pixels}: {model.path} takes bytes, which are 0:255.")
        return RANGES[wanted.pixels]
    if wanted.mean or wanted.std:
        return Pixels(
            wanted.mean or (0.0,), wanted.std or (1.0,), "by the mean and deviation that were given"
        )
    if model.source.type == BYTES:
        return RANGES["0:255"]
    raise PixelsUnsaid(
        f"{model.path} takes photos, {shown(model.source.shape)}, and does not tell which numbers it takes "
        "for a pixel. Say what it was trained with, by --pixels:\n"
        + "".join(f"  {name:<9} {one.about}\n" for name, one in RANGES.items())
        + "or by --mean and --std, of pixels from 0 to 1."
    )
