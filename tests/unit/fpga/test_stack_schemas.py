"""The schemas of stack files: made from the settings, and of one mind with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from fpga.cloud import connection
from fpga.stacks import generated, presets, template
from fpga.stacks import schema as stack_schema
from infra import settings
from infra.settings.management import VARIABLES
from infra.settings.reader import PROJECT_ROOT, SettingsError
from localcloud.status import Status
from tests.support.documents.markdown import blocks

STACKS = PROJECT_ROOT / "stacks"
UUID = "11111111-2222-3333-4444-555555555555"
SERVER_UUID = "99999999-8888-7777-6666-555555555555"
LOCALCLOUD = Status(
    https="https://127.0.0.1:443",
    ca=Path("ca.pem"),
    tenant=UUID,
    subscription=UUID,
    client_id=UUID,
    client_secret_file=Path("client-secret"),
    dns="127.0.0.1:53",
    blob=None,
)
VALID = jsonschema.Draft7Validator(stack_schema.stack_schema())


def stack(tmp_path: Path, **changed: Any) -> dict[str, Any]:
    told = {
        "resourceGroup": "fpga",
        "account": "models",
        "modelPackage": str(tmp_path),
        "zone": "contoso.test",
        "fqdn": "www.contoso.test",
        "certificateSource": "self_signed",
    } | changed
    return {"config": {f"fpga-web-service:{key}": value for key, value in told.items() if value is not None}}


def complaints(content: Any) -> list[str]:
    return [str(error.message) for error in VALID.iter_errors(content)]


def listed(tmp_path: Path, *services: Any, **changed: Any) -> dict[str, Any]:
    return stack(tmp_path, services=list(services), **changed)


def taken_by_the_program(content: dict[str, Any]) -> bool:
    azure = dict.fromkeys(("tenantId", "subscriptionId", "clientId", "clientSecret"), UUID)
    config = {f"azure-native:{key}": value for key, value in azure.items()}
    if "fpga-web-service:managementHost" not in content["config"]:
        config["azure-native:metadataHost"] = "localhost:443"
    config |= {
        key: json.dumps(value) if isinstance(value, list) else str(value)
        for key, value in content["config"].items()
    }
    try:
        settings.read(config, dict.fromkeys(VARIABLES.values(), SERVER_UUID))
    except SettingsError:
        return False
    return True


def test_every_setting_says_what_it_is() -> None:
    assert [one.key for one in settings.known() if not one.about] == []
    assert len({one.key for one in settings.known()}) == len(settings.known())


@pytest.mark.parametrize("name", ["stack", "backend"])
def test_a_schema_is_a_schema(name: str) -> None:
    jsonschema.Draft7Validator.check_schema(getattr(stack_schema, f"{name}_schema")())


def test_what_is_committed_is_what_is_made() -> None:
    for file, text in generated.files(STACKS).items():
        assert file.read_text() == text, f"`fpga stack schema` writes {file.name} anew"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("accountCapacity", "16"),
        ("accountCapacity", "17"),
        ("accountCapacity", "two"),
        ("accountSku", "S3"),
        ("accountSku", "DevTest"),
        ("location", "East US 2"),
        ("location", "westus"),
        ("sslEnabled", "true"),
        ("sslEnabled", "yes"),
        ("certificateSource", "vault"),
        ("recordTtl", "300"),
        ("recordTtl", "-1"),
        ("recordTtl", "5 minutes"),
        ("primaryKeyGeneration", "2"),
        ("acountCapacity", "2"),
        ("zone", None),
        ("resourceGroup", None),
        ("modelName", None),
        ("checkTimeout", "86400"),
    ],
)
def test_schema_and_program_take_and_refuse_the_same(tmp_path: Path, key: str, value: str | None) -> None:
    content = stack(tmp_path, **{key: value})

    assert (complaints(content) == []) is taken_by_the_program(content)


@pytest.mark.parametrize(
    "changed",
    [
        {"accountCapacity": 2, "sslEnabled": True, "recordTtl": 60},
        {"accountCapacity": "2", "sslEnabled": "true", "recordTtl": "60"},
        {"nameServers": ["127.0.0.1:53"], "caaIssuers": "letsencrypt.org"},
        {"certificateKey": {"secure": "v1:abc"}},
    ],
)
def test_values_are_written_as_yaml_or_as_the_engine_writes_them(
    tmp_path: Path, changed: dict[str, Any]
) -> None:
    assert complaints(stack(tmp_path, **changed)) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"fpga-web-service:certificateKey": "-----BEGIN"}, "is not of type 'object'"),
        ({"azure-native:clientSecret": "s3cr3t"}, "is not of type 'object'"),
        ({"azure-native:tenantId": "contoso"}, "does not match"),
        ({"zone": "contoso.test"}, "does not match any of the regexes"),
        ({"fpga-web-service:accountCapacity": 0}, "is not valid under any of the given schemas"),
    ],
)
def test_what_the_file_must_not_hold_is_refused(tmp_path: Path, content: dict[str, Any], words: str) -> None:
    whole = stack(tmp_path)
    whole["config"] |= content

    (complaint,) = complaints(whole)

    assert words in complaint


def test_other_keys_of_the_engine_are_left_alone(tmp_path: Path) -> None:
    whole = stack(tmp_path) | {"encryptionsalt": "v1:x", "environment": ["shared"]}
    whole["config"] |= {"azure-native:useOidc": "true", "pulumi:tags": {"team": "vision"}}

    assert complaints(whole) == []
    assert complaints(whole | {"secretprovider": "passphrase"}) != []


@pytest.mark.parametrize("kind", presets.PRESETS)
@pytest.mark.parametrize("connected", [None, connection.settings(LOCALCLOUD)])
def test_new_files_fit_their_schemas_and_the_program(
    kind: str, connected: dict[str, str] | None, tmp_path: Path
) -> None:
    written = presets.configuration("team-a", kind, connected)
    text = template.stack_text("team-a", written)

    content = yaml.safe_load(text)

    assert content["config"] == written
    assert complaints(content) == []
    assert max(map(len, text.splitlines())) <= 110
    plain = {key.partition(":")[2]: value for key, value in written.items() if key.startswith("fpga-")}
    plain = {key: value[0] if isinstance(value, list) else value for key, value in plain.items()}
    assert taken_by_the_program(stack(tmp_path, **plain | {"modelPackage": str(tmp_path)}))


@pytest.mark.parametrize("provider", ["passphrase", "azurekeyvault://v.vault.azure.net/keys/k"])
def test_new_backends_fit_their_schema(provider: str) -> None:
    values = presets.backend("team-a", "file://.local/state", provider, "policy")
    text = template.backend_text("team-a", values)
    validator = jsonschema.Draft7Validator(stack_schema.backend_schema())

    assert list(validator.iter_errors(yaml.safe_load(text))) == []
    assert list(validator.iter_errors({"url": "file://x"})) != []
    assert list(validator.iter_errors({"url": "s3://x", "passphraseFile": "p"})) != []


CATS = {"name": "cats", "fqdn": "cats.contoso.test"}


@pytest.mark.parametrize(
    ("services", "changed"),
    [
        ([CATS], {"fqdn": None}),
        ([{"name": "cats"}], {}),
        ([CATS | {"recordTtl": 60, "sslEnabled": False, "primaryKeyGeneration": "2"}], {}),
        ([CATS | {"recordTtl": "soon"}], {}),
        ([CATS | {"recordTtl": None}], {}),
        ([CATS | {"fqdn": ["cats.contoso.test"]}], {}),
        ([CATS | {"certificateSource": "vault"}], {}),
        ([CATS | {"zone": "contoso.test"}], {}),
        ([CATS | {"colour": "red"}], {}),
        ([{"fqdn": "cats.contoso.test"}], {}),
        (["cats"], {}),
        ([], {}),
    ],
)
def test_schema_and_program_are_of_one_mind_on_lists(
    tmp_path: Path, services: list[Any], changed: dict[str, Any]
) -> None:
    content = listed(tmp_path, *services, **changed)

    assert (complaints(content) == []) is taken_by_the_program(content)


@pytest.mark.parametrize(
    ("own", "is_taken"),
    [
        ({"certificateKey": {"secure": "v1:abc"}}, True),
        ({"pfxPassword": ""}, True),
        ({"certificateKey": "-----BEGIN"}, False),
        ({"acmeEabHmacKey": {"secure": "v1:abc", "more": "x"}}, False),
        ({"fqdn": {"secure": "v1:abc"}}, False),
    ],
)
def test_in_a_list_secrets_are_encrypted_and_nothing_else(
    tmp_path: Path, own: dict[str, Any], is_taken: bool
) -> None:
    assert (complaints(listed(tmp_path, CATS | own)) == []) is is_taken


def test_without_a_list_the_service_has_a_name(tmp_path: Path) -> None:
    assert complaints(stack(tmp_path, fqdn=None)) != []


def test_every_setting_of_an_item_is_described() -> None:
    (of_items,) = [
        one["items"]["properties"]
        for key, one in stack_schema.stack_schema()["properties"]["config"]["properties"].items()
        if key == "fpga-web-service:services"
    ]

    assert {"name", "fqdn", "modelId", "certificateKey", "acmeTimeout", "serviceName", "adopt"} <= set(
        of_items
    )
    assert {"zone", "account", "caaIssuers", "production", "services"} & set(of_items) == set()
    assert [key for key, one in of_items.items() if not one.get("description")] == []


def test_the_list_in_the_documents_fits_the_schema() -> None:
    (example,) = [
        block.text
        for block in blocks(PROJECT_ROOT / "docs" / "environments.md")
        if block.kind == "yaml" and "fpga-web-service:services:" in block.text
    ]
    content = yaml.safe_load(example) | {
        "fpga-web-service:resourceGroup": "x",
        "fpga-web-service:account": "x",
    }

    assert complaints({"config": content}) == []
