"""What a stack's owner brings beside the settings: all of it is read, and all that is wrong told at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra import settings
from infra.inputs import inputs
from infra.inputs.model_package import ModelPackage
from infra.settings import Settings
from infra.settings.reader import SettingsError
from tests.support.certificates.odd_bundles import CHAIN, KEY

DEFINITION = {
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
UUID = "60d6296f-62f7-42c8-8f6d-54baf9ddcc13"


def stack(package: Path, **more: str) -> Settings:
    own = {
        "resourceGroup": "fpga",
        "account": "models",
        "accountCapacity": "16",
        "modelPackage": str(package),
        "zone": "contoso.test",
        "fqdn": "www.contoso.test",
    }
    azure = dict.fromkeys(("tenantId", "subscriptionId", "clientId"), UUID)
    azure |= {"clientSecret": "a secret", "metadataHost": "localhost:443"}
    config = {f"fpga-web-service:{key}": value for key, value in (own | more).items()}
    return settings.read(config | {f"azure-native:{key}": value for key, value in azure.items()}, {})


def problems_of(declared: Settings) -> tuple[str, ...]:
    warnings: list[str] = []
    with pytest.raises(SettingsError) as refused:
        inputs.read(declared, warnings.append)
    assert warnings == []
    return tuple(refused.value.problems)


def test_package_and_certificate_are_refused_together(tmp_path: Path) -> None:
    (tmp_path / "chain.pem").write_bytes(CHAIN)
    (tmp_path / "key.pem").write_bytes(KEY)
    (tmp_path / "key.pem").chmod(0o600)
    (tmp_path / "package").mkdir()

    package, certificate = problems_of(
        stack(
            tmp_path / "package",
            certificateSource="files",
            certificateFile=str(tmp_path / "chain.pem"),
            keyFile=str(tmp_path / "key.pem"),
        )
    )

    assert package.startswith(f"fpga-web-service:modelPackage: {tmp_path / 'package'}: ")
    assert "service_def.json" in package
    assert certificate.startswith("fpga-web-service:certificateFile, fpga-web-service:keyFile: ")
    assert "www.contoso.test" in certificate


def test_package_and_roots_of_an_authority_are_refused_together(tmp_path: Path) -> None:
    (tmp_path / "roots.pem").write_text("no certificate\n")
    (tmp_path / "package").mkdir()

    package, roots = problems_of(
        stack(
            tmp_path / "package",
            certificateSource="acme",
            acmeDirectory="https://ca.example.com/directory",
            acmeRootsFile=str(tmp_path / "roots.pem"),
        )
    )

    assert package.startswith("fpga-web-service:modelPackage: ")
    assert roots.startswith("fpga-web-service:acmeRootsFile: ")


def listed(package: Path, *services: dict[str, object]) -> Settings:
    return stack(package, certificateSource="self_signed", services=json.dumps(services))


def test_services_of_one_package_share_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package, again = tmp_path / "package", tmp_path / "again"
    for folder in (package, again):
        folder.mkdir()
        (folder / "service_def.json").write_text(json.dumps(DEFINITION))
        (folder / "classifier.onnx").write_bytes(b"weights")
    tried: list[Path] = []
    monkeypatch.setattr(ModelPackage, "try_out", lambda one: tried.append(one.path))

    found = inputs.read(
        listed(
            package,
            {"name": "cats"},
            {"name": "dogs", "fqdn": "dogs.contoso.test", "modelPackage": str(again)},
            {"name": "cows", "fqdn": "cows.contoso.test", "modelId": "m-1"},
        ),
        lambda _: None,
    )

    assert tried == [package]
    assert found.of["cats"].package is found.of["dogs"].package is not None
    assert found.of["cows"].package is None


def test_what_is_wrong_with_inputs_is_told_by_service(tmp_path: Path) -> None:
    for name, content in {"chain.pem": CHAIN, "key.pem": KEY, "roots.pem": b"none"}.items():
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o600)
    for name in ("package", "other"):
        (tmp_path / name).mkdir()
    files = {
        "certificateSource": "files",
        "certificateFile": str(tmp_path / "chain.pem"),
        "keyFile": str(tmp_path / "key.pem"),
    }
    acme = {
        "certificateSource": "acme",
        "acmeDirectory": "https://ca.example/d",
        "acmeRootsFile": str(tmp_path / "roots.pem"),
    }

    found = problems_of(
        listed(
            tmp_path / "package",
            {"name": "cats", **files},
            {"name": "dogs", "fqdn": "dogs.contoso.test", "certificateFor": ["owls.contoso.test"], **acme},
            {"name": "cows", "fqdn": "cows.contoso.test", "modelPackage": str(tmp_path / "other"), **acme},
            {"name": "hens", "fqdn": "hens.contoso.test"},
            {"name": "owls", "fqdn": "owls.contoso.test"},
        )
    )

    assert [problem.partition(": ")[0] for problem in found] == [
        "fpga-web-service:modelPackage",
        "fpga-web-service:services[2].modelPackage",
        "fpga-web-service:services[0].certificateFile, fpga-web-service:services[0].keyFile",
        "fpga-web-service:services[1].acmeRootsFile, fpga-web-service:services[2].acmeRootsFile",
    ]
