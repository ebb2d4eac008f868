"""The clients without Pulumi, and the proof of an endpoint: against a whole localcloud."""

from __future__ import annotations

import dataclasses
import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from certs.bundle import Bundle
from certs.sources.self_signed import Authority, new_authority
from clients.azure import errors
from clients.azure.blobs import Blobs
from clients.azure.cloud import Cloud
from clients.azure.model_management import ModelManagement
from clients.azure.operations import Waiter
from clients.azure.takeover import ensure_model, ensure_service
from infra.inputs import model_package
from infra.proof.endpoint import ProofFailed, prove
from infra.providers.model import ModelProvider
from localcloud.server import Cloud as Server
from surroundings.tls import client_context
from tests.support.localcloud.deployed_service import FQDN, GROUP, NOW, ZONE, Deployed, settings_of


def impatient() -> Waiter:
    """A clock that each pause moves on, without waiting."""
    pauses: list[float] = []
    return Waiter(clock=lambda: sum(pauses), sleep=pauses.append)


def test_what_was_made_is_proved(deployed: Deployed) -> None:
    prove(deployed.declared, deadline_s=1, waiter=impatient())


def test_asking_again_makes_nothing_new(deployed: Deployed) -> None:
    def upload() -> str:
        raise AssertionError("there is no need to upload")

    assert ensure_model(deployed.management, "model-1", upload).id == deployed.request.model_id
    assert ensure_service(deployed.management, deployed.request, adopt=True) == deployed.service
    with pytest.raises(errors.NameTaken):
        ensure_service(deployed.management, deployed.request, adopt=False)


class ModelProviderOf(ModelProvider):
    """The provider, with the clients of the fixture."""

    def __init__(self, deployed: Deployed) -> None:
        self._deployed = deployed

    def package_cloud(self) -> Cloud:
        return self._deployed.client

    def management(self, account_id: str) -> ModelManagement:
        return self._deployed.management


def test_of_a_model_that_cannot_run_nothing_stays(deployed: Deployed, tmp_path: Path) -> None:
    stage = {"type": "onnx", "model_path": "m.onnx", "input_tensor": "x", "output_tensor": "y"}
    (tmp_path / "service_def.json").write_text(
        json.dumps({"aml_runtime_version": "1.1", "pipeline": [stage]})
    )
    (tmp_path / "m.onnx").write_bytes(b"no model")
    storage_id = deployed.storage_id
    props = {
        "account_id": "account",
        "storage_account_id": storage_id,
        "container": "models",
        "name": "broken",
        "package": str(tmp_path),
        "sha256": model_package.read(tmp_path).sha256,
    }
    before = deployed.management.models()

    with pytest.raises(
        errors.ServiceError, match=r"InvalidPackage: pipeline\[0\] \(m\.onnx\): onnxruntime cannot"
    ):
        ModelProviderOf(deployed).create(props)

    assert deployed.management.models() == before
    with Blobs(deployed.client, storage_id, "models")._client() as client:
        assert [blob.name for blob in client.get_container_client("models").list_blobs()] == ["model-1.zip"]


def test_a_record_that_points_elsewhere_is_waited_for(deployed: Deployed) -> None:
    deployed.point_record_to("192.0.2.1")

    with pytest.raises(errors.DeadlineExceeded) as caught:
        prove(deployed.declared, deadline_s=7, waiter=impatient())

    (server,) = deployed.declared.name_servers
    assert str(caught.value) == (
        f"the A record of {FQDN} to be {deployed.service.address}: not done within 7 s; "
        f"last seen: A 192.0.2.1 at the name server {server}"
    )
    moves: list[float] = []

    def move(pause_s: float) -> None:
        moves.append(pause_s)
        deployed.point_record_to(deployed.service.address)

    prove(deployed.declared, deadline_s=7, waiter=Waiter(clock=lambda: sum(moves), sleep=move))
    assert moves == [0.05]


def test_a_name_that_is_not_there_is_told(deployed: Deployed) -> None:
    absent = replace(deployed.declared, fqdn=f"absent.{ZONE}")

    with pytest.raises(errors.DeadlineExceeded, match="NXDOMAIN"):
        prove(absent, deadline_s=1, waiter=impatient())


def test_another_certificate_is_told_by_fingerprint(deployed: Deployed, bundle: Bundle) -> None:
    with pytest.raises(ProofFailed) as caught:
        prove(replace(deployed.declared, fingerprint="AB:CD"), deadline_s=1, waiter=impatient())

    assert f"serves the certificate {bundle.fingerprint_sha256}" in str(caught.value)
    assert "the certificate AB:CD is declared" in str(caught.value)


