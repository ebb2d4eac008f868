"""Execution providers: refused where the runtime has none such, and OpenVINO by its own build of it."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from clients.wire.model_package import PackageError
from clients.wire.onnx_model import CPU, Model
from clients.wire.tensorflow_serving import OUTPUT, array_from_tensor
from engine.report import ConsoleReport
from localcloud.errors import StartError
from localcloud.scoring import execution_providers
from localcloud.server import Cloud
from tests.support.localcloud import scoring_parts
from tests.support.localcloud.data_plane import PackageHost, endpoint, refusal, serving
from tests.support.localcloud.parts import settings
from tests.support.models import openvino
from tests.support.models.other_python import CannotBeHad

FPGA = str(Path(sys.executable).parent / "fpga")
LACKS = (
    rf"the onnxruntime {onnxruntime.__version__} that is installed here has no {{one}}; "
    r"it has cpu\. Install {build}"
)


@pytest.mark.parametrize(
    ("one", "build"),
    [("cuda", "onnxruntime-gpu"), ("openvino", "onnxruntime-openvino"), ("vitisai", "onnxruntime-vitisai")],
)
def test_what_the_runtime_lacks_is_refused_at_the_start(tmp_path: Path, one: str, build: str) -> None:
    wanted = dataclasses.replace(settings(tmp_path / "cloud"), execution_providers=(one, "cpu"))
    with pytest.raises(StartError, match=LACKS.format(one=one, build=build)) as refused:
        Cloud(wanted).start()
    assert str(refused.value).startswith(f"--execution-provider {one}, cpu: ")
    assert not (tmp_path / "cloud").exists()


def test_the_command_tells_it_by_the_line_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "server.yaml").write_text("executionProviders:\n  - openvino\n")
    command = [FPGA, "cloud", "up", "--data", "cloud", "--config", "server.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "executionProviders: openvino (" in done.stderr
    assert "server.yaml, line 1): the onnxruntime" in done.stderr
    assert "has no openvino; it has cpu. Install onnxruntime-openvino (Intel) in its place" in done.stderr

    done = subprocess.run(
        [FPGA, "cloud", "up", "--data", "cloud", "--execution-provider", "tpu"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert "--execution-provider tpu is not known: give cpu or cuda or openvino or vitisai" in done.stderr
    assert not (tmp_path / "cloud" / "localcloud.db").exists()


def test_nothing_falls_back_to_the_cpu_unsaid() -> None:
    content = scoring_parts.tiny_model("Relu", ["n", 4, 4, 3], ["n", 4, 4, 3])
    with pytest.warns(UserWarning, match="is not in available provider names"), pytest.raises(PackageError):
        Model(content, ["OpenVINOExecutionProvider"])
    with (
        pytest.warns(UserWarning, match="is not in available provider names"),
        pytest.raises(PackageError, match="onnxruntime cannot use OpenVINOExecutionProvider on this machine"),
    ):
        Model(content, ["OpenVINOExecutionProvider", CPU])


def test_the_default_is_the_cpu_and_imports_nothing(tmp_path: Path) -> None:
    assert settings(tmp_path).execution_providers == ("cpu",)
    program = (
        "import sys; from localcloud.scoring import execution_providers as e; e.require(('cpu',), 'x'); "
        "print([name for name in ('onnxruntime', 'onnx', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert execution_providers.known_to_onnxruntime(("cpu",)) == [CPU]


@pytest.fixture
def packages() -> Iterator[PackageHost]:
    with PackageHost().running() as host:
        yield host


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    try:
        return openvino.python(tmp_path_factory.mktemp("openvino") / "venv", ConsoleReport())
    except CannotBeHad as error:
        pytest.skip(str(error))


def test_openvino_scores_a_photo_as_the_cpu_does(tmp_path: Path, python: str, packages: PackageHost) -> None:
    zipmap = scoring_parts.sklearn_classifier(classes=(0, 1, 2))  # operators of ai.onnx.ml
    stages = [scoring_parts.brainwave()]
    stages.append(scoring_parts.onnx_stage(input_tensor="X", output_tensor="output_probability"))
    definition = scoring_parts.definition(*stages)
    zipped = scoring_parts.package({"service_def.json": definition, "m.onnx": zipmap})
    packages.put("/c/zipmap.zip", zipped)
    packages.put("/c/real.zip", scoring_parts.package())

    alone = ("--execution-provider", "openvino")
    with serving(tmp_path / "cloud", None, *alone, python=python) as (plane, _):
        plane.make_account()
        service = plane.deploy(plane.register(f"{packages.url}/c/real.zip"))
        with scoring_parts.channel(endpoint(service)) as opened:
            answer = scoring_parts.predict(opened, scoring_parts.photo_request())
        scores = array_from_tensor(answer.outputs[OUTPUT])
        assert scores.argmax() == scoring_parts.ESPRESSO
        on_cpu = scoring_parts.device()
        assert on_cpu.providers == ("cpu",)
        from localcloud.scoring.pipeline import load_package

        expected = load_package(scoring_parts.package(), on_cpu).score(
            scoring_parts.photo_request().inputs["images"]
        )
        np.testing.assert_allclose(scores, array_from_tensor(expected), atol=1e-3)

        status, code, words = refusal(plane.call("POST", "models", model(f"{packages.url}/c/zipmap.zip")))
        assert (status, code) == (400, "InvalidPackage")
        assert (
            "the execution providers cannot run all of the model: have localcloud started with cpu" in words
        )

    with serving(tmp_path / "cloud", None, *alone, "--execution-provider=cpu", python=python) as (plane, _):
        service = plane.deploy(plane.register(f"{packages.url}/c/zipmap.zip"), "zipmap")
        with scoring_parts.channel(endpoint(service)) as opened:
            answer = scoring_parts.predict(opened, scoring_parts.photo_request())
        np.testing.assert_allclose(array_from_tensor(answer.outputs[OUTPUT])[0], [0.2, 0.3, 0.5], atol=1e-6)


def test_a_package_reads_no_file_whatever_runs_it(tmp_path: Path, python: str, packages: PackageHost) -> None:
    stages = [scoring_parts.brainwave(), scoring_parts.onnx_stage()]
    outside = scoring_parts.model_with_weights_outside("/etc/passwd")
    definition = scoring_parts.definition(*stages)
    zipped = scoring_parts.package({"service_def.json": definition, "m.onnx": outside})
    packages.put("/c/outside.zip", zipped)
    providers = ("--execution-provider=openvino", "--execution-provider=cpu")
    with serving(tmp_path / "cloud", None, *providers, python=python) as (plane, _):
        plane.make_account()
        status, code, words = refusal(plane.call("POST", "models", model(f"{packages.url}/c/outside.zip")))
    assert (status, code) == (400, "InvalidPackage")
    assert "the model keeps weights in another file" in words


def model(url: str) -> dict[str, object]:
    return {"name": "m", "mimeType": "application/zip", "url": url, "unpack": False, "computeType": "FPGA"}


def test_a_package_is_tried_by_the_providers_that_run_it(tmp_path: Path, python: str) -> None:
    package = tmp_path / "package.zip"
    package.write_bytes(scoring_parts.package())
    program = """
import json, sys
from pathlib import Path
from localcloud.scoring import trial_process as t
child = t.start(Path(sys.argv[1]), Path(sys.argv[2]), t.memory_limit(), ["openvino"], Path(sys.argv[3]))
answer = t.answer_of(child)
child.wait()
print(json.dumps(t.judged(answer, child.returncode, 0)))
"""
    arguments = [str(package), str(scoring_parts.device().folder), str(scoring_parts.PHOTO)]
    done = subprocess.run([python, "-c", program, *arguments], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert told["refused"] is None
    assert int(np.argmax(told["measured"]["scores"])) == scoring_parts.ESPRESSO
