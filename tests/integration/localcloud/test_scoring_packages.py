"""Model packages on the device: what runs, and what a broken package is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from localcloud.scoring import pipeline as pipeline_module
from localcloud.scoring.device import Device
from localcloud.scoring.errors import PackageError
from localcloud.scoring.pipeline import load_package
from tests.integration.localcloud.scoring_parts import (
    brainwave,
    built_model,
    constant_classifier,
    definition,
    device,
    endless_model,
    model_with_weights_outside,
    onnx_stage,
    package,
    tiny_model,
)

FEATURES = ["n", 1, 1, 1280]
THREE_SCORES = constant_classifier([1.0, 2.0, 3.0])


def _package(*stages: object, model: bytes = THREE_SCORES) -> bytes:
    return package({"service_def.json": definition(*stages), "m.onnx": model})


def test_a_stage_before_the_featurizer_gets_the_pixels() -> None:
    unchanged = tiny_model("Clip", ["n", 224, 224, 3], ["n", 224, 224, 3])
    files: dict[str, bytes | str] = {
        "service_def.json": definition(
            onnx_stage(model_path="stages/before.onnx"),
            brainwave(),
            onnx_stage(model_path="stages/after.onnx"),
        ),
        "stages/before.onnx": unchanged,
        "stages/after.onnx": THREE_SCORES,
    }
    pipeline = load_package(package(files), device())
    assert (pipeline.height, pipeline.width) == (224, 224)
    scores = pipeline.run(np.zeros((2, 224, 224, 3), dtype=np.float32))
    assert scores.tolist() == [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]


def test_services_of_one_device_share_its_models() -> None:
    own = Device(built_model().featurizers)
    one, other = (load_package(_package(brainwave(), onnx_stage()), own) for _ in range(2))
    assert [step.model for step in one._steps] == [step.model for step in other._steps]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            _package(brainwave(model_ref="resnet50", model_version="1.1.6-rc"), onnx_stage()),
            "no featurizer 'resnet50' of version '1.1.6-rc'; it has: efficientnet-lite0 1.0.0",
        ),
        (
            _package(brainwave(model_version="2.0.0"), onnx_stage()),
            "no featurizer 'efficientnet-lite0' of version '2.0.0'; it has: efficientnet-lite0 1.0.0",
        ),
        (
            _package(brainwave(output_tensor_dims=[1, 1, 2048]), onnx_stage()),
            r"output_tensor_dims is \[1, 1, 2048\], but efficientnet-lite0 1.0.0 gives \[1, 1, 1280\]",
        ),
        (
            _package(brainwave(), onnx_stage(), model=b"not a model"),
            r"pipeline\[1\] \(m.onnx\): onnxruntime cannot load the model",
        ),
        (
            _package(brainwave(), onnx_stage(input_tensor="input")),
            r"pipeline\[1\] \(m.onnx\): input_tensor 'input' is not in the model; it has x",
        ),
        (
            _package(brainwave(), onnx_stage(output_tensor="scores")),
            r"pipeline\[1\] \(m.onnx\): output_tensor 'scores' is not in the model; it has y",
        ),
        (
            _package(brainwave(), onnx_stage(), model=tiny_model("Identity", ["n", 2048], ["n", 2048])),
            r"pipeline\[1\] \(m.onnx\) takes x of shape \[n, 2048\], "
            r"but pipeline\[0\] \(efficientnet-lite0\) gives features of shape \[n, 1, 1, 1280\]",
        ),
        (
            _package(onnx_stage()),
            r"the first stage takes images of shape \[n, height, width, 3\]",
        ),
        (
            _package(
                brainwave(),
                onnx_stage(),
                model=tiny_model("Squeeze", FEATURES, [1280]),
            ),
            r"pipeline\[1\] \(m.onnx\) gives an output of shape \[1280\] for one image",
        ),
        (
            _package(
                brainwave(),
                onnx_stage(),
                # Its declared shape fits any features, its weights do not.
                model=constant_classifier([1.0], features=2048, source=["n", "a", "b", "c"]),
            ),
            r"pipeline\[1\] \(m.onnx\) fails on a black image: .*GEMM",
        ),
    ],
)
def test_a_package_that_cannot_run_says_why(content: bytes, message: str) -> None:
    with pytest.raises(PackageError, match=message):
        load_package(content, device())


@pytest.mark.parametrize("location", ["weights.bin", "../weights.bin", "{folder}/weights.bin"])
def test_a_model_cannot_read_files_of_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, location: str
) -> None:
    working = tmp_path / "working"
    working.mkdir()
    for folder in (tmp_path, working):
        (folder / "weights.bin").write_bytes(np.ones(3, dtype=np.float32).tobytes())
    monkeypatch.chdir(working)
    model = model_with_weights_outside(location.format(folder=tmp_path))
    with pytest.raises(PackageError) as refused:
        load_package(_package(brainwave(), onnx_stage(), model=model), device())
    assert str(refused.value) == (
        "pipeline[1] (m.onnx): the model keeps weights in another file; save it with all its weights inside."
    )


def test_a_model_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline_module, "TRIAL_TIMEOUT_S", 0.2)
    content = _package(onnx_stage(), model=endless_model(["n", 4, 4, 3]))
    with pytest.raises(PackageError) as refused:
        load_package(content, device())
    assert str(refused.value) == ("pipeline[0] (m.onnx) fails on a black image: it takes longer than 0.2 s")


def test_a_device_without_featurizers_says_so(tmp_path: Path) -> None:
    with pytest.raises(
        PackageError, match=r"no featurizer 'efficientnet-lite0' of version '1.0.0'; it has: none"
    ):
        load_package(package(), Device(tmp_path))
