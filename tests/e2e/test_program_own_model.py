"""A person's own model: three classes with labels, from the preview to the right label of a photo."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from clients.prediction.labels import lines, read_scores
from fpga.predict.endpoint import Endpoint
from infra.settings.reader import PROJECT_ROOT
from localcloud.scoring.images import decode_image
from tests.support.localcloud.scoring_parts import brainwave, centroid_classifier, onnx_stage
from tests.support.stacks.local_cloud import LocalCloud
from tests.support.stacks.program_stack import ProgramStack

PHOTO = PROJECT_ROOT / "samples" / "espresso.jpg"
LABELS = "\ufeffplain\r\nespresso ☕\r\nnoise\r\n\r\n"


@pytest.fixture(scope="module")
def package(local_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of the nearest of three images, with an input of `[n, 1280]`."""
    featurizer = next(local_cloud.settings.featurizers.rglob("featurizer.onnx"))
    session = onnxruntime.InferenceSession(featurizer)
    images = [
        np.full((1, 224, 224, 3), 90, dtype=np.float32),
        decode_image(PHOTO.read_bytes(), 224, 224),
        np.random.default_rng(0).uniform(0, 255, (1, 224, 224, 3)).astype(np.float32),
    ]
    features = [session.run(None, {"images": image})[0].reshape(-1) for image in images]
    folder = tmp_path_factory.mktemp("own") / "package"
    folder.mkdir()
    (folder / "classifier.onnx").write_bytes(centroid_classifier(np.stack(features)))
    _define(folder, LABELS)
    return folder


def _define(folder: Path, labels: str) -> None:
    stage = onnx_stage(model_path="classifier.onnx", output_tensor="output_probability")
    definition = {"aml_runtime_version": "1.1", "pipeline": [brainwave(), stage], "labels": "labels.txt"}
    (folder / "service_def.json").write_text(json.dumps(definition))
    (folder / "labels.txt").write_text(labels, encoding="utf-8", newline="")


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., ProgramStack], package: Path) -> ProgramStack:
    return make_stack("own", {"fpga-web-service:modelPackage": str(package)}, loaded=True)


def _shown(stack: ProgramStack) -> list[str]:
    endpoint = Endpoint.from_outputs(stack.stack, stack.outputs(show_secrets=True))
    with endpoint.client("primary", None, 30.0) as client:
        answer = client.score_labelled(PHOTO)
    return lines(read_scores(answer.scores, answer.labels))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("one\ntwo\n", r"labels.txt has 2 labels, but pipeline[1] (classifier.onnx) gives 3 scores"),
        ("one\n\x1b[2J\nthree\n", "labels.txt has the control character U+001B in line 2: take it out"),
    ],
)
def test_labels_that_do_not_fit_are_refused_before_anything_is_made(
    stack: ProgramStack, package: Path, labels: str, message: str
) -> None:
    _define(package, labels)
    for refused in (stack.preview(code=None), stack.up(code=None)):
        assert refused.code not in (0, None)
        (told,) = refused.diagnostics["error"]
        assert f"fpga-web-service:modelPackage: {package}: {message}" in told
        assert "Traceback" not in refused.text
    assert stack.group not in stack.cloud.groups()
    _define(package, LABELS)


def test_a_photo_gets_its_right_label(stack: ProgramStack, package: Path) -> None:
    stack.preview()
    stack.up()

    assert _shown(stack)[0].split()[:3] == ["1.", "espresso", "☕"]
    again = stack.up().changes
    assert list(again) == ["same"]


def test_other_labels_come_with_the_next_update_in_place(stack: ProgramStack, package: Path) -> None:
    before = stack.outputs()
    _define(package, "flach\nKaffee\nRauschen\n")

    stack.up()

    assert _shown(stack)[0].split()[:2] == ["1.", "Kaffee"]
    assert stack.outputs() == before
