"""Packages made of people's ONNX files: what fits is found, what cannot fit is refused in words."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from onnx import TensorProto, ValueInfoProto, helper
from PIL import Image

from clients.wire.onnx_model import Model
from clients.wire.stages import TRIAL_TIMEOUT_S
from fpga.errors import CommandError
from fpga.models import folder, onnx_file, trial
from fpga.models.new_package import NewPackage, PixelsUnsaid, Wanted, made
from fpga.models.preparation import RANGES, Layout, Order
from localcloud.scoring.device import Device
from localcloud.scoring.errors import InputError, PackageError
from localcloud.scoring.images import decode_image
from localcloud.scoring.pipeline import load_package
from tests.support.localcloud import scoring_parts
from tests.support.localcloud.parts import built_model
from tests.support.models import onnx_files, resnet50

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def photo(path: Path) -> Path:
    """A photo with another colour in each corner."""
    pixels = np.random.default_rng(3).integers(0, 255, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, format="PNG")
    return path


def package_of(new: NewPackage) -> bytes:
    return trial.of_files(Path("own"), new.files).archive()


def seen(new: NewPackage, file: Path) -> npt.NDArray[np.float32]:
    """The numbers that the last model gets of a photo, in the pipeline of localcloud."""
    pipeline = load_package(package_of(new), Device(built_model().featurizers), TRIAL_TIMEOUT_S)
    return pipeline.run(decode_image(file.read_bytes(), pipeline.height, pipeline.width))


def reference(file: Path) -> npt.NDArray[np.float64]:
    """The pixels, float64 [1, 8, 8, 3], RGB, 0 to 255."""
    return decode_image(file.read_bytes(), 8, 8).astype(np.float64)


@pytest.mark.parametrize(
    ("source", "wanted", "expected"),
    [
        (["n", 3, 8, 8], Wanted("0:255"), lambda p: p.transpose(0, 3, 1, 2)),
        (["n", 3, 8, 8], Wanted("0:1"), lambda p: (p / 255).transpose(0, 3, 1, 2)),
        (["n", 8, 8, 3], Wanted("-1:1"), lambda p: p / 127.5 - 1),
        ([1, 3, 8, 8], Wanted("imagenet"), lambda p: ((p / 255 - MEAN) / STD).transpose(0, 3, 1, 2)),
        (["n", 8, 8, 3], Wanted("caffe"), lambda p: p[..., ::-1] - [103.939, 116.779, 123.68]),
        (["n", 8, 8, 3], Wanted("0:255"), lambda p: p),
        (["n", 8, 8, 3], Wanted("0:1", order=Order.bgr), lambda p: p[..., ::-1] / 255),
        (
            ["n", 1, 8, 8],
            Wanted("0:1"),
            lambda p: (p @ [[0.299], [0.587], [0.114]]).transpose(0, 3, 1, 2) / 255,
        ),
        (["n", 3, "h", "w"], Wanted("0:1", size=(8, 8)), lambda p: (p / 255).transpose(0, 3, 1, 2)),
        (
            ["n", "a", "b", "c"],
            Wanted("0:1", layout=Layout.nhwc, size=(8, 8)),
            lambda p: p / 255,
        ),
        (
            ["n", 3, 8, 8],
            Wanted(mean=(0.5, 0.25, 0.125), std=(0.5, 1.0, 2.0)),
            lambda p: ((p / 255 - [0.5, 0.25, 0.125]) / [0.5, 1, 2]).transpose(0, 3, 1, 2),
        ),
    ],
)
def test_a_model_gets_the_pixels_that_it_takes(
    tmp_path: Path,
    source: list[int | str],
    wanted: Wanted,
    expected: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]],
) -> None:
    file = photo(tmp_path / "photo.png")
    model = onnx_file.read(onnx_files.identity(tmp_path / "m.onnx", source))

    got = seen(made(model, wanted), file)

    np.testing.assert_allclose(got, expected(reference(file)), atol=2e-4)


def test_a_model_that_takes_bytes_gets_them(tmp_path: Path) -> None:
    file = photo(tmp_path / "photo.png")
    path = onnx_files.identity(tmp_path / "m.onnx", ["n", 8, 8, 3], element=TensorProto.UINT8)

    got = seen(made(onnx_file.read(path), Wanted()), file)

    np.testing.assert_array_equal(got, reference(file))


def test_a_model_of_the_built_in_features_comes_behind_the_featurizer(tmp_path: Path) -> None:
    new = made(onnx_file.read(onnx_files.head(tmp_path / "m.onnx", ["n", 1280])), Wanted())

    stages = json.loads(new.files["service_def.json"])["pipeline"]
    assert [stage["type"] for stage in stages] == ["brainwave", "onnx"]
    assert stages[1] == {
        "type": "onnx",
        "model_path": "model.onnx",
        "input_tensor": "x",
        "output_tensor": "y",
    }
    assert seen(new, photo(tmp_path / "photo.png")).shape == (1, 3)


def test_classes_that_skl2onnx_names_become_labels(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(scoring_parts.sklearn_classifier(classes=("cat", "dog", "fox")))

    new = made(onnx_file.read(tmp_path / "m.onnx"), Wanted())

    assert new.labels == ("cat", "dog", "fox")
    assert new.files["labels.txt"] == b"cat\ndog\nfox\n"
    assert "output_probability" in new.files["service_def.json"].decode()


def test_scores_become_probabilities(tmp_path: Path) -> None:
    model = onnx_file.read(onnx_files.mean_colour(tmp_path / "m.onnx"))
    scores = seen(made(model, Wanted("0:1"), softmax=True), photo(tmp_path / "photo.png"))
    assert scores.shape == (1, 3)
    assert scores.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("source", "wanted", "words"),
    [
        (["n", 3, 8, 8], Wanted(), "does not tell which numbers it takes for a pixel"),
        (["n", 3, 8, 8], Wanted("0-1"), "--pixels 0-1 is not known: give 0:255 or 0:1 or"),
        (["n", 3, 8, 8], Wanted("0:1", mean=(1.0,)), "--pixels and --mean, --std say the same"),
        (["n", 3, 8, 8], Wanted("0:1", size=(9, 9)), "--size 9x9: "),
        (["n", 3, 8, 8], Wanted("0:1", layout=Layout.nhwc), "--layout nhwc: "),
        (["n", 3, 8, 8], Wanted("0:1", order=Order.grey), "--order grey: "),
        (["n", 1, 8, 8], Wanted("imagenet"), "tells 3 channels, and the model takes 1"),
        (["n", 3, "h", "w"], Wanted("0:1"), "takes photos of any size, [n, 3, n, n]"),
        (["n", 3, 8, 3], Wanted("0:1"), "may be either layout: say --layout nchw"),
        (["n", "a", "b", "c"], Wanted("0:1"), "may be either layout"),
        ([32, 3, 8, 8], Wanted("0:1"), "takes 32 photos at a time"),
        (["n", 4, 8, 8], Wanted("0:1"), "neither a photo"),
        (
            ["n", 2048],
            Wanted(),
            "efficientnet-lite0 gives 1280). Where it takes the features of a model of your own",
        ),
        (["n", 1280], Wanted("0:1"), "takes features [n, 1280], and no photos: leave --pixels"),
        ([3, 8, 8], Wanted("0:1"), "neither a photo"),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, source: list[int | str], wanted: Wanted, words: str
) -> None:
    model = onnx_file.read(onnx_files.identity(tmp_path / "m.onnx", source))
    with pytest.raises(CommandError) as refused:
        package_of(made(model, wanted))
    assert words in str(refused.value)


def test_who_is_asked_for_pixels_is_told_each_range(tmp_path: Path) -> None:
    with pytest.raises(PixelsUnsaid) as refused:
        made(onnx_file.read(onnx_files.mean_colour(tmp_path / "m.onnx")), Wanted())
    assert all(f"\n  {name}" in str(refused.value) for name in RANGES)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04rest", "but a zip file, as Keras"),
        (b"\x89HDF\r\n\x1a\n", "but an HDF5 file, as Keras"),
        (b"\x1c\0\0\0TFL3", "but a TensorFlow Lite model"),
        (b"\x80\x02}q\0.", "but a pickle"),
        (b"version https://git-lfs.github.com/spec/v1\n", "run `git lfs pull`"),
        (b"no model at all", "is no ONNX model"),
        (b"", "has no graph of operators"),
        (b"\x08\x08", "has no graph of operators"),
    ],
)
def test_another_file_is_called_what_it_is(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(CommandError) as refused:
        onnx_file.read(path)
    assert words in str(refused.value)


def test_a_place_that_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"")
    for name, words in (
        ("pipe", "is no regular file"),
        ("none", "there is no such file"),
        ("saved", "is a SavedModel of TensorFlow"),
    ):
        with pytest.raises(CommandError, match=words):
            onnx_file.read(tmp_path / name)


def test_weights_beside_the_model_come_into_it(tmp_path: Path) -> None:
    weights = np.array([2, 3, 5], dtype=np.float32)
    (tmp_path / "m.weights").write_bytes(b"head" + weights.tobytes())
    model = onnx_file.read(onnx_files.outside(tmp_path / "m.onnx", "m.weights", offset="4"))
    (tmp_path / "m.weights").unlink()

    pixels = Wanted("0:255")
    file = photo(tmp_path / "photo.png")
    np.testing.assert_allclose(
        seen(made(model, pixels), file)[0], reference(file).mean(axis=(0, 1, 2)) * weights, rtol=1e-4
    )


@pytest.mark.parametrize(
    ("location", "offset", "length", "words"),
    [
        ("/etc/passwd", "0", "12", "leads out of its folder; they are not read"),
        ("../secret", "0", "12", "leads out of its folder; they are not read"),
        ("link", "0", "12", "leads out of its folder; they are not read"),
        ("linked/secret", "0", "12", "leads out of its folder; they are not read"),
        ("", "0", "12", "leads out of its folder; they are not read"),
        ("none", "0", "12", "is not beside it"),
        ("there", "0", "99999999999", "which has 12 bytes"),
        ("there", "-1", "12", "which has 12 bytes"),
        ("there", "1", "x", "which has 12 bytes"),
        ("pipe", "0", "12", "is not beside it"),
    ],
)
def test_weights_elsewhere_are_not_read(
    tmp_path: Path, location: str, offset: str, length: str, words: str
) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "secret").write_bytes(b"do not tell!")
    (inside / "there").write_bytes(b"all of these")
    (inside / "link").symlink_to(tmp_path / "secret")
    (inside / "linked").symlink_to(tmp_path)
    os.mkfifo(inside / "pipe")
    path = onnx_files.outside(inside / "m.onnx", location, offset=offset, length=length)

    with pytest.raises(CommandError) as refused:
        onnx_file.read(path)
    assert words in str(refused.value)


def test_inputs_and_outputs_that_no_stage_passes_on_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    value = helper.make_tensor_value_info

    def refusal(
        inputs: list[ValueInfoProto], outputs: list[ValueInfoProto], output: str | None = None
    ) -> str:
        node = helper.make_node("Identity", ["x"], ["y"])
        graph = helper.make_graph([node], "own", inputs, outputs)
        path.write_bytes(helper.make_model(graph).SerializeToString())
        with pytest.raises(CommandError) as refused:
            onnx_file.read(path, output)
        return str(refused.value)

    x, y = value("x", TensorProto.FLOAT, ["n", 3]), value("y", TensorProto.FLOAT, ["n", 3])
    text, whole = value("x", TensorProto.STRING, ["n"]), value("z", TensorProto.INT64, ["n"])
    assert "has 2 inputs (x tensor(float), z tensor(int64)); a stage has one" in refusal([x, whole], [y])
    assert "takes x as tensor(string); photos and features are tensor(float)" in refusal([text], [y])
    assert "has no output of scores, only z tensor(int64)" in refusal([x], [whole])
    assert "say which one has the scores: --output y or x" in refusal([x], [y, x])
    assert "--output w: " in refusal([x], [y], "w")


def test_what_would_hurt_the_machine_is_refused_in_the_process_that_tries_it(tmp_path: Path) -> None:
    nodes = [helper.make_node("Magic", ["x"], ["y"], domain="evil")]
    onnx_files.saved(tmp_path / "m.onnx", nodes, ["n", 8, 8, 3], ["n", 3], domains=["evil"])
    new = made(onnx_file.read(tmp_path / "m.onnx"), Wanted("0:255"))
    with pytest.raises(PackageError, match="Magic"):
        trial.run(trial.of_files(tmp_path, new.files), built_model().featurizers)

    (tmp_path / "m.onnx").write_bytes(scoring_parts.folded_model(40_000))
    new = made(onnx_file.read(tmp_path / "m.onnx"), Wanted("0:255"))
    with pytest.raises(PackageError, match="MiB of memory to load and to run: make it smaller"):
        trial.run(trial.of_files(tmp_path, new.files), built_model().featurizers)


def test_labels_are_counted_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "two.txt").write_text("one\ntwo\n")
    model = onnx_file.read(onnx_files.mean_colour(tmp_path / "m.onnx"))
    new = made(model, Wanted("0:1"), labels=tmp_path / "two.txt")
    with pytest.raises(
        PackageError, match=r"labels.txt has 2 labels, but pipeline\[1\] \(model.onnx\) gives 3"
    ):
        trial.run(trial.of_files(tmp_path, new.files), built_model().featurizers)
    with pytest.raises(CommandError, match="there is no such file"):
        made(model, Wanted("0:1"), labels=tmp_path / "none.txt")


def test_a_photo_is_measured_in_the_pipeline_of_localcloud(tmp_path: Path) -> None:
    model = onnx_file.read(onnx_files.mean_colour(tmp_path / "m.onnx"))
    package = trial.of_files(tmp_path, made(model, Wanted("0:255")).files)
    file = photo(tmp_path / "photo.png")

    measured = trial.run(package, built_model().featurizers, file)

    assert measured is not None
    whole = decode_image(file.read_bytes(), 64, 64).mean(axis=(1, 2))
    np.testing.assert_allclose(measured.scores, whole[0], rtol=1e-4)
    assert (measured.height, measured.width, measured.shape) == (64, 64, (1, 3))
    assert min(measured.load_s, measured.decode_s, measured.score_s) > 0
    assert measured.memory is None or 0 < measured.memory < 1 << 30

    (tmp_path / "photo.png").write_bytes(b"%PDF-1.7")
    with pytest.raises(InputError, match="PDF"):
        trial.run(package, built_model().featurizers, file)


def test_a_folder_of_somebody_elses_is_not_overwritten(tmp_path: Path) -> None:
    files = {"service_def.json": b"{}", "model.onnx": b"1"}
    place = tmp_path / "own"
    assert folder.require(place, files, force=False)
    folder.write(place, files)
    assert not folder.require(place, files, force=False)

    with pytest.raises(CommandError, match=r"holds another model.onnx: --force overwrites it"):
        folder.require(place, {**files, "model.onnx": b"2"}, force=False)
    assert folder.require(place, {**files, "model.onnx": b"2"}, force=True)

    (place / "thesis.txt").write_text("mine")
    with pytest.raises(CommandError, match=r"holds thesis.txt, which would be no part"):
        folder.require(place, files, force=True)
    with pytest.raises(CommandError, match="is no folder"):
        folder.require(place / "thesis.txt", files, force=True)


def test_a_package_that_leads_out_of_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("one\ntwo\nthree\n")
    model = onnx_file.read(onnx_files.mean_colour(tmp_path / "m.onnx"))
    place = tmp_path / "own"
    folder.write(place, made(model, Wanted("0:1")).files)
    (place / "inside.txt").write_text("one\n")
    (place / "labels.txt").symlink_to("inside.txt")
    trial.read(place)  # a link that stays is a file of the package

    (place / "labels.txt").unlink()
    (place / "labels.txt").symlink_to(tmp_path / "secret")
    with pytest.raises(CommandError, match=r"labels.txt is a symbolic link that leads out of the package"):
        trial.read(place)


def test_a_zip_that_grows_without_end_is_refused(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("model.onnx", "w", force_zip64=True) as entry:
            for _ in range(513):
                entry.write(bytes(1 << 20))
        archive.writestr("service_def.json", "{}")
    (tmp_path / "bomb.zip").write_bytes(packed.getvalue())
    assert len(packed.getvalue()) < 1 << 20

    with pytest.raises(CommandError, match=r"unpacks to \d+ bytes; at most"):
        trial.read(tmp_path / "bomb.zip")


def test_a_resnet_50_of_ones_own_comes_before_the_classifier_of_its_features(tmp_path: Path) -> None:
    featurizer = onnx_file.read(resnet50.write(tmp_path / "resnet50.onnx"))
    assert featurizer.result.shape == (None, 2048)
    head = onnx_file.read(onnx_files.head(tmp_path / "head.onnx", ["n", 2048]))
    new = made(head, Wanted("imagenet"), featurizer)
    stages = json.loads(new.files["service_def.json"])["pipeline"]
    assert [stage["model_path"] for stage in stages] == ["prepare.onnx", "featurizer.onnx", "model.onnx"]

    package = trial.of_files(tmp_path, new.files)
    measured = trial.run(package, built_model().featurizers, scoring_parts.PHOTO)

    assert measured is not None
    assert (measured.height, measured.width, measured.shape) == (224, 224, (1, 3))
    # the same by hand, from the file that was exported
    pixels = decode_image(scoring_parts.PHOTO.read_bytes(), 224, 224)
    prepared = ((pixels / 255 - MEAN) / STD).transpose(0, 3, 1, 2).astype(np.float32)
    features = Model(tmp_path / "resnet50.onnx").run("input", "features", prepared)
    assert np.isfinite(features).all()
    assert features.std() > 0
    expected = Model(tmp_path / "head.onnx").run("x", "y", features)
    np.testing.assert_allclose(measured.scores, expected[0], atol=1e-3)
