"""An ONNX file of somebody's: read as data, and never run here, for it may be anybody's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from clients.wire.labels import is_control
from clients.wire.model_package import UNPACKED_LIMIT
from clients.wire.onnx_model import FLOATS, MAPS, Tensor
from fpga.errors import CommandError

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto

BYTES: Final = "tensor(uint8)"
"""The type of an input that takes pixels as they are in a file."""

# What people have in place of an ONNX file: where in it, the bytes, its name and the way from there.
_OTHERS: Final = (
    (0, b"PK\x03\x04", "a zip file, as Keras (.keras) and PyTorch (.pt) save a model"),
    (0, b"\x89HDF", "an HDF5 file, as Keras saves a model (.h5)"),
    (4, b"TFL3", "a TensorFlow Lite model"),
    (0, b"\x80\x02", "a pickle, as PyTorch and scikit-learn save a model"),
    (0, b"\x80\x04", "a pickle, as scikit-learn saves a model"),
    (0, b"<?xml", "XML, such as OpenVINO's"),
    (0, b"version https://git-lfs", "a pointer of Git LFS in place of the file: run `git lfs pull`"),
)
_EXPORT: Final = (
    "Export the model to ONNX first: torch.onnx.export of PyTorch, tf2onnx for TensorFlow and Keras, "
    "skl2onnx for scikit-learn."
)


@dataclass(frozen=True)
class OnnxFile:
    """A model with the input and the output that a stage passes on.

    Attributes:
        content: the file, with weights inside that lay beside it.
        classes: the names that the file itself has for its classes, in their order; empty: none.
    """

    path: Path
    content: bytes = field(repr=False)
    source: Tensor
    result: Tensor
    classes: tuple[str, ...]


def read(path: Path, output: str | None = None) -> OnnxFile:
    """Reads a file.

    Args:
        output: name of the output to pass on; None: the only one that fits.

    Raises:
        CommandError: it is no ONNX model, or none that could be a stage.
    """
    model = _parsed(path)
    outside = [tensor for tensor in _tensors(model.graph) if tensor.data_location == tensor.EXTERNAL]
    if outside:
        _load(path, outside)
    _require_printable(path, [one.name for one in (*model.graph.input, *model.graph.output)])
    given = {one.name for one in model.graph.initializer}
    inputs = [_tensor(one) for one in model.graph.input if one.name not in given]
    outputs = [_tensor(one) for one in model.graph.output]
    source = _source(path, inputs)
    content = path.read_bytes() if not outside else _serialized(path, model)
    if source.type == BYTES:
        content, source = _taking_floats(model, source)
    return OnnxFile(path, content, source, _result(path, outputs, output), _classes(model))


def _parsed(path: Path) -> ModelProto:
    from google.protobuf.message import DecodeError
    from onnx import ModelProto

    if path.is_dir():
        if (path / "saved_model.pb").exists():
            raise CommandError(f"{path} is a SavedModel of TensorFlow, and no ONNX file. {_EXPORT}")
        raise CommandError(f"{path} is a folder: name the ONNX file.")
    if not path.exists():
        raise CommandError(f"{path}: there is no such file.")
    if not path.is_file():
        raise CommandError(f"{path} is no regular file: name the ONNX file.")
    size = path.stat().st_size
    if size > UNPACKED_LIMIT:
        raise CommandError(f"{path} has {size} bytes; a package may have {UNPACKED_LIMIT} in all.")
    content = path.read_bytes()
    for offset, magic, likeness in _OTHERS:
        if content[offset:].startswith(magic):
            raise CommandError(f"{path} is no ONNX model, but {likeness}. {_EXPORT}")
    try:
        model = ModelProto.FromString(content)
    except DecodeError:
        raise CommandError(f"{path} is no ONNX model, or broken off. {_EXPORT}") from None
    if not model.ir_version or not model.graph.node or not model.graph.output:
        raise CommandError(f"{path} is no ONNX model: it has no graph of operators. {_EXPORT}")
    return model


def _require_printable(path: Path, names: Sequence[str]) -> None:
    """Refuses names that a terminal would obey: they are shown, and written into the package."""
    if any(is_control(character) for name in names for character in name):
        raise CommandError(f"{path} has an input or output whose name holds control characters: rename it.")


def _tensors(graph: Any) -> Iterator[TensorProto]:
    """The tensors of a graph, and of those inside of its operators."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for inner in (attribute.g, *attribute.graphs):
                if inner.node:
                    yield from _tensors(inner)


def _load(path: Path, outside: Sequence[TensorProto]) -> None:
    """Takes weights in that are in files beside the model, and nowhere else.

    Raises:
        CommandError: they are elsewhere, missing, or too large.
    """
    total = 0
    for tensor in outside:
        told = {entry.key: entry.value for entry in tensor.external_data}
        file = _beside(path, told.get("location", ""))
        size = file.stat().st_size
        try:
            offset, length = int(told.get("offset", "0")), int(told.get("length", size))
        except ValueError:
            offset = length = -1
        if "length" not in told:
            length = size - offset
        total += length
        if offset < 0 or length < 0 or offset + length > size:
            raise CommandError(
                f"{path} has weights from byte {told.get('offset', 0)} of {file.name}, which has {size} "
                "bytes: export the model anew."
            )
        if total > UNPACKED_LIMIT:
            raise CommandError(
                f"{path} has more than {UNPACKED_LIMIT} bytes of weights; a package may have no more in all."
            )
        with file.open("rb") as opened:
            opened.seek(offset)
            tensor.raw_data = opened.read(length)
        tensor.data_location = tensor.DEFAULT
        del tensor.external_data[:]


