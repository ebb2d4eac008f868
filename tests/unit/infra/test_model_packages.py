"""Model packages: what is refused before an upload, and that packing does not depend on clock or place."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from infra.inputs import model_package
from infra.inputs.model_package import PackageError

DEFINITION: dict[str, Any] = {
    "aml_runtime_version": "1.1",
    "pipeline": [
        {
            "type": "brainwave",
            "model_ref": "efficientnet-lite0",
            "model_version": "1.0.0",
            "output_tensor_dims": [1, 1, 1280],
        },
        {"type": "onnx", "model_path": "classifier.onnx", "input_tensor": "x", "output_tensor": "y"},
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
        PackageError,
        match=r"package: The package has no service_def\.json at its root; it has classifier\.onnx",
    ):
        model_package.read(folder)


def test_a_stage_whose_file_is_missing_is_refused(folder: Path) -> None:
    (folder / "classifier.onnx").unlink()

    with pytest.raises(PackageError, match=r"model_path 'classifier\.onnx' is not in the package"):
        model_package.read(folder)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"pipeline": []}', '{"pipeline": ["x"]}'])
def test_a_definition_without_pipeline_is_refused(folder: Path, content: str) -> None:
    (folder / "service_def.json").write_text(content)

    with pytest.raises(
        PackageError, match=r"package: service_def\.json(: | is not )(JSON|a JSON object|aml_|pipe)"
    ):
        model_package.read(folder)


def test_a_broken_zip_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "package.zip"
    broken.write_bytes(b"PK\x03\x04 and no more")

    with pytest.raises(PackageError, match=r"package\.zip: The package is not a zip file that can be read"):
        model_package.read(broken)


def test_labels_that_the_definition_does_not_name_are_warned_of(folder: Path) -> None:
    assert model_package.read(folder).warnings() == []
    (folder / "labels.txt").write_text("cat\ndog\n")
    (warning,) = model_package.read(folder).warnings()
    assert 'without "labels": "labels.txt" beside "pipeline" callers see class numbers' in warning
    (folder / "service_def.json").write_text(json.dumps({**DEFINITION, "labels": "labels.txt"}))
    assert model_package.read(folder).warnings() == []


def test_labels_that_cannot_be_used_are_refused_with_the_path_of_the_package(folder: Path) -> None:
    (folder / "labels.txt").write_bytes(b"caf\xe9\n")
    (folder / "service_def.json").write_text(json.dumps({**DEFINITION, "labels": "labels.txt"}))
    with pytest.raises(
        PackageError, match=rf"^{folder}: labels\.txt is not UTF-8 \(line 1\): save it as UTF-8"
    ):
        model_package.read(folder)


def test_a_model_that_cannot_run_is_refused_with_its_file(folder: Path) -> None:
    with pytest.raises(
        PackageError, match=rf"^{folder}: pipeline\[1\] \(classifier\.onnx\): onnxruntime cannot"
    ):
        model_package.read(folder).try_out()


def test_a_featurizer_that_localcloud_has_not_is_refused(folder: Path) -> None:
    pipeline = [{**DEFINITION["pipeline"][0], "model_ref": "resnet50"}, DEFINITION["pipeline"][1]]
    (folder / "service_def.json").write_text(json.dumps({**DEFINITION, "pipeline": pipeline}))
    with pytest.raises(
        PackageError, match=r"no featurizer 'resnet50' of version '1\.0\.0'; it has: efficientnet-"
    ):
        model_package.read(folder).try_out()


def test_a_folder_that_is_no_package_is_not_read_to_its_end(folder: Path) -> None:
    with (folder / "video.mp4").open("wb") as file:
        file.truncate(513 * 1024 * 1024)  # sparse: it takes no room
    with pytest.raises(PackageError, match=r"The package unpacks to \d+ bytes; at most 536870912 are taken"):
        model_package.read(folder)
    (folder / "video.mp4").unlink()
    many = folder / "many"
    many.mkdir()
    for number in range(1001):
        (many / str(number)).touch()
    with pytest.raises(PackageError, match="The package has 1001 entries; at most 1000 are taken"):
        model_package.read(folder)


def test_a_file_that_is_no_zip_is_not_read_where_it_is_too_large(tmp_path: Path) -> None:
    video = tmp_path / "video.mp4"
    with video.open("wb") as file:
        file.truncate(513 * 1024 * 1024)
    with pytest.raises(PackageError, match=rf"^{video}: The package unpacks to 537919488 bytes"):
        model_package.read(video)


def test_a_file_whose_name_is_not_utf_8_is_refused(folder: Path) -> None:
    (folder / os.fsdecode(b"caf\xe9.txt")).touch()
    with pytest.raises(PackageError, match=r"an entry 'caf.*\.txt', whose name is not UTF-8; rename it"):
        model_package.read(folder)
