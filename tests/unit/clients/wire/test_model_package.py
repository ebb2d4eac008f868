"""Reading a model package: what a zip may hold, and what its definition must say."""

from __future__ import annotations

import io
import json
import stat
import zipfile
from typing import Any

import pytest

from clients.wire.model_package import BrainwaveStage, OnnxStage, PackageError, read_package

BRAINWAVE = {
    "type": "brainwave",
    "model_ref": "resnet50",
    "model_version": "1.1.6-rc",
    "output_tensor_dims": [1, 1, 2048],
}
ONNX = {"type": "onnx", "model_path": "m.onnx", "input_tensor": "x", "output_tensor": "y"}


def _definition(pipeline: Any, version: Any = "1.1") -> str:
    return json.dumps({"aml_runtime_version": version, "pipeline": pipeline})


def _zip(files: dict[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _package(*pipeline: Any) -> bytes:
    return _zip({"service_def.json": _definition(list(pipeline)), "m.onnx": b"model"})


def test_a_package_gives_its_stages_in_order() -> None:
    assert read_package(_package(BRAINWAVE, ONNX)).stages == (
        BrainwaveStage("resnet50", "1.1.6-rc", (1, 1, 2048)),
        OnnxStage("m.onnx", "x", "y", b"model"),
    )


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ("brainwave", r"pipeline\[0\] is not a JSON object"),
        ({}, r"pipeline\[0\].type is null; there are brainwave .* and onnx"),
        ({"type": "caffe"}, r'pipeline\[0\].type is "caffe"; there are brainwave .* and onnx'),
        (
            {"type": "tensorflow"},
            r"of type tensorflow, which localcloud does not run, .*: `fpga model convert PACKAGE DIR` makes",
        ),
        ({"type": "keras"}, r"of type keras, which localcloud does not run"),
        (BRAINWAVE | {"model_ref": None}, r"pipeline\[0\].model_ref is null; it must be a text"),
        (BRAINWAVE | {"model_version": 1}, r"pipeline\[0\].model_version is 1; it must be a text"),
        (
            BRAINWAVE | {"output_tensor_dims": [1, "1"]},
            r'output_tensor_dims is \[1, "1"\]; it must be a list of',
        ),
        (BRAINWAVE | {"output_tensor_dims": []}, r"output_tensor_dims is \[\]; it must be a list of sizes"),
        (BRAINWAVE | {"output_tensor_dims": [True]}, r"output_tensor_dims is \[true\]; it must be a list of"),
        (ONNX | {"model_path": ""}, r'pipeline\[0\].model_path is ""; it must be a text'),
        (
            ONNX | {"model_path": "other.onnx"},
            r"model_path 'other.onnx' is not in the package; it has m.onnx, service_def.json",
        ),
        (ONNX | {"input_tensor": None}, r"pipeline\[0\].input_tensor is null"),
        (ONNX | {"output_tensor": 3}, r"pipeline\[0\].output_tensor is 3"),
    ],
)
def test_a_stage_that_is_wrong_is_named(stage: Any, message: str) -> None:
    with pytest.raises(PackageError, match=message):
        read_package(_package(stage))


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ("{", "service_def.json is not JSON"),
        (b"\xff\xfe", "service_def.json is not JSON"),
        ("[" * 100_000, "service_def.json is not JSON"),
        ("[]", "service_def.json is not a JSON object"),
        (_definition([BRAINWAVE], version="2.0"), 'aml_runtime_version is "2.0"; write "1.1"'),
        (_definition([BRAINWAVE], version=None), 'aml_runtime_version is null; write "1.1"'),
        (_definition([]), "pipeline is not a list of at least one stage"),
        (_definition({"0": BRAINWAVE}), "pipeline is not a list of at least one stage"),
        (" " * (1024 * 1024 + 1), "service_def.json is larger than 1048576 bytes"),
    ],
)
def test_a_definition_that_is_wrong_is_refused(definition: str | bytes, message: str) -> None:
    with pytest.raises(PackageError, match=message):
        read_package(_zip({"service_def.json": definition}))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "no service_def.json at its root; it has no files at all"),
        ({"model/service_def.json": "{}"}, "no service_def.json at its root; it has model/service_def.json"),
        ({f"{i}": "" for i in range(10)}, "it has 0, 1, 2, 3, 4, 5, 6, 7 and 2 more"),
        ({"../m.onnx": ""}, r"an entry '\.\./m.onnx', which leads out of the package"),
        ({"a/../../m.onnx": ""}, "which leads out of the package"),
        ({"/etc/m.onnx": ""}, "which leads out of the package"),
        ({"a\\..\\m.onnx": ""}, "which leads out of the package"),
        ({"C:m.onnx": ""}, "which leads out of the package"),
        ({f"{i}": "" for i in range(1001)}, "has 1001 entries; at most 1000 are taken"),
    ],
)
def test_files_that_are_wrong_are_refused(files: dict[str, str | bytes], message: str) -> None:
    with pytest.raises(PackageError, match=message):
        read_package(_zip(files))


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip", _package(BRAINWAVE)[:-30]])
def test_what_is_no_zip_is_refused(content: bytes) -> None:
    with pytest.raises(PackageError, match="is not a zip file that can be read"):
        read_package(content)


