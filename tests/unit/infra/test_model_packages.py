"""Model packages: what is refused before an upload, and that packing does not depend on clock or place."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from infra import model_package
from infra.model_package import PackageError

DEFINITION = {
    "aml_runtime_version": "1.1",
    "pipeline": [
        {"type": "brainwave", "model_ref": "resnet50", "model_version": "1.1.6-rc"},
        {"type": "tensorflow", "model_path": "classifier.onnx"},
    ],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    package = tmp_path / "package"
    package.mkdir()
    (package / "service_def.json").write_text(json.dumps(DEFINITION))
    (package / "classifier.onnx").write_bytes(b"weights")
    return package


def test_a_folder_and_its_zip_are_the_same_package(folder: Path, tmp_path: Path) -> None:
    read = model_package.read(folder)
    zipped = tmp_path / "package.zip"
    zipped.write_bytes(read.archive())

    again = model_package.read(zipped)

    assert again.sha256 == read.sha256
    assert again.archive() == read.archive()


def test_the_archive_holds_the_files(folder: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(model_package.read(folder).archive())) as archive:
        assert archive.namelist() == ["classifier.onnx", "service_def.json"]
        assert archive.read("classifier.onnx") == b"weights"


def test_other_content_is_another_package(folder: Path) -> None:
    before = model_package.read(folder).sha256
    (folder / "classifier.onnx").write_bytes(b"other weights")

    assert model_package.read(folder).sha256 != before


def test_hidden_files_are_no_part_of_it(folder: Path) -> None:
    before = model_package.read(folder).sha256
    (folder / ".DS_Store").write_bytes(b"noise")

    assert model_package.read(folder).sha256 == before


def test_a_package_without_definition_is_refused(folder: Path) -> None:
    (folder / "service_def.json").unlink()

    with pytest.raises(
        PackageError, match=r"there is no service_def\.json at its top; it holds classifier\.onnx"
    ):
        model_package.read(folder)


def test_a_stage_whose_file_is_missing_is_refused(folder: Path) -> None:
    (folder / "classifier.onnx").unlink()

    with pytest.raises(PackageError, match=r"names 'classifier\.onnx', which is not in the package"):
        model_package.read(folder)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"pipeline": []}', '{"pipeline": ["x"]}'])
def test_a_definition_without_pipeline_is_refused(folder: Path, content: str) -> None:
    (folder / "service_def.json").write_text(content)

    with pytest.raises(PackageError, match=r"service_def\.json (is not JSON|needs a 'pipeline')"):
        model_package.read(folder)


def test_a_broken_zip_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "package.zip"
    broken.write_bytes(b"PK\x03\x04 and no more")

    with pytest.raises(PackageError, match="not a whole zip"):
        model_package.read(broken)
