"""Model packages on the device: what runs, and what a broken package is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto as OnnxTensor

from clients.wire import model_package
from clients.wire.model_package import read_package
from clients.wire.trial import try_package
from localcloud.scoring.device import Device
from localcloud.scoring.errors import PackageError
from localcloud.scoring.pipeline import load_package
from tests.support.localcloud.parts import built_model
from tests.support.localcloud.scoring_parts import (
    brainwave,
    constant_classifier,
    definition,
    device,
    endless_model,
    model_with_weights_outside,
    onnx_stage,
    package,
    sklearn_classifier,
    tiny_model,
)

FEATURES = ["n", 1, 1, 1280]
THREE_SCORES = constant_classifier([1.0, 2.0, 3.0])


SKLEARN = {"input_tensor": "X", "output_tensor": "output_probability"}


def _package(*stages: object, model: bytes = THREE_SCORES, labels: str | None = None) -> bytes:
    if labels is None:
        return package({"service_def.json": definition(*stages), "m.onnx": model})
    named = definition(*stages, labels="labels.txt")
    return package({"service_def.json": named, "m.onnx": model, "labels.txt": labels})


def _one_image() -> npt.NDArray[np.float32]:
    return np.zeros((1, 224, 224, 3), dtype=np.float32)


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


def _newer(ir_version: int = 8, opset: int = 17) -> bytes:
    model = onnx.load_model_from_string(THREE_SCORES)
    model.ir_version, model.opset_import[0].version = ir_version, opset
    content: bytes = model.SerializeToString()
    return content


REFUSED = pytest.mark.parametrize(
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
        (
            _package(brainwave(), onnx_stage(**SKLEARN), model=sklearn_classifier(), labels="cat\ndog\n"),
            r"labels.txt has 2 labels, but pipeline\[1\] \(m.onnx\) gives 3 scores: write one label a line",
        ),
        (
            _package(
                brainwave(), onnx_stage(input_tensor="X", output_tensor="label"), model=sklearn_classifier()
            ),
            r"output_tensor 'label' is a tensor\(string\); stages pass tensor\(float\) on. "
            "Name another one: output_probability",
        ),
        (
            _package(brainwave(), onnx_stage(**SKLEARN), model=sklearn_classifier((32, 1280))),
            r"takes X of shape \[32, 1280\], but pipeline\[0\] .* of shape \[n, 1, 1, 1280\]",
        ),
        (
            _package(
                onnx_stage(),
                model=tiny_model("Identity", ["n", 4, 4, 3], ["n", 4, 4, 3]),
                labels="cat\ndog\n",
            ),
            r"labels.txt names classes, but pipeline\[0\] \(m.onnx\) gives an output of shape \[n, 4, 4, 3\]",
        ),
        (
            _package(brainwave(), onnx_stage(), model=_newer(ir_version=99)),
            r"onnxruntime cannot load the model: .*IR version.* Export it with an older opset, for onnx",
        ),
        (
            _package(brainwave(), onnx_stage(), model=_newer(opset=99)),
            r"onnxruntime cannot load the model: [^/]*Opset 99 .* Export it with an older opset",
        ),
    ],
)


@REFUSED
def test_a_package_that_cannot_run_says_why(content: bytes, message: str) -> None:
    with pytest.raises(PackageError, match=message):
        load_package(content, device())


@REFUSED
def test_the_program_refuses_it_before_anything_is_changed(content: bytes, message: str) -> None:
    with pytest.raises(model_package.PackageError, match=message):
        try_package(read_package(content))


@pytest.mark.parametrize(
    "source",
    [("n", 1280), ("n", 1280, 1, 1), ("n", 1, 1, 1280), ("batch", "features"), (1, 1280)],
)
def test_features_fit_a_classifier_whose_shape_differs_in_ones_alone(source: tuple[int | str, ...]) -> None:
    content = _package(brainwave(), onnx_stage(), model=constant_classifier([1.0, 2.0, 3.0], source=source))
    try_package(read_package(content))
    scores = load_package(content, device()).run(np.zeros((2, 224, 224, 3), dtype=np.float32))
    assert scores.tolist() == [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]


@pytest.mark.parametrize("classes", [("cat", "dog", "fox"), (0, 1, 2), (10, 20, 30)])
@pytest.mark.parametrize("zipmap", [True, False])
def test_a_classifier_of_scikit_learn_gives_its_probabilities(
    classes: tuple[str, ...] | tuple[int, ...], zipmap: bool
) -> None:
    output = "output_probability" if zipmap else "probabilities"
    content = _package(
        brainwave(),
        onnx_stage(input_tensor="X", output_tensor=output),
        model=sklearn_classifier(classes=classes, zipmap=zipmap),
        labels="Katze\nHund\nFuchs\n",
    )
    try_package(read_package(content))
    pipeline = load_package(content, device())
    assert pipeline.shape.labels == ("Katze", "Hund", "Fuchs")
    scores = pipeline.run(_one_image())
    assert scores.dtype == np.float32
    assert np.allclose(scores, [[0.2, 0.3, 0.5]])


@pytest.mark.parametrize("element", [OnnxTensor.DOUBLE, OnnxTensor.FLOAT16])
def test_floats_of_another_width_are_converted(element: int) -> None:
    model = tiny_model("Identity", ["n", 1280], ["n", 1280], element=element)
    content = _package(brainwave(), onnx_stage(), model=model)
    try_package(read_package(content))
    scores = load_package(content, device()).run(_one_image())
    assert scores.shape == (1, 1280)
    assert scores.dtype == np.float32


def test_a_regression_gives_its_one_number() -> None:
    content = _package(brainwave(), onnx_stage(), model=constant_classifier([2.5], source=("n", 1280)))
    assert load_package(content, device()).run(_one_image()).tolist() == [[2.5]]


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
        "pipeline[1] (m.onnx): the model keeps weights in another file; save it with all its weights inside: "
        "`onnx.save(onnx.load(path), path)`."
    )


def test_a_model_that_never_ends_is_ended() -> None:
    content = _package(onnx_stage(), model=endless_model(["n", 4, 4, 3]))
    with pytest.raises(PackageError) as refused:
        load_package(content, device(), timeout_s=0.2)
    assert str(refused.value) == ("pipeline[0] (m.onnx) fails on a black image: it takes longer than 0.2 s")


def test_a_device_without_featurizers_says_so(tmp_path: Path) -> None:
    with pytest.raises(
        PackageError, match=r"no featurizer 'efficientnet-lite0' of version '1.0.0'; it has: none"
    ):
        load_package(package(), Device(tmp_path))
