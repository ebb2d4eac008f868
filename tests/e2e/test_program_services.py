"""Several services in one stack, in one zone and account: what each has, and what changes of it alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from certs.sources.self_signed import issue, new_authority
from clients.prediction.client import PredictionClient, WrongKey
from clients.tls import fingerprint, served_certificate
from infra.proof.endpoint import sample_image
from tests.support.pebble import server
from tests.support.pebble.server import Pebble
from tests.support.stacks import state_skeleton
from tests.support.stacks.engine_operations import expect_no_changes, expect_operations
from tests.support.stacks.local_cloud import LocalCloud
from tests.support.stacks.program_stack import ProgramStack

SERVICES: Final = "fpga-web-service:services"
NOW: Final = dt.datetime.now(dt.UTC)
ZONE: Final = "several.contoso.test"
# what a service has of its own
INSIDE: Final = ("service", "endpoint", "keys", "record", "endpoint-check")


@pytest.fixture(scope="module")
def pebble(
    pebble_executable: Path, local_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pebble]:
    folder = tmp_path_factory.mktemp("pebble")
    with server.running(pebble_executable, folder, local_cloud.name_server) as running:
        yield running


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chain, key and root of a name that a private authority has issued."""
    folder = tmp_path_factory.mktemp("certificate")
    authority = new_authority("A private authority", NOW - dt.timedelta(days=1))
    bundle = issue(authority, [f"brought.{ZONE}"], NOW)
    (folder / "root.pem").write_text(authority.certificate_pem)
    (folder / "chain.pem").write_text(bundle.certificate_pem)
    (folder / "key.pem").touch(0o600)
    (folder / "key.pem").write_text(bundle.key_pem)
    return folder


@pytest.fixture(scope="module")
def items(files: Path, pebble: Pebble) -> list[dict[str, Any]]:
    """Three services, with a source of certificates each."""
    return [
        {"name": "own", "fqdn": f"own.{ZONE}"},
        {
            "name": "brought",
            "fqdn": f"brought.{ZONE}",
            "certificateSource": "files",
            "certificateFile": str(files / "chain.pem"),
            "keyFile": str(files / "key.pem"),
            "rootsFile": str(files / "root.pem"),
        },
        {
            "name": "issued",
            "fqdn": f"issued.{ZONE}",
            "certificateSource": "acme",
            "acmeDirectory": pebble.directory,
            "acmeProfile": "default",
            "acmeRootsFile": str(pebble.roots),
        },
    ]


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., ProgramStack], items: list[dict[str, Any]]) -> ProgramStack:
    """One with the three."""
    config: dict[str, Any] = {SERVICES: items, "fpga-web-service:accountCapacity": "4"}
    stack = make_stack("several", config, loaded=True)
    stack.run("config", "rm", "--stack", stack.stack, "fpga-web-service:fqdn")
    up = stack.up()
    assert up.complaints == []
    return stack


def called(stack: ProgramStack, name: str, key: str | None = None) -> str:
    """Scores a photo by the service's name; the fingerprint of the certificate that it serves."""
    outputs = stack.outputs(show_secrets=True)
    service = outputs["services"][name]
    with PredictionClient(
        service["fqdn"],
        int(service["port"]),
        use_ssl=True,
        access_token=key or outputs["serviceKeys"][name]["primaryKey"],
        root_certificates=service["rootCertificate"].encode() or None,
        name_servers=outputs["nameServers"],
    ) as client:
        assert client.score_image(sample_image()).size > 1
    return fingerprint(served_certificate(service["ip"], int(service["port"])) or b"")


def test_each_is_called_by_its_name_with_its_key(stack: ProgramStack, items: list[dict[str, Any]]) -> None:
    outputs = stack.outputs()
    assert set(outputs["services"]) == {"own", "brought", "issued"}
    assert outputs["serviceKeys"] == "[secret]"
    assert not {"fqdn", "primaryKey"} & outputs.keys()
    for item in items:
        told = outputs["services"][item["name"]]
        assert told["fqdn"] == item["fqdn"]
        assert called(stack, item["name"]) == told["certificateFingerprint"]
    keys = stack.outputs(show_secrets=True)["serviceKeys"]
    with pytest.raises(WrongKey):
        called(stack, "own", keys["brought"]["primaryKey"])


def test_what_is_shared_is_there_once(stack: ProgramStack) -> None:
    for kind in ("Zone", "StorageAccount", "BlobContainer", "Model", "DevelopmentCa", "AcmeAccount"):
        assert len(stack.of_type(kind)) == 1, kind
    assert len(stack.of_type("Service")) == 3
    expect_no_changes(stack)