@pytest.mark.parametrize(("position", "which"), [(0, "primary"), (1, "secondary")])
def test_a_key_that_is_not_accepted_is_told_by_its_name(
    deployed: Deployed, position: int, which: str
) -> None:
    keys = list(deployed.declared.keys)
    keys[position] = "s0me-0ther-key"
    declared = replace(deployed.declared, keys=(keys[0], keys[1]))

    with pytest.raises(
        ProofFailed, match=f"with the {which} key was to score a sample; seen: UNAUTHENTICATED: "
    ) as caught:
        prove(declared, deadline_s=1, waiter=impatient())

    assert "s0me-0ther-key" not in str(caught.value)
    assert "s0me-0ther-key" not in repr(declared)


def test_roots_that_do_not_fit_are_told(deployed: Deployed) -> None:
    foreign = new_authority("Somebody else", NOW).certificate_pem

    expected = "without key was to be refused with UNAUTHENTICATED; seen: UNAVAILABLE: .* is not trusted"
    with pytest.raises(ProofFailed, match=expected):
        prove(replace(deployed.declared, roots=foreign), deadline_s=1, waiter=impatient())


def test_with_ssl_off_anyone_may_call(deployed: Deployed) -> None:
    off = replace(deployed.request, tls=None)
    assert deployed.management.update_service(deployed.service.id, off) == deployed.service
    try:
        prove(replace(deployed.declared, fingerprint=None), deadline_s=1, waiter=impatient())
        with pytest.raises(ProofFailed, match="serves no TLS"):
            prove(deployed.declared, deadline_s=1, waiter=impatient())
    finally:
        deployed.management.update_service(deployed.service.id, deployed.request)


def test_what_is_absent_is_deleted_already(deployed: Deployed) -> None:
    absent = "11111111-2222-3333-4444-555555555555"

    deployed.management.delete_service(absent)
    deployed.management.delete_model(absent)

    assert deployed.management.service(absent) is None
    assert deployed.management.keys(absent) is None


def absent_account(deployed: Deployed, subscription: str) -> ModelManagement:
    account_id = (
        f"/subscriptions/{subscription}/resourceGroups/{GROUP}/providers/"
        "Microsoft.MachineLearningModelManagement/accounts/absent"
    )
    return ModelManagement(deployed.client, account_id)


def test_what_was_in_a_missing_account_is_gone(cloud: Server, deployed: Deployed) -> None:
    subscription = cloud.status().subscription
    assert subscription is not None

    assert absent_account(deployed, subscription).service(deployed.service.id) is None


def test_a_missing_subscription_raises_where_things_are_read(deployed: Deployed) -> None:
    management = absent_account(deployed, "00000000-0000-0000-0000-000000000000")

    with pytest.raises(errors.NotFound) as caught:
        management.service(deployed.service.id)

    assert getattr(caught.value, "code", None) == "SubscriptionNotFound"


def test_a_wrong_secret_names_the_settings(cloud: Server, caplog: pytest.LogCaptureFixture) -> None:
    settings = dataclasses.replace(settings_of(cloud), client_secret="not-the-s3cret")
    client = Cloud(settings, ca_file=str(cloud.status().ca))

    with pytest.raises(errors.SignInFailed, match="AADSTS7000215") as caught:
        client.manage("GET", f"/subscriptions/{settings.subscription_id}", "2021-04-01")

    assert "azure-native:clientSecret" in str(caught.value)
    assert "not-the-s3cret" not in str(caught.value)
    assert "AADSTS7000215" not in caplog.text, "the error says it, once"
    client.close()


def test_an_issuer_that_is_not_trusted_names_the_remedy(cloud: Server, tmp_path: Path) -> None:
    foreign = tmp_path / "roots.pem"
    foreign.write_text(new_authority("Somebody else", NOW).certificate_pem)
    client = Cloud(settings_of(cloud), ca_file=str(foreign))

    with pytest.raises(errors.ConnectionFailed, match="SSL_CERT_FILE") as caught:
        client.token()

    assert not caught.value.sent
    client.close()


def test_the_service_answers_http_beside_its_endpoint(
    cloud: Server, deployed: Deployed, authority: Authority, tmp_path: Path
) -> None:
    [told] = [one for one in cloud.status().services if one.address == deployed.service.address]
    assert (told.port, told.http_port) == (deployed.service.port, 8501)
    root = tmp_path / "root.pem"
    root.write_bytes(authority.certificate_pem.encode())
    context = client_context(cafile=root)
    raw = socket.create_connection((deployed.service.address, 8501), timeout=30)
    with context.wrap_socket(raw, server_hostname=FQDN) as opened:
        key = deployed.declared.keys[0]
        head = f"GET /v1/models/model-1 HTTP/1.1\r\nHost: {FQDN}\r\nAuthorization: {key}\r\n"
        opened.sendall(f"{head}Connection: close\r\n\r\n".encode())
        answer = opened.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b'"state": "AVAILABLE"' in answer
