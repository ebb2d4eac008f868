"""What is changed or deleted behind the program's back is seen, shown and mended."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable

import pytest

from certs.sources.self_signed import issue, new_authority
from clients.azure.model_management import ServiceRequest, Tls
from clients.dns.resolution import resolve
from clients.tls import fingerprint, served_certificate
from tests.support.stacks.program_stack import ProgramStack
from tests.support.stacks.pulumi_project import Result

DNS_API_VERSION = "2018-05-01"
DRIFT = 7  # exit code of --expect-no-changes


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., ProgramStack]) -> ProgramStack:
    stack = make_stack("drift", loaded=True)
    stack.up()
    return stack


def changed(result: Result) -> dict[str, str]:
    return {name: operation for name, operation in result.operations.items() if operation != "same"}


def test_nothing_drifts_by_itself(stack: ProgramStack) -> None:
    assert changed(stack.preview("--refresh", "--expect-no-changes")) == {}


def test_certificate_keys_and_record_changed_outside_are_seen_and_mended(stack: ProgramStack) -> None:
    declared, service = stack.outputs(show_secrets=True), stack.service()
    now = dt.datetime.now(dt.UTC)
    foreign = issue(new_authority("Somebody else", now), [stack.fqdn], now)
    tls = Tls(foreign.certificate_pem, foreign.key_pem)
    stack.management.update_service(service.id, ServiceRequest(service.name, service.model_id, tls))
    _regenerate_keys(stack, service.id)
    zone = f"{stack.cloud.group_id(stack.group)}/providers/Microsoft.Network/dnsZones/drift.contoso.test"
    stack.cloud.client.manage("DELETE", f"{zone}/A/www", DNS_API_VERSION)

    seen = stack.preview("--refresh", "--expect-no-changes", "--diff", code=DRIFT)

    assert changed(seen) == {"service": "update", "record": "create", "endpoint-check": "update"}
    assert foreign.fingerprint_sha256 in seen.text
    assert declared["certificateFingerprint"] in seen.text
    assert stack.outputs(show_secrets=True) == declared, "a preview must not write what it saw"

    stack.refresh()
    mended = stack.up()

    assert changed(mended) == {"service": "update", "record": "create", "endpoint-check": "update"}
    after = stack.outputs(show_secrets=True)
    assert fingerprint(served_certificate(after["ip"], 50051) or b"") == declared["certificateFingerprint"]
    assert resolve(stack.fqdn, [stack.cloud.name_server], 5.0) == [after["ip"]]
    assert after["primaryKey"] != declared["primaryKey"]


def test_no_key_is_in_the_state_after_a_refresh(stack: ProgramStack) -> None:
    plain = json.loads(stack.run("stack", "export", "--show-secrets", "--stack", stack.stack).stdout)
    outputs = {one["urn"].split("::")[-1]: one.get("outputs", {}) for one in plain["deployment"]["resources"]}
    key = json.loads(outputs["keys"]["primary_key"]["plaintext"])
    pems = [outputs["service"]["ssl_key"]["plaintext"], outputs["development-ca"]["key"]["plaintext"]]
    state = stack.state_text()

    assert key not in state
    assert [pem for pem in pems if json.loads(pem).splitlines()[1] in state] == []


def test_a_service_deleted_outside_is_made_again(stack: ProgramStack) -> None:
    old = stack.service()
    stack.management.delete_service(old.id)

    seen = stack.preview("--refresh", "--expect-no-changes", code=DRIFT)
    assert changed(seen) == {
        "service": "create",
        "endpoint": "create",
        "keys": "create",
        "record": "update",
        "endpoint-check": "update",
    }
    (warning,) = seen.diagnostics["warning"]
    assert "callers need new keys" in warning
    stack.refresh()
    assert stack.preview().diagnostics["warning"] == [warning]
    stack.up()

    new = stack.service()
    assert new.id != old.id
    assert resolve(stack.fqdn, [stack.cloud.name_server], 5.0) == [new.address]


def test_destroy_ends_it(stack: ProgramStack) -> None:
    stack.destroy()

    assert stack.group not in stack.cloud.groups()


def _regenerate_keys(stack: ProgramStack, service_id: str) -> None:
    subscription, base = stack.cloud.status.subscription, stack.cloud.status.https
    account = f"{base}/api/subscriptions/{subscription}/resourcegroups/{stack.group}/accounts/models"
    url = f"{account}/services/{service_id}/regenerateKeys"
    stack.cloud.client.pipeline.send("POST", url, query={"api-version": "2018-04-01-preview"})