def test_a_change_of_one_touches_no_other(stack: ProgramStack, items: list[dict[str, Any]]) -> None:
    before = stack.outputs(show_secrets=True)
    own, brought, issued = items
    renewed = {"own-certificate": "update", "own-service": "update", "own-endpoint-check": "update"}
    rotated = {"issued-keys": "update", "issued-endpoint-check": "update"}

    for changed, operations in (
        ([{**own, "certificateGeneration": 2}, brought, issued], renewed),
        (
            [{**own, "certificateGeneration": 2}, brought, {**issued, "primaryKeyGeneration": 2}],
            rotated,
        ),
    ):
        stack.configure({SERVICES: changed})  # type: ignore[dict-item]
        preview, up = stack.preview(), stack.up()
        for result in (preview, up):
            expect_operations(result, stack, operations)
            assert result.complaints == []

    after = stack.outputs(show_secrets=True)
    assert after["services"]["brought"] == before["services"]["brought"]
    assert after["serviceKeys"]["own"] == before["serviceKeys"]["own"]
    assert after["serviceKeys"]["issued"]["primaryKey"] != before["serviceKeys"]["issued"]["primaryKey"]
    assert called(stack, "own") == after["services"]["own"]["certificateFingerprint"]
    assert (
        after["services"]["own"]["certificateFingerprint"]
        != before["services"]["own"]["certificateFingerprint"]
    )


def test_the_order_of_the_list_is_nothing(stack: ProgramStack, items: list[dict[str, Any]]) -> None:
    own, brought, issued = items
    renewed, rotated = {**own, "certificateGeneration": 2}, {**issued, "primaryKeyGeneration": 2}
    stack.configure({SERVICES: [rotated, renewed, brought]})  # type: ignore[dict-item]
    expect_no_changes(stack)


def test_one_that_is_removed_goes_alone(stack: ProgramStack, items: list[dict[str, Any]]) -> None:
    own, brought, _issued = items
    renewed = {**own, "certificateGeneration": 2}
    stack.configure({SERVICES: [renewed, brought]})  # type: ignore[dict-item]

    up = stack.up()

    gone = {f"issued-{name}" for name in (*INSIDE, "certificate")} | {"issued", "acme", "acme-account"}
    deleted = {name for name, operation in up.operations.items() if operation == "delete"}
    shared = {name for name in deleted if name.startswith("acme")}
    assert deleted == (gone - {"acme", "acme-account"}) | shared
    assert {one for name, one in up.operations.items() if name not in deleted and "default" not in name} == {
        "same"
    }
    for name in ("own", "brought"):
        called(stack, name)


@pytest.mark.parametrize("source", ["self_signed", "acme"])
def test_the_one_service_of_flat_settings_goes_on_in_a_list(
    make_stack: Callable[..., ProgramStack], pebble: Pebble, source: str
) -> None:
    acme = {
        "fpga-web-service:acmeDirectory": pebble.directory,
        "fpga-web-service:acmeProfile": "default",
        "fpga-web-service:acmeRootsFile": str(pebble.roots),
    }
    capacity = {"fpga-web-service:accountCapacity": "2", "fpga-web-service:certificateSource": source}
    name = f"joined-{source.replace('_', '-')}"
    stack = make_stack(name, capacity | (acme if source == "acme" else {}), loaded=True)
    stack.up()
    # as a version before components had names of their own left it
    stack.load(state_skeleton.with_all_in_the_endpoint(stack.export()))
    before = stack.outputs(show_secrets=True)
    joined = [{"name": "first"}, {"name": "second", "fqdn": f"second.{name}.contoso.test"}]
    stack.configure({SERVICES: joined})  # type: ignore[dict-item]

    preview, up = stack.preview(), stack.up()

    for result in (preview, up):
        assert result.complaints == []
        operations = {name: one for name, one in result.operations.items() if one != "same"}
        created = {"second", "second-certificate", *(f"second-{name}" for name in INSIDE)}
        assert set(operations) - {"default"} == created, operations
        assert {operations[name] for name in created} == {"create"}
    after = stack.outputs(show_secrets=True)
    first = after["services"]["first"]
    assert {name: first[name] for name in ("ip", "fqdn", "certificateFingerprint")} == {
        name: before[name] for name in ("ip", "fqdn", "certificateFingerprint")
    }
    assert after["serviceKeys"]["first"] == {name: before[name] for name in ("primaryKey", "secondaryKey")}
    expect_no_changes(stack)
    for name in ("first", "second"):
        called(stack, name)
