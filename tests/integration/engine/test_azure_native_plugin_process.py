"""The plugin as a process: what its start costs, how it ends, what it does when Azure misbehaves."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2, status_pb2

from engine.azure_native.types import GENERIC_RESOURCE, RECORD_SET, RESOURCE_GROUP
from engine.azure_native.values import UNKNOWN, Secret, from_struct, to_struct
from tests.support.engine.plugin_process import Plugin, plugin, urn
from tests.support.engine.scripted_arm import SUBSCRIPTION, Arm, Reply, Script, error, scripted_arm
from tests.support.waiting import PATIENCE_S

GROUP = {"resourceGroupName": "rg", "location": "eastus2"}
GROUP_ID = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"
THERE = Reply(200, {"id": GROUP_ID, "name": "rg", "location": "eastus2"})
ABSENT = error(404, "ResourceGroupNotFound", "no such group")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Arm, Plugin, list[Script]]]:
    script: list[Script] = []
    with (
        scripted_arm(lambda method, path: script[0](method, path), tmp_path_factory.mktemp("arm")) as arm,
        plugin(arm.ca) as running,
    ):
        yield arm, running, script


@pytest.fixture
def cloud(shared: tuple[Arm, Plugin, list[Script]]) -> tuple[Arm, Plugin, list[Script]]:
    """A scripted cloud, and the plugin configured for it; the test puts its script into the list."""
    arm, running, script = shared
    arm.requests.clear()
    script.clear()
    running.configure(arm.settings)
    return shared


def _told(error: pytest.ExceptionInfo[grpc.RpcError]) -> str:
    assert error.value.code() is grpc.StatusCode.UNKNOWN
    return error.value.details() or ""


def test_a_preview_without_changes_imports_no_client(tmp_path: Path) -> None:
    with plugin(None, "-X", "importtime") as running:
        running.configure({"metadataHost": "127.0.0.1:1", "clientSecret": "hush"})
        inputs = running.check(RESOURCE_GROUP, GROUP, GROUP)
        assert running.diff(RESOURCE_GROUP, GROUP, inputs).changes == provider_pb2.DiffResponse.DIFF_NONE
        running.process.send_signal(signal.SIGINT)
        _, told = running.process.communicate(timeout=PATIENCE_S)
    imported = {line.rpartition("|")[2].strip() for line in told.splitlines() if line.startswith("import")}
    assert "engine.azure_native.server" in imported
    costly = {"requests", "azure.identity", "azure.core", "msal", "cryptography", "pulumi.runtime.settings"}
    assert imported & costly == set()


def test_it_ends_at_once_when_it_is_interrupted() -> None:
    with plugin() as running:
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(PATIENCE_S) == 0
        assert running.process.communicate()[1] == ""


def test_it_ends_with_an_engine_that_was_killed() -> None:
    with plugin() as running:
        assert running.process.stdin is not None
        running.process.stdin.close()
        running.process.stdin = None
        assert running.process.wait(PATIENCE_S) == 0


def test_it_tells_the_version_of_the_sdk() -> None:
    with plugin() as running:
        assert running.stub.GetPluginInfo(empty_pb2.Empty()).version == "3.29.0"


def test_the_secret_settings_stay_secret() -> None:
    with plugin() as running:
        news = {"clientSecret": "hush", "clientId": Secret("me"), "tenantId": "t"}
        checked = from_struct(
            running.stub.CheckConfig(provider_pb2.CheckRequest(news=to_struct(news))).inputs
        )
    assert checked == {"clientSecret": Secret("hush"), "clientId": Secret("me"), "tenantId": "t"}


def test_another_subscription_replaces_the_provider() -> None:
    with plugin() as running:
        answer = running.stub.DiffConfig(
            provider_pb2.DiffRequest(
                old_inputs=to_struct({"subscriptionId": "a", "metadataHost": "a"}),
                news=to_struct({"subscriptionId": "b", "metadataHost": "b"}),
            )
        )
    assert (list(answer.diffs), list(answer.replaces)) == (
        ["metadataHost", "subscriptionId"],
        ["subscriptionId"],
    )


def test_a_preview_asks_nobody(cloud: tuple[Arm, Plugin, list[Script]]) -> None:
    arm, running, _ = cloud
    identifier, outputs = running.create(RESOURCE_GROUP, GROUP, preview=True)
    assert (identifier, outputs["name"], outputs["properties"]) == ("", "rg", UNKNOWN)
    record = {"recordType": "A", "relativeRecordSetName": "@", "aRecords": [{"ipv4Address": UNKNOWN}]}
    olds = {"name": "@", "etag": "e", "fqdn": "contoso.test."}
    outputs = running.update(RECORD_SET, "id", olds, record, record, preview=True)
    assert outputs["aRecords"] == [{"ipv4Address": UNKNOWN}]
    assert (outputs["fqdn"], outputs["etag"]) == ("contoso.test.", UNKNOWN)
    assert arm.requests == []


def test_a_create_is_get_put_poll_get(cloud: tuple[Arm, Plugin, list[Script]]) -> None:
    arm, running, script = cloud
    answers = {
        "PUT": iter(
            [Reply(201, {}, {"Azure-AsyncOperation": f"{arm.address}/operations/1", "Retry-After": "0"})]
        ),
        "GET": iter([ABSENT, THERE]),
        "operation": iter(
            [
                Reply(200, {"status": "InProgress"}, {"retry-after-ms": "1", "Retry-After": "30"}),
                Reply(200, {"status": "Succeeded"}),
            ]
        ),
    }
    script.append(lambda method, path: next(answers["operation" if "operations" in path else method]))
    began = time.monotonic()
    identifier, outputs = running.create(RESOURCE_GROUP, GROUP)
    assert (identifier, outputs["location"]) == (GROUP_ID, "eastus2")
    operation = "GET /operations/1"
    assert arm.requests == [f"GET {GROUP_ID}", f"PUT {GROUP_ID}", operation, operation, f"GET {GROUP_ID}"]
    assert time.monotonic() - began < 30, "retry-after-ms goes before Retry-After"


def test_what_exists_is_not_taken_over(cloud: tuple[Arm, Plugin, list[Script]]) -> None:
    arm, running, script = cloud
    script.append(lambda method, path: THERE)
    with pytest.raises(grpc.RpcError) as caught:
        running.create(RESOURCE_GROUP, GROUP)
    assert f"cannot create already existing resource '{GROUP_ID}': import it" in _told(caught)
    assert arm.requests == [f"GET {GROUP_ID}"]


def test_an_operation_that_fails_leaves_the_resource_in_the_state(
    cloud: tuple[Arm, Plugin, list[Script]],
) -> None:
    _, running, script = cloud
    failed = Reply(200, {"status": "Failed", "error": {"code": "OutOfQuota", "message": "no FPGA is left"}})

    def answer(method: str, path: str) -> Reply:
        if "operations" in path:
            return failed
        if method == "GET":
            return ABSENT
        return Reply(
            202, {"name": "rg"}, {"Location": "/operations/1", "Azure-AsyncOperation": "/operations/1"}
        )

    script.append(answer)
    with pytest.raises(grpc.RpcError) as caught:
        running.create(RESOURCE_GROUP, GROUP)
    assert _told(caught) == "the operation: 200 OutOfQuota: no FPGA is left"
    (detail,) = [
        entry.value for entry in caught.value.trailing_metadata() if entry.key == "grpc-status-details-bin"
    ]
    assert isinstance(detail, bytes)
    status = status_pb2.Status.FromString(detail)
    partial = provider_pb2.ErrorResourceInitFailed()
    assert status.details[0].Unpack(partial)
    assert partial.id == GROUP_ID
    assert from_struct(partial.inputs) == GROUP
    assert from_struct(partial.properties)["name"] == "rg"


def test_cancelling_ends_a_wait(cloud: tuple[Arm, Plugin, list[Script]]) -> None:
    _, running, script = cloud
    accepted = threading.Event()

    def answer(method: str, path: str) -> Reply:
        if method == "GET":
            return ABSENT
        accepted.set()
        return Reply(202, {}, {"Location": "/operations/1", "Retry-After": "60"})

    script.append(answer)
    pending = running.stub.Create.future(
        provider_pb2.CreateRequest(urn=urn(RESOURCE_GROUP), properties=to_struct(GROUP))
    )
    assert accepted.wait(10)
    running.stub.Cancel(empty_pb2.Empty())
    with pytest.raises(grpc.RpcError) as caught:
        pending.result(50)  # before Retry-After is over
    assert "called off while an Azure operation was running" in _told(caught)


def test_a_delete_is_polled_and_takes_what_is_gone_for_done(
    cloud: tuple[Arm, Plugin, list[Script]],
) -> None:
    arm, running, script = cloud
    answers = iter(
        [Reply(202, {}, {"Location": "/operations/1", "retry-after-ms": "1"}), Reply(202), Reply(200)]
    )
    script.append(lambda method, path: next(answers, ABSENT))
    running.delete(RESOURCE_GROUP, GROUP_ID, GROUP)
    assert arm.requests == [f"DELETE {GROUP_ID}", "GET /operations/1", "GET /operations/1"]
    running.delete(RESOURCE_GROUP, GROUP_ID, GROUP)
    assert arm.requests[-1] == f"DELETE {GROUP_ID}"


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (error(404, "SubscriptionNotFound", "no such subscription"), "404 SubscriptionNotFound: no such"),
        (error(401, "ExpiredAuthenticationToken", "too late"), "401 ExpiredAuthenticationToken: too late"),
        (error(403, "AuthorizationFailed", "not yours"), "403 AuthorizationFailed: not yours"),
        (Reply(404), "404 Not Found"),
    ],
)
def test_only_the_thing_itself_being_gone_means_gone(
    cloud: tuple[Arm, Plugin, list[Script]], reply: Reply, words: str
) -> None:
    _, running, script = cloud
    script.append(lambda method, path: reply)
    with pytest.raises(grpc.RpcError) as caught:
        running.read(RESOURCE_GROUP, GROUP_ID, {}, GROUP)
    assert words in _told(caught)
    assert "a-very-secret-secret" not in _told(caught)
    script[0] = lambda method, path: ABSENT
    assert running.read(RESOURCE_GROUP, GROUP_ID, {}, GROUP) == ("", {}, {})


def test_the_token_goes_to_resource_manager_alone(cloud: tuple[Arm, Plugin, list[Script]]) -> None:
    arm, running, script = cloud
    elsewhere = Reply(202, {}, {"Location": "https://127.0.0.1:1/operations/1", "retry-after-ms": "1"})
    script.append(lambda method, path: elsewhere)
    with pytest.raises(grpc.RpcError, match=r"names https://127\.0\.0\.1:1/operations/1: refused to"):
        running.delete(RESOURCE_GROUP, GROUP_ID, GROUP)
    assert arm.requests == [f"DELETE {GROUP_ID}"]


def test_a_refusal_that_passes_is_tried_again(cloud: tuple[Arm, Plugin, list[Script]]) -> None:
    arm, running, script = cloud
    answers = iter([error(503, "ServerBusy"), THERE])
    script.append(lambda method, path: next(answers))
    assert running.read(RESOURCE_GROUP, GROUP_ID, {}, GROUP)[0] == GROUP_ID
    assert len(arm.requests) == 2


def test_an_untrusted_certificate_is_told_with_the_remedy(tmp_path: Path) -> None:
    with scripted_arm(lambda method, path: THERE, tmp_path) as arm, plugin() as running:
        running.configure(arm.settings)
        with pytest.raises(grpc.RpcError, match=r"is not trusted: .*SSL_CERT_FILE must name a PEM file"):
            running.read(RESOURCE_GROUP, GROUP_ID, {}, GROUP)


def test_nothing_listening_and_missing_settings_are_told() -> None:
    with plugin() as running:
        settings = dict.fromkeys(("tenantId", "subscriptionId", "clientId", "clientSecret"), "any")
        running.configure({**settings, "metadataHost": "127.0.0.1:1"})
        with pytest.raises(
            grpc.RpcError,
            match=r"azure-native:metadataHost 127\.0\.0\.1:1: no answer \(.*Connection refused\)",
        ):
            running.create(RESOURCE_GROUP, GROUP)
        running.configure({})
        with pytest.raises(grpc.RpcError, match="azure-native:subscriptionId is not set: `pulumi config set"):
            running.create(RESOURCE_GROUP, GROUP)
        with pytest.raises(
            grpc.RpcError, match="environment is 'moon': it must be one of public, usgovernment"
        ):
            running.configure({**settings, "environment": "moon"})


def test_what_it_does_not_know_it_says() -> None:
    with plugin() as running:
        with pytest.raises(grpc.RpcError, match="azure-native:web:getApp is none of the functions"):
            running.invoke("azure-native:web:getApp", {})
        with pytest.raises(grpc.RpcError, match="is no id of a azure-native:resources:Resource"):
            running.read(GENERIC_RESOURCE, "/not/an/id", {}, {})
