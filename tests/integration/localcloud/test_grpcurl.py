"""grpcurl as a person uses it: it knows nothing of the service but what reflection, or the protos, tell."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.wire import messages
from engine.errors import EngineError
from engine.report import ConsoleReport
from localcloud.scoring.addresses import Endpoint
from localcloud.scoring.host import Deployment, ScoringHost
from localcloud.scoring.pipeline import load_package
from tests.support.certificates.authority import Authority
from tests.support.grpcurl import build
from tests.support.localcloud.scoring_parts import (
    MODEL,
    PHOTO,
    PRIMARY,
    SECONDARY,
    SERVER_NAME,
    device,
    free_endpoint,
    package,
    tls_material,
)

PROTOS = Path(messages.__file__).with_name("protos")
PREDICT = "tensorflow.serving.PredictionService/Predict"


@pytest.fixture(scope="module")
def grpcurl() -> Path:
    try:
        return build.ensure(ConsoleReport())
    except EngineError as error:
        pytest.skip(f"there is no grpcurl: {error}")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def endpoint(authority: Authority) -> Iterator[Endpoint]:
    scoring, where = ScoringHost(), free_endpoint()
    model = load_package(package(), device())
    scoring.deploy(Deployment("service", *where, model, tls_material(authority), PRIMARY, SECONDARY, MODEL))
    yield where
    scoring.stop()


class Caller:
    """grpcurl, with the root and the name of the service; the key reaches it in its environment alone."""

    def __init__(self, executable: Path, root: Path, endpoint: Endpoint) -> None:
        self._command = [str(executable), "-max-time", "60", "-cacert", str(root), "-authority", SERVER_NAME]
        self._address = f"{endpoint.address}:{endpoint.port}"

    def __call__(
        self, *what: str, options: tuple[str, ...] = (), data: object = None, key: str | None = PRIMARY
    ) -> subprocess.CompletedProcess[str]:
        command = [*self._command, *options]
        env = dict(os.environ)
        if key is not None:
            command += ["-expand-headers", "-H", "authorization: ${KEY}"]
            env["KEY"] = key
        if data is not None:
            command += ["-d", "@"]
        return subprocess.run(
            [*command, self._address, *what],
            input=None if data is None else json.dumps(data),
            capture_output=True,
            text=True,
            timeout=120,
            env=env,
            check=False,
        )


@pytest.fixture(scope="module")
def call(
    grpcurl: Path, authority: Authority, endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory
) -> Caller:
    root = tmp_path_factory.mktemp("roots") / "root.pem"
    root.write_bytes(authority.root)
    return Caller(grpcurl, root, endpoint)


def photo() -> dict[str, object]:
    image = {
        "dtype": "DT_STRING",
        "tensorShape": {"dim": [{"size": 1}]},
        "stringVal": [base64.b64encode(PHOTO.read_bytes()).decode()],
    }
    return {"inputs": {"images": image}, "outputFilter": ["output_alias", "labels"]}


def test_it_lists_the_services(call: Caller) -> None:
    done = call("list")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
        "tensorflow.serving.ModelService",
        "tensorflow.serving.PredictionService",
    ]


def test_it_describes_every_one(call: Caller) -> None:
    done = call("describe")
    assert done.returncode == 0, done.stderr
    for line in (
        "rpc Predict ( .tensorflow.serving.PredictRequest ) returns ( .tensorflow.serving.PredictResponse );",
        "rpc GetModelStatus ( .tensorflow.serving.GetModelStatusRequest )",
        "rpc Watch ( .grpc.health.v1.HealthCheckRequest )",
    ):
        assert line in done.stdout
    message = call("describe", "tensorflow.TensorProto")
    assert "repeated bytes string_val = 8;" in message.stdout


@pytest.mark.parametrize("known", ["reflection", "protos"])
def test_it_has_a_photo_scored(call: Caller, known: str) -> None:
    protos = ("-import-path", str(PROTOS), "-proto", "tensorflow_serving/apis/prediction_service.proto")
    done = call(PREDICT, options=protos if known == "protos" else (), data=photo())
    assert done.returncode == 0, done.stderr
    outputs = json.loads(done.stdout)["outputs"]
    names = [base64.b64decode(name).decode() for name in outputs["labels"]["stringVal"]]
    assert outputs["output_alias"]["tensorShape"]["dim"] == [{"size": "1"}, {"size": "1000"}]
    content = base64.b64decode(outputs["output_alias"]["tensorContent"])
    scores = memoryview(content).cast("f").tolist()
    assert names[scores.index(max(scores))] == "espresso"


def test_it_asks_for_the_model_and_its_state(call: Caller) -> None:
    metadata = call(
        "tensorflow.serving.PredictionService/GetModelMetadata", data={"metadataField": ["signature_def"]}
    )
    told = json.loads(metadata.stdout)
    assert told["modelSpec"] == {"name": "classifier", "version": "3"}
    signatures = told["metadata"]["signature_def"]["signatureDef"]
    assert signatures["serving_default"]["inputs"]["images"]["dtype"] == "DT_STRING"
    status = call("tensorflow.serving.ModelService/GetModelStatus", data={})
    assert json.loads(status.stdout) == {
        "model_version_status": [{"version": "3", "state": "AVAILABLE", "status": {}}]
    }


def test_without_the_key_nothing_is_told_but_health(call: Caller) -> None:
    protos = ("-import-path", str(PROTOS), "-proto", "tensorflow_serving/apis/prediction_service.proto")
    refused = call(PREDICT, options=protos, data=photo(), key=None)
    assert "Code: Unauthenticated" in refused.stderr
    assert "This service wants its primary or secondary key in the metadata 'authorization'" in refused.stderr
    listed = call("list", key=None)
    assert listed.returncode == 1
    assert "rpc error: code = Unauthenticated desc = This service wants its" in listed.stderr


def test_health_itself_needs_no_key(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    for_reflection = ("-expand-headers", "-reflect-header", "authorization: ${REFLECTION_KEY}")
    monkeypatch.setenv("REFLECTION_KEY", PRIMARY)
    done = call("grpc.health.v1.Health/Check", options=for_reflection, data={}, key=None)
    assert json.loads(done.stdout) == {"status": "SERVING"}