def _beside(path: Path, location: str) -> Path:
    folder = path.parent.resolve()
    written = PurePosixPath(location)
    file = folder / written
    leads_out = written.is_absolute() or ".." in written.parts or not file.resolve().is_relative_to(folder)
    if not location or "\0" in location or leads_out:
        raise CommandError(
            f"{path} keeps weights in {location[:200]!r}, which leads out of its folder; they are not "
            "read. Save it with all its weights inside: `onnx.save(onnx.load(path), path)`, where you trust "
            "it."
        )
    if not file.is_file():
        raise CommandError(
            f"{path} keeps weights in {location[:200]!r}, which is not beside it: bring both files, or "
            "save it with all its weights inside."
        )
    return file


def _serialized(path: Path, model: ModelProto) -> bytes:
    content: bytes = model.SerializeToString(deterministic=True)
    if len(content) > UNPACKED_LIMIT:
        raise CommandError(f"{path} has {len(content)} bytes; a package may have {UNPACKED_LIMIT} in all.")
    return content


def _tensor(value: Any) -> Tensor:
    kind = value.type
    if kind.WhichOneof("value") != "tensor_type":
        return Tensor(value.name, _type(kind), ())
    dims = kind.tensor_type.shape.dim
    return Tensor(
        value.name,
        _type(kind),
        tuple(one.dim_value if one.WhichOneof("value") == "dim_value" else None for one in dims),
    )


def _type(kind: Any) -> str:
    """A type as onnxruntime writes it."""
    from onnx import TensorProto

    def element(number: int) -> str:
        return (
            str(TensorProto.DataType.Name(number)).lower() if number in TensorProto.DataType.values() else "?"
        )

    match kind.WhichOneof("value"):
        case "tensor_type":
            return f"tensor({element(kind.tensor_type.elem_type)})"
        case "sequence_type":
            return f"seq({_type(kind.sequence_type.elem_type)})"
        case "map_type":
            return f"map({element(kind.map_type.key_type)},{_type(kind.map_type.value_type)})"
        case other:
            return str(other)


def _source(path: Path, inputs: Sequence[Tensor]) -> Tensor:
    if len(inputs) != 1:
        names = ", ".join(f"{one.name} {one.type}" for one in inputs) or "none"
        raise CommandError(
            f"{path} has {len(inputs)} inputs ({names}); a stage has one: photos, or their features."
        )
    source = inputs[0]
    if source.type not in (*FLOATS, BYTES):
        raise CommandError(
            f"{path} takes {source.name} as {source.type}; photos and features are tensor(float): export it "
            "with an input of floats."
        )
    return source


def _result(path: Path, outputs: Sequence[Tensor], wanted: str | None) -> Tensor:
    fitting = [one for one in outputs if one.type in (*FLOATS, *MAPS)]
    told = ", ".join(f"{one.name} {one.type}" for one in outputs)
    if wanted is not None:
        found = next((one for one in fitting if one.name == wanted), None)
        if found is None:
            raise CommandError(f"--output {wanted}: {path} has no such output of numbers; it has {told}.")
        return found
    if not fitting:
        raise CommandError(
            f"{path} has no output of scores, only {told}: export it with its probabilities or scores as "
            "tensor(float)."
        )
    if len(fitting) > 1:
        names = " or ".join(one.name for one in fitting)
        raise CommandError(
            f"{path} has several outputs of numbers; say which one has the scores: --output {names}."
        )
    return fitting[0]


def _taking_floats(model: ModelProto, source: Tensor) -> tuple[bytes, Tensor]:
    """The model with an input of floats in place of one of bytes: stages pass floats on."""
    from onnx import TensorProto, helper

    taken = {name for node in model.graph.node for name in (*node.input, *node.output)}
    name = next(one for one in (f"{source.name}{'_' * n}as_float" for n in range(1, 99)) if one not in taken)
    for one in model.graph.input:
        if one.name == source.name:
            one.name = name
            one.type.tensor_type.elem_type = TensorProto.FLOAT
    model.graph.node.insert(0, helper.make_node("Cast", [name], [source.name], to=TensorProto.UINT8))
    return model.SerializeToString(deterministic=True), Tensor(name, BYTES, source.shape)


def _classes(model: ModelProto) -> tuple[str, ...]:
    """The texts that skl2onnx gives as classes, ascending as the scores are."""
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name == "classlabels_strings" and attribute.strings:
                return tuple(sorted(text.decode(errors="replace") for text in attribute.strings))
    return ()
