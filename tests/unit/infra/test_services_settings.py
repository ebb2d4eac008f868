"""The list of services in a stack's configuration: what is accepted, what is refused, and in which words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from infra import settings
from infra.settings import Settings
from infra.settings.reader import SettingsError

UUID = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def config(tmp_path: Path) -> dict[str, str]:
    return {
        "azure-native:metadataHost": "127.0.0.1:20443",
        "azure-native:tenantId": UUID,
        "azure-native:subscriptionId": UUID,
        "azure-native:clientId": UUID,
        "azure-native:clientSecret": "s3cr3t",
        "fpga-web-service:resourceGroup": "fpga",
        "fpga-web-service:account": "models",
        "fpga-web-service:modelPackage": str(tmp_path),
        "fpga-web-service:zone": "contoso.test",
        "fpga-web-service:certificateSource": "self_signed",
    }


def read(config: dict[str, str], services: Any, secret_keys: set[str] | None = None, **top: str) -> Settings:
    config = config | {f"fpga-web-service:{key}": value for key, value in top.items()}
    written = services if isinstance(services, str) else json.dumps(services)
    secrets = None if secret_keys is None else secret_keys | {"azure-native:clientSecret"}
    return settings.read(config | {"fpga-web-service:services": written}, {}, secrets)


def problems(
    config: dict[str, str], services: Any, secret_keys: set[str] | None = None, **top: str
) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(config, services, secret_keys, **top)
    return [one.removeprefix("fpga-web-service:") for one in caught.value.problems]


def test_flat_settings_are_the_one_service(config: dict[str, str]) -> None:
    read = settings.read(config | {"fpga-web-service:fqdn": "www.contoso.test"}, {})

    (service,) = read.services
    assert (service.name, service.takes_over) == ("", False)
    assert service.model is read.model
    assert service.domain is read.domain
    assert service.certificate is read.certificate
    assert service.service is read.service
    assert service.setting("fqdn") == "fqdn"


def test_what_a_service_does_not_say_is_said_outside(config: dict[str, str]) -> None:
    found = read(
        config,
        [
            {"name": "cats", "fqdn": "Cats.contoso.test.", "recordTtl": 60, "sslEnabled": False},
            {"name": "dogs", "primaryKeyGeneration": "3", "modelName": "dog"},
        ],
        fqdn="dogs.contoso.test",
        recordTtl="120",
    )

    cats, dogs = found.services
    assert (cats.name, cats.domain.fqdn, cats.domain.zone) == ("cats", "cats.contoso.test", "contoso.test")
    assert (cats.domain.record_ttl_s, cats.service.ssl_enabled, cats.takes_over) == (60, False, False)
    assert (dogs.domain.fqdn, dogs.domain.record_ttl_s, dogs.takes_over) == ("dogs.contoso.test", 120, True)
    assert (dogs.service.primary_key_generation, dogs.model.name) == (3, "dog")
    assert (cats.service.check_timeout_s, dogs.service.check_timeout_s) == (120, 180)
    assert (cats.setting("fqdn"), dogs.setting("fqdn")) == ("services[0].fqdn", "fqdn")
    assert (cats.setting("modelPackage"), cats.setting("zone")) == ("modelPackage", "zone")


def test_the_flat_fqdn_is_not_needed_where_each_has_its_own(config: dict[str, str]) -> None:
    found = read(config, [{"name": "cats", "fqdn": "cats.contoso.test"}])

    assert [one.takes_over for one in found.services] == [False]


def test_what_takes_the_place_of_an_alternative_is_no_contradiction(
    config: dict[str, str], tmp_path: Path
) -> None:
    for name in ("chain.pem", "key.pem"):
        (tmp_path / name).touch()

    found = read(
        config,
        [
            {"name": "cats", "fqdn": "cats.contoso.test", "modelId": "m-1"},
            {"name": "dogs", "fqdn": "dogs.contoso.test", "certificateSource": "files"},
            {
                "name": "cows",
                "fqdn": "cows.contoso.test",
                "certificateSource": "acme",
                "acmeDirectory": "https://ca.example/dir",
            },
        ],
        certificateFile=str(tmp_path / "chain.pem"),
        keyFile=str(tmp_path / "key.pem"),
    )

    cats, dogs, cows = found.services
    assert (cats.model.id, cats.model.package) == ("m-1", "")
    assert (cats.certificate.source, cats.certificate.certificate_file) == ("self_signed", None)
    assert dogs.certificate.certificate_file == tmp_path / "chain.pem"
    assert cows.certificate.acme is not None
    assert cows.certificate.acme.directory == "https://ca.example/dir"


def test_what_no_service_uses_is_refused(config: dict[str, str], tmp_path: Path) -> None:
    one = {"name": "cats", "fqdn": "cats.contoso.test"}

    assert problems(config, [one], keyFile=str(tmp_path), acmeEmail="a@b.example") == [
        "keyFile is not used by any of the services: remove it, or set certificateSource to files for one",
        "acmeEmail is not used by any of the services: remove it, or set certificateSource to acme for one",
    ]


def test_all_problems_are_told_at_once_and_each_once(config: dict[str, str]) -> None:
    found = problems(
        config,
        [
            {"name": "cats"},
            {"name": "dogs", "fqdn": "dogs.fabrikam.test", "recordTtl": 0},
            {"name": "cows", "fqdn": "cows.contoso.test", "certificateSource": "files"},
        ],
        checkTimeout="soon",
    )

    assert found == [
        "checkTimeout is 'soon': it takes a whole number from 1 to 86400",
        "services[0].fqdn is not set: `pulumi config set --path 'fpga-web-service:services[0].fqdn' VALUE`",
        "services[1].recordTtl is '0': it takes a whole number from 1 to 2147483647",
        "services[1].fqdn is 'dogs.fabrikam.test', which is not under its zone 'contoso.test': choose a name "
        "such as 'service.contoso.test', or set fpga-web-service:zone to its zone",
        "services[2].certificateFile is not set: it is the path of the PEM file with the certificate and its "
        "chain",
        "services[2].keyFile is not set: it is the path of the PEM file with the certificate's private key",
    ]
