"""What a stack's owner brings beside the settings: all of it is read, and all that is wrong told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra import settings
from infra.inputs import inputs
from infra.settings import Settings
from infra.settings.reader import SettingsError
from tests.support.certificates.odd_bundles import CHAIN, KEY

UUID = "60d6296f-62f7-42c8-8f6d-54baf9ddcc13"


def stack(package: Path, **more: str) -> Settings:
    own = {
        "resourceGroup": "fpga",
        "account": "models",
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
