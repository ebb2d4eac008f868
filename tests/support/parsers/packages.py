"""Model packages: the zip, its `service_def.json` and its labels."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Final

from clients.wire.labels import SIZE_LIMIT, LabelsError, read_labels
from clients.wire.model_package import (
    DEFINITION,
    UNPACKED_LIMIT,
    PackageError,
    read_files,
    read_package,
    unpack,
)
from tests.support.parsers.parser import Parser, require_sentence

_FILES: Final = {"m.onnx": b"a model", "labels.txt": b"cat\ndog\n"}


def _check_zip(content: bytes) -> None:
    """A zip that is read is the package of its unpacked files, each of which it has once."""
    try:
        package = read_package(content)
    except PackageError as error:
        require_sentence(str(error))
        return
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
    assert len(names) == len(set(names))
    try:
        files = unpack(content)
    except PackageError as error:  # of files that the definition does not name
        require_sentence(str(error))
        return
    assert read_files(files) == package


def _check_definition(content: bytes) -> None:
    """A definition that is taken names files that are there."""
    try:
        package = read_files({**_FILES, DEFINITION: content})
    except PackageError as error:
        require_sentence(str(error))
        return
    assert package.stages
    assert package.labels is None or package.labels.names == ("cat", "dog")


def _check_labels(content: bytes) -> None:
    """Labels that are taken are those of the file that they make, and can be shown."""
    try:
        labels = read_labels(content)
    except LabelsError as error:
        require_sentence(str(error))
        return
    assert all(label and label == label.strip() for label in labels)
    assert read_labels("\n".join(labels).encode()) == labels


def _zips() -> Iterator[bytes]:
    for definition in _definitions():
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w", method) as archive:
                for name, content in {**_FILES, DEFINITION: definition}.items():
                    archive.writestr(name, content)
            yield buffer.getvalue()
    yield b"PK\x05\x06" + bytes(18)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(""), b"")
    yield buffer.getvalue()


def _definitions() -> Iterator[bytes]:
    featurizer = {
        "type": "brainwave",
        "model_ref": "resnet50",
        "model_version": "1.1.6-rc",
        "output_tensor_dims": [1, 1, 2048],
    }
    model = {"type": "onnx", "model_path": "m.onnx", "input_tensor": "x", "output_tensor": "y"}
    for fields in (
        {"pipeline": [featurizer, model], "labels": "labels.txt"},
        {"pipeline": [model]},
        {"pipeline": [{"type": "tensorflow", "model_path": "m.pb"}]},
        {"pipeline": [featurizer | {"output_tensor_dims": [1.5, 1e300]}]},
        {"pipeline": [featurizer | {"model_ref": "\ud800"}, model]},
        {"pipeline": [model | {"model_path": "../\ud800"}], "labels": ["x" * 300]},
    ):
        yield json.dumps({"aml_runtime_version": "1.1", **fields}).encode()
    yield b'{"aml_runtime_version": NaN, "pipeline": []}'


def _labels() -> Iterator[bytes]:
    yield b"cat\ndog\nfox\n"
    yield "\ufeffKatze\r\nHund\r\n\r\n".encode()
    yield b"a\tb\n\n c"
    yield "\ufeff\ufeffcat".encode()
    yield "a\u202eb\n\x85".encode()


PARSERS: Final = (
    Parser(
        "model-package",
        "the zip of a model package",
        _check_zip,
        _zips,
        limit_bytes=2 * UNPACKED_LIMIT,
        size=1 << 20,
    ),
    Parser(
        "service-definition",
        "service_def.json of a model package",
        _check_definition,
        _definitions,
        size=1 << 20,
    ),
    Parser("labels", "the labels of a model package", _check_labels, _labels, size=SIZE_LIMIT),
)