def test_a_file_that_is_damaged_inside_is_refused() -> None:
    content = bytearray(_zip({"service_def.json": _definition([ONNX]), "m.onnx": bytes(100_000)}))
    at = content.index(b"m.onnx") + len(b"m.onnx") + 20
    content[at : at + 8] = b"\xff" * 8
    with pytest.raises(PackageError, match="is not a zip file that can be read"):
        read_package(bytes(content))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_file_that_is_damaged_inside_is_refused_however_it_is_packed(method: int) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("service_def.json", _definition([ONNX]))
    content = bytearray(buffer.getvalue())
    at = content.index(b"service_def.json") + len(b"service_def.json") + 12
    content[at : at + 8] = b"\xff" * 8
    with pytest.raises(PackageError, match="is not a zip file that can be read"):
        read_package(bytes(content))


def test_a_name_that_is_not_utf_8_is_refused() -> None:
    content = bytearray(_zip({"service_def.json": _definition([ONNX]), "m\u00f6.onnx": b"model"}))
    content = content.replace("m\u00f6.onnx".encode(), b"m\xff\xff.onnx")
    with pytest.raises(PackageError, match="is not a zip file that can be read"):
        read_package(bytes(content))


def test_a_file_that_many_stages_name_is_in_memory_once() -> None:
    stages = read_package(_package(BRAINWAVE, *[ONNX] * 15)).stages
    assert len({id(stage.content) for stage in stages if isinstance(stage, OnnxStage)}) == 1
    with pytest.raises(PackageError, match=r"pipeline has 17 stages; at most 16 run"):
        read_package(_package(BRAINWAVE, *[ONNX] * 16))


def test_a_small_zip_that_unpacks_to_very_much_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("service_def.json", _definition([ONNX]))
        with archive.open("m.onnx", "w") as entry:
            for _ in range(33):
                entry.write(bytes(16 * 1024 * 1024))
    assert len(buffer.getvalue()) < 4 * 1024 * 1024
    with pytest.raises(PackageError, match=r"unpacks to 5536.* bytes; at most 536870912 are taken"):
        read_package(buffer.getvalue())


def test_a_link_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        link = zipfile.ZipInfo("m.onnx")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(PackageError, match=r"a symbolic link 'm.onnx'; pack the file itself"):
        read_package(buffer.getvalue())


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("m.onnx", "one")
        archive.writestr("m.onnx", "two")
    with pytest.raises(PackageError, match=r"two entries 'm.onnx'"):
        read_package(buffer.getvalue())


def test_an_encrypted_file_is_refused() -> None:
    content = bytearray(_package(BRAINWAVE))
    central = content.index(b"PK\x01\x02")
    content[central + 8] |= 0x1  # the general purpose flags of the first entry
    with pytest.raises(PackageError, match=r"'service_def.json' is encrypted; pack it without a password"):
        read_package(bytes(content))
