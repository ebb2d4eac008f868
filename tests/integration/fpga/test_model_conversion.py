"""`fpga model convert`: packages of 2018 with stages of TensorFlow and Keras, by TensorFlow itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from engine.report import ConsoleReport
from fpga.errors import CommandError
from fpga.models import conversion
from tests.support.localcloud.scoring_parts import PHOTO
from tests.support.models import tensorflow
from tests.support.models.other_python import CannotBeHad

MAKE = """
import sys
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

folder = sys.argv[1]
layers = tf.keras.layers
model = tf.keras.Sequential([
    layers.Input((64, 64, 3), name="photo"), layers.Rescaling(1 / 255), layers.GlobalAveragePooling2D(),
    layers.Dense(3, activation="softmax"),
])
model.set_weights([20 * np.eye(3, dtype=np.float32), np.zeros(3, dtype=np.float32)])
model.save(f"{folder}/model.h5")
model.save(f"{folder}/model.keras")
tf.saved_model.save(tf.Module(), f"{folder}/empty")
module = tf.Module()
module.model = model
spec = tf.TensorSpec((None, 64, 64, 3), tf.float32, name="photo")
function = tf.function(lambda photo: {"scores": model(photo)}, input_signature=[spec])
tf.saved_model.save(module, f"{folder}/saved", signatures=function.get_concrete_function())
frozen = convert_variables_to_constants_v2(function.get_concrete_function())
with open(f"{folder}/frozen.pb", "wb") as file:
    file.write(frozen.graph.as_graph_def().SerializeToString())
with open(f"{folder}/names.txt", "w") as file:
    file.write(f"{frozen.inputs[0].name} {frozen.outputs[0].name}")
"""


# 64 MB of weights
LARGE = """
import tensorflow as tf
layers = tf.keras.layers
tf.keras.Sequential([layers.Input((64, 64, 3)), layers.Flatten(), layers.Dense(1300)]).save("{file}")
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    try:
        return tensorflow.python(tmp_path_factory.mktemp("tensorflow") / "venv", ConsoleReport())
    except CannotBeHad as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def models(python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One classifier by the mean colour, in each form."""
    folder = tmp_path_factory.mktemp("models")
    subprocess.run([python, "-c", MAKE, str(folder)], check=True, capture_output=True)
    return folder


def package(folder: Path, kind: str, path: Path, **others: str) -> Path:
    folder.mkdir()
    path.rename(folder / path.name)
    stage = {"type": kind, "model_path": path.name, "input_tensor": "", "output_tensor": "", **others}
    definition = {"aml_runtime_version": "1.1", "pipeline": [stage], "labels": "labels.txt"}
    (folder / "service_def.json").write_text(json.dumps(definition))
    (folder / "labels.txt").write_text("warm\ngreen\nblue\n")
    return folder


def fpga(python: str, *arguments: str, code: int = 0) -> str:
    command = [python, "-m", "fpga.cli", "model", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stderr


@pytest.mark.parametrize(
    ("kind", "name"),
    [("keras", "model.h5"), ("keras", "model.keras"), ("tensorflow", "saved"), ("tensorflow", "frozen.pb")],
)
def test_a_stage_of_2018_becomes_onnx_and_a_photo_its_label(
    python: str, models: Path, tmp_path: Path, kind: str, name: str
) -> None:
    names = {"output_tensor": "scores"}
    if name == "frozen.pb":
        source, result = (models / "names.txt").read_text().split()
        names = {"input_tensor": source, "output_tensor": result}
    own = package(tmp_path / "own", kind, models / name, **names)
    refused = fpga(python, "check", str(own), str(PHOTO), code=1)
    assert f"pipeline[0] is of type {kind}, which localcloud does not run" in refused
    command = f"`fpga model convert {own} {own}-onnx`"
    assert f"{command} makes a package of ONNX stages of it, where TensorFlow is installed" in refused

    told = fpga(python, "convert", str(own), str(tmp_path / "made"))

    assert f"pipeline[0] {name} ({kind}) to " in told
    (stage,) = json.loads((tmp_path / "made" / "service_def.json").read_text())["pipeline"]
    assert stage["type"] == "onnx"
    assert not (tmp_path / "made" / name).exists()
    shown = json.loads(fpga(python, "check", str(tmp_path / "made"), str(PHOTO), "--json"))
    assert [one["label"] for one in shown["labels"]] == ["warm", "green", "blue"]
    assert shown["labels"][0]["score"] > 0.9
    assert (own / name).exists()


def test_what_tensorflow_cannot_read_is_told_in_its_words(python: str, tmp_path: Path) -> None:
    (tmp_path / "broken.h5").write_bytes(b"nothing of this kind")
    own = package(tmp_path / "own", "keras", tmp_path / "broken.h5")
    told = fpga(python, "convert", str(own), str(tmp_path / "made"), code=1)
    assert "service_def.json: pipeline[0]: TensorFlow cannot convert broken.h5: " in told
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ["--memory-limit", "16"],
            "TensorFlow takes more than 16 MiB of memory to convert model.keras",
        ),
        (["--timeout", "1"], "TensorFlow did not convert model.keras in 1 s: --timeout gives it more"),
    ],
)
def test_a_conversion_that_takes_more_than_it_may_is_ended_with_the_remedy(
    python: str, tmp_path: Path, options: list[str], words: str
) -> None:
    large = LARGE.format(file=str(tmp_path / "model.keras"))
    subprocess.run([python, "-c", large], check=True, capture_output=True)
    own = package(tmp_path / "own", "keras", tmp_path / "model.keras")
    told = fpga(python, "convert", str(own), str(tmp_path / "made"), *options, code=1)
    assert f"service_def.json: pipeline[0]: {words}" in told
    if "--memory-limit" in options:
        assert "--memory-limit MIB allows it more, where the machine has it." in told
    assert not (tmp_path / "made").exists()


def test_without_tensorflow_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "model.h5").write_bytes(b"a model")
    own = package(tmp_path / "own", "keras", tmp_path / "model.h5")
    told = fpga(sys.executable, "convert", str(own), str(tmp_path / "made"), code=1)
    assert (
        "pipeline[0] is of type keras. TensorFlow is not installed beside this command: `pip install" in told
    )


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "has no service_def.json at its root"),
        ({"service_def.json": b"{"}, "is not JSON"),
        ({"service_def.json": b"{}"}, "has no list of stages"),
        ({"service_def.json": b'{"pipeline": [{"type": "keras"}]}'}, "pipeline[0].model_path must be a text"),
        (
            {"service_def.json": b'{"pipeline": [{"type": "keras", "model_path": "m.h5"}]}'},
            "pipeline[0].model_path 'm.h5' is not in the package",
        ),
    ],
)
def test_a_definition_that_names_nothing_is_refused(files: dict[str, bytes], words: str) -> None:
    with pytest.raises(CommandError) as refused:
        conversion.converted(files, conversion.Limits(1 << 30, 60))
    assert words in str(refused.value)
