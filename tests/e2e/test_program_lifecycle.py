"""One stack of the program from nothing to nothing, by the real engine: what changes, what stays."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest

from clients.dns.resolution import resolve
from clients.prediction.client import MissingKey, PredictionClient, WrongKey
from clients.tls import fingerprint, served_certificate
from infra.proof.endpoint import sample_image
from tests.support.stacks.engine_operations import expect_no_changes, expect_operations
from tests.support.stacks.passing_time import age_certificate
from tests.support.stacks.program_stack import ProgramStack
from tests.support.stacks.pulumi_project import Result


@pytest.fixture(scope="module")
def created(make_stack: Callable[..., ProgramStack]) -> tuple[ProgramStack, Result]:
    stack = make_stack("lifecycle")
    return stack, stack.up()


@pytest.fixture(scope="module")
def stack(created: tuple[ProgramStack, Result]) -> ProgramStack:
    return created[0]


def changed(result: Result) -> dict[str, str]:
    """The operations on resources, but for those that stay the same and the providers' configuration."""
    return {
        name: operation
        for name, operation in result.operations.items()
        if operation != "same" and not name.startswith("default")
    }


def caller(outputs: dict[str, Any], key: str | None) -> PredictionClient:
    """What any caller does with the outputs."""
    return PredictionClient(
        outputs["fqdn"],
        int(outputs["port"]),
        use_ssl=outputs["sslEnabled"],
        access_token=key,
        root_certificates=outputs["rootCertificate"].encode() or None,
        name_servers=outputs["nameServers"],
    )


def classes(outputs: dict[str, Any], key: str | None) -> int:
    with caller(outputs, key) as client:
        return int(client.score_image(sample_image()).size)


def test_the_outputs_are_what_a_caller_needs(created: tuple[ProgramStack, Result]) -> None:
    stack, result = created
    outputs = stack.outputs(show_secrets=True)

    assert result.complaints == []
    service = stack.service()
    assert outputs | {
        "primaryKey": "",
        "secondaryKey": "",
        "rootCertificate": "",
        "certificateExpiry": "",
    } == {
        "account": "models",
        "resourceGroup": stack.group,
        "subscriptionId": stack.cloud.status.subscription,
        "location": "eastus2",
        "fqdn": stack.fqdn,
        "ip": service.address,
        "port": service.port,
        "url": f"grpcs://{stack.fqdn}:{service.port}",
        "nameServers": [stack.cloud.name_server],
        "zoneNameServers": ["ns1-01.azure-dns.localhost.", "ns2-01.azure-dns.localhost."],
        "sslEnabled": True,
        "primaryKey": "",
        "secondaryKey": "",
        "certificateFingerprint": fingerprint(served_certificate(service.address, service.port) or b""),
        "certificateExpiry": "",
        "rootCertificate": "",
    }
    left = dt.datetime.fromisoformat(outputs["certificateExpiry"]) - dt.datetime.now(dt.UTC)
    assert dt.timedelta(days=89) < left <= dt.timedelta(days=90)
    assert resolve(stack.fqdn, [stack.cloud.name_server], 5.0) == [service.address]
    assert stack.outputs()["primaryKey"] == stack.outputs()["secondaryKey"] == "[secret]"


def test_both_keys_open_the_service_and_nothing_else_does(stack: ProgramStack) -> None:
    outputs = stack.outputs(show_secrets=True)

    assert classes(outputs, outputs["primaryKey"]) == classes(outputs, outputs["secondaryKey"]) == 1000
    with pytest.raises(MissingKey):
        classes(outputs, None)
    with pytest.raises(WrongKey):
        classes(outputs, "another")


def test_no_secret_is_in_state_events_or_logs(
    stack: ProgramStack, created: tuple[ProgramStack, Result]
) -> None:
    plain = json.loads(stack.run("stack", "export", "--show-secrets", "--stack", stack.stack).stdout)
    outputs = stack.outputs(show_secrets=True)
    secrets = {
        "client secret": stack.cloud.client_secret,
        "primary key": outputs["primaryKey"],
        "secondary key": outputs["secondaryKey"],
    }
    for resource in plain["deployment"]["resources"]:
        for name in ("key", "ca_key", "ssl_key"):
            value = resource.get("outputs", {}).get(name)
            if value is not None:
                # the secret's own form in a plain export; a line of its middle survives any line folding
                pem = json.loads(value["plaintext"])
                secrets[f"{name} of {resource['urn']}"] = pem.splitlines()[1]
    assert len(secrets) == 3 + 4  # the authority's key twice, the leaf's twice

    searched = {
        "state": stack.state_text(),
        "output": created[1].text,
        "events": json.dumps(created[1].events),
        "preview": json.dumps(stack.preview("--diff", "--json").stdout),
        "log of localcloud": (stack.cloud.settings.data / "localcloud.log").read_text(),
    }
    found = [
        (what, where) for what, value in secrets.items() for where, text in searched.items() if value in text
    ]
    assert found == []


def test_a_second_run_changes_nothing(stack: ProgramStack) -> None:
    before = stack.service()
    # what is not configured is not in the state: one of before it could be is the same
    (check,) = stack.of_type("EndpointCheck")
    assert set(check["inputs"]) == {
        "__provider",
        "deployed_at",
        "fingerprint",
        "fqdn",
        "ip",
        "name_servers",
        "port",
        "primary_key",
        "root_certificate",
        "secondary_key",
        "ssl_enabled",
        "timeout_s",
    }
    assert changed(stack.preview("--expect-no-changes")) == {}
    assert changed(stack.up("--expect-no-changes")) == {}
    assert stack.service() == before


def test_ssl_goes_off_and_on_in_place(stack: ProgramStack) -> None:
    before = stack.outputs(show_secrets=True)
    stack.configure({"fpga-web-service:sslEnabled": "false"})

    assert (
        changed(stack.preview()) == changed(stack.up()) == {"service": "update", "endpoint-check": "update"}
    )
    off = stack.outputs(show_secrets=True)
    assert "anyone who reaches the service may call it" in off["warning"]
    assert (off["sslEnabled"], off["certificateFingerprint"], off["rootCertificate"]) == (False, "", "")
    assert off["url"] == f"grpc://{stack.fqdn}:50051"
    assert served_certificate(off["ip"], int(off["port"])) is None
    assert classes(off, None) == 1000

    stack.configure({"fpga-web-service:sslEnabled": "true"})
    assert (
        changed(stack.preview()) == changed(stack.up()) == {"service": "update", "endpoint-check": "update"}
    )
    assert stack.outputs(show_secrets=True) == before


def test_a_certificate_that_is_due_is_renewed_below_the_same_root(stack: ProgramStack) -> None:
    before = stack.outputs(show_secrets=True)
    age_certificate(stack, dt.timedelta(days=61))

    for result in (stack.preview(), stack.up()):
        expect_operations(
            result, stack, {"certificate": "update", "service": "update", "endpoint-check": "update"}
        )
    after = stack.outputs(show_secrets=True)
    different = {"certificateFingerprint", "certificateExpiry"}
    assert {name for name in before if before[name] != after[name]} <= different
    assert before["certificateFingerprint"] != after["certificateFingerprint"]
    assert fingerprint(served_certificate(after["ip"], 50051) or b"") == after["certificateFingerprint"]
    expect_no_changes(stack)


def test_a_certificate_of_before_there_were_generations_is_renewed_early(stack: ProgramStack) -> None:
    state = stack.export()
    for resource in state["deployment"]["resources"]:
        if resource["type"].endswith(":Certificate"):
            assert resource["inputs"].pop("generation") == resource["outputs"].pop("generation") == 1
    stack.load(state)
    before = stack.outputs()
    assert changed(stack.preview("--expect-no-changes")) == {}
    stack.configure({"fpga-web-service:certificateGeneration": "2"})

    for result in (stack.preview(), stack.up()):
        expect_operations(
            result, stack, {"certificate": "update", "service": "update", "endpoint-check": "update"}
        )
    after = stack.outputs()
    assert {name for name in before if before[name] != after[name]} == {
        "certificateFingerprint",
        "certificateExpiry",
    }


def test_a_forced_replacement_leaves_the_new_service_alone(stack: ProgramStack) -> None:
    before, old = stack.outputs(show_secrets=True), stack.service()

    expected = {
        "service": "replace",
        "endpoint": "replace",
        "keys": "replace",
        "record": "update",
        "endpoint-check": "update",
    }
    urn = stack.urn("service")
    assert changed(stack.preview("--replace", urn)) == changed(stack.up("--replace", urn)) == expected
    new, after = stack.service(), stack.outputs(show_secrets=True)
    assert new.id != old.id
    assert new.address != old.address
    assert resolve(stack.fqdn, [stack.cloud.name_server], 5.0) == [new.address] == [after["ip"]]
    assert after["primaryKey"] != before["primaryKey"]
    assert after["certificateFingerprint"] == before["certificateFingerprint"]


def test_destroy_leaves_nothing(stack: ProgramStack) -> None:
    stack.destroy()

    assert stack.group not in stack.cloud.groups()
    assert stack.services() == []
    assert stack.resources() == []
