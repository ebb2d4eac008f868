"""Services on the data plane: created, called, changed in place, refused, deleted."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from azure.storage.blob import BlobSasPermissions, BlobServiceClient, generate_blob_sas

from localcloud.modelmanagement.scorers import LocalScorers
from localcloud.modelmanagement.services import Service
from localcloud.scoring.addresses import bind_problem
from localcloud.scoring.host import Deployment, ScoringHost
from localcloud.scoring.pipeline import Pipeline
from localcloud.server import Cloud
from tests.support.certificates.authority import Authority
from tests.support.localcloud import scoring_parts
from tests.support.localcloud.data_plane import (
    FPGA,
    OFF,
    DataPlane,
    PackageHost,
    account_name,
    endpoint,
    leaf,
    on,
    opens,
    refusal,
)
from tests.support.localcloud.scoring_parts import channel, photo_request, predict
from tests.support.waiting import wait_until


@pytest.fixture
def plane(cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[DataPlane]:
    """Each test has an account of its own."""
    with closing(DataPlane(cloud.status())) as plane:
        plane.make_account(account_name(request.node.name))
        yield plane
        plane.arm("DELETE", plane.account_id)


@pytest.fixture(scope="module")
def packages() -> Iterator[PackageHost]:
    with PackageHost().running() as host:
        host.put("/c/real.zip", scoring_parts.package())
        yield host


@pytest.fixture
def model_id(plane: DataPlane, packages: PackageHost) -> str:
    return plane.register(f"{packages.url}/c/real.zip")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def taken(cloud: Cloud, packages: PackageHost) -> Iterator[tuple[DataPlane, dict[str, Any]]]:
    """An account with one service, `taken`."""
    with closing(DataPlane(cloud.status())) as plane:
        plane.make_account("taken")
        yield plane, plane.deploy(plane.register(f"{packages.url}/c/real.zip"), "taken")


def test_a_create_is_accepted_then_done_as_the_2018_client_expects(plane: DataPlane, model_id: str) -> None:
    accepted = plane.call("POST", "services", FPGA | OFF | {"modelId": model_id, "name": "Service-1"})
    assert accepted.status_code == 202
    location = accepted.headers["Operation-Location"]
    assert location.startswith(f"{plane.account}/operations/")
    assert "?" not in location
    assert uuid.UUID(accepted.headers["x-ms-client-request-id"])
    assert accepted.json()["state"] == "NotStarted"

    operation = plane.finish(accepted)
    assert operation == {
        "id": location.rpartition("/")[2],
        "operationType": "Service",
        "state": "Succeeded",
        "createdTime": operation["createdTime"],
        "endTime": operation["endTime"],
        "resourceLocation": f"{plane.account}/services/{accepted.json()['id']}",
    }
    service = plane.call("GET", operation["resourceLocation"]).json()
    assert service == {
        "id": accepted.json()["id"],
        "name": "Service-1",
        "state": "Succeeded",
        "computeType": "FPGA",
        "modelId": model_id,
        "numReplicas": 1,
        "sslEnabled": False,
        "createdAt": service["createdAt"],
        "updatedAt": service["updatedAt"],
        "ipAddress": service["ipAddress"],
        "port": 50051,
    }
    assert service["ipAddress"].startswith("127.80.")
    assert opens(endpoint(service), None, None), "without SSL anyone may call"


def test_services_are_found_by_name_in_any_case(plane: DataPlane, model_id: str) -> None:
    first, second = plane.deploy(model_id, "One"), plane.deploy(model_id, "Two")
    assert plane.call("GET", "services", serviceName="one").json() == {"value": [first]}
    assert plane.call("GET", "services", serviceName="three").json() == {"value": []}
    page = plane.call("GET", "services", **{"$top": "1"}).json()
    assert page["value"] == [first]
    assert plane.follow(page["nextLink"]).json() == {"value": [second]}
    assert first["ipAddress"] != second["ipAddress"]
    plane.account = plane.account.replace("/api/", "/API/").replace("resourcegroups", "resourceGroups")
    assert plane.service(first["id"]) == first


def test_ssl_goes_on_and_off_in_place(plane: DataPlane, model_id: str, authority: Authority) -> None:
    service = plane.deploy(model_id)
    where, keys = endpoint(service), plane.keys(service["id"])

    first = on(authority)
    assert plane.update(service["id"], model_id, **first)["state"] == "Succeeded"
    assert leaf(where).strip() == first["sslCertificate"].strip()
    assert not opens(where, authority.root, None)
    assert not opens(where, authority.root, "a wrong key")
    assert all(opens(where, authority.root, key) for key in keys)

    second = on(authority)
    plane.update(service["id"], model_id, **second)
    assert leaf(where).strip() == second["sslCertificate"].strip(), "a renewed certificate"
    plane.update(service["id"], model_id)
    assert leaf(where).strip() == second["sslCertificate"].strip(), "absent means: as it is"
    shown = plane.service(service["id"])
    assert (endpoint(shown), shown["sslEnabled"], plane.keys(service["id"])) == (where, True, keys)

    # what the 2018 client sends when SSL goes off with a certificate at hand
    plane.update(service["id"], model_id, sslEnabled=False, sslCertificate="Cert", sslKey="Key")
    shown = plane.service(service["id"])
    assert (endpoint(shown), shown["sslEnabled"], plane.keys(service["id"])) == (where, False, keys)
    assert opens(where, None, None)


def test_new_keys_open_and_old_ones_do_not_at_once(
    plane: DataPlane, model_id: str, authority: Authority
) -> None:
    service = plane.deploy(model_id, **on(authority), keys={"primaryKey": "first-key", "secondaryKey": None})
    where, root = endpoint(service), authority.root
    given, made = plane.keys(service["id"])
    assert given == "first-key"
    assert len(made) == 44

    regenerate = f"services/{service['id']}/regenerateKeys"
    answer = plane.call("POST", regenerate, {"keyType": "Primary"}).json()
    assert (answer["primaryKey"], answer["secondaryKey"]) == plane.keys(service["id"])
    assert answer["secondaryKey"] == made
    assert not opens(where, root, given)
    assert opens(where, root, answer["primaryKey"])

    both = plane.call("POST", regenerate)
    assert both.status_code == 200
    assert not opens(where, root, answer["primaryKey"])
    assert not opens(where, root, made)
    assert all(opens(where, root, key) for key in both.json().values())

    plane.update(service["id"], model_id, keys={"primaryKey": None, "secondaryKey": "second-key"})
    assert plane.keys(service["id"]) == (both.json()["primaryKey"], "second-key")
    assert opens(where, root, "second-key")


def test_keys_made_anew_during_an_update_are_the_only_ones_from_then_on(
    plane: DataPlane, model_id: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = plane.deploy(model_id, **on(authority))
    deployed: list[tuple[str, str]] = []
    load, deploy = LocalScorers._load, ScoringHost.deploy

    def load_while_keys_change(self: LocalScorers, target: Service) -> Pipeline:
        plane.call("POST", f"services/{service['id']}/regenerateKeys")
        return load(self, target)

    def deploy_and_tell(self: ScoringHost, deployment: Deployment) -> None:
        deploy(self, deployment)
        deployed.append((deployment.primary_key, deployment.secondary_key))

    monkeypatch.setattr(LocalScorers, "_load", load_while_keys_change)
    monkeypatch.setattr(ScoringHost, "deploy", deploy_and_tell)
    plane.update(service["id"], model_id, **on(authority))

    assert deployed == [plane.keys(service["id"])]


def test_a_model_changes_in_place(plane: DataPlane, model_id: str, packages: PackageHost) -> None:
    service = plane.deploy(model_id)
    stages = scoring_parts.brainwave(), scoring_parts.onnx_stage()
    other = scoring_parts.package(
        {
            "service_def.json": scoring_parts.definition(*stages),
            "m.onnx": scoring_parts.constant_classifier([0.25, 0.75]),
        }
    )
    changed = plane.register(packages.put("/c/constant.zip", other), "other")
    plane.update(service["id"], changed)
    with channel(endpoint(service)) as opened:
        output = predict(opened, photo_request()).outputs["output_alias"]
    assert [size.size for size in output.tensor_shape.dim] == [1, 2]
    assert plane.service(service["id"])["modelId"] == changed


def test_a_delete_ends_it_and_frees_its_address(plane: DataPlane, model_id: str) -> None:
    service = plane.deploy(model_id)
    accepted = plane.call("DELETE", f"services/{service['id']}")
    operation = plane.finish(accepted)
    assert operation["state"] == "Succeeded"
    assert operation["resourceLocation"] == f"{plane.account}/services/{service['id']}"
    assert "error" not in operation
    assert accepted.headers["x-ms-client-request-id"]
    wait_until(lambda: bind_problem(endpoint(service)) is None)
    assert refusal(plane.call("GET", f"services/{service['id']}")) == (
        404,
        "ServiceNotFound",
        f"There is no service '{service['id']}' in this account.",
    )
    assert plane.call("DELETE", f"services/{service['id']}").status_code == 204
    assert endpoint(plane.deploy(model_id)) != endpoint(service), "a freed address is not handed out at once"


def test_a_package_from_blob_storage_by_its_signed_address(plane: DataPlane, cloud: Cloud) -> None:
    """As the 2018 client does: a storage account of Resource Manager's, a blob, a read signature."""
    name = f"fpga{uuid.uuid4().hex[:16]}"
    group = plane.account_id.partition("/providers/")[0]
    account = f"{group}/providers/Microsoft.Storage/storageAccounts/{name}"
    plane.arm("POST", f"/subscriptions/{plane.subscription}/providers/Microsoft.Storage/register")
    body = {"location": "eastus2", "kind": "Storage", "sku": {"name": "Standard_RAGRS"}}
    made = plane.arm("PUT", account, body).json()
    key = plane.arm("POST", f"{account}/listKeys").json()["keys"][0]["value"]
    blob_endpoint = made["properties"]["primaryEndpoints"]["blob"]
    with BlobServiceClient(
        blob_endpoint.rstrip("/"), credential=key, connection_verify=str(cloud.status().ca)
    ) as client:
        client.create_container("models")
        client.get_blob_client("models", "m.zip").upload_blob(scoring_parts.package())
    signature = generate_blob_sas(
        name,
        "models",
        "m.zip",
        account_key=key,
        permission=BlobSasPermissions(read=True),
        expiry="2099-01-01T00:00:00Z",
    )
    service = plane.deploy(plane.register(f"{blob_endpoint}models/m.zip?{signature}"))
    assert opens(endpoint(service), None, None)
    unsigned = {"name": "m", "mimeType": "application/zip", "url": f"{blob_endpoint}models/m.zip"}
    status, code, message = refusal(plane.call("POST", "models", unsigned))
    assert (status, code) == (400, "PackageNotFetched")
    assert "was refused with 403 AuthorizationFailure" in message


@pytest.mark.parametrize(
    ("files", "code", "message"),
    [
        (b"no zip", "InvalidPackage", "The package is not a zip file that can be read"),
        ({"x": b""}, "InvalidPackage", "The package has no service_def.json at its root; it has x."),
        (
            {"service_def.json": scoring_parts.definition(scoring_parts.brainwave(model_ref="resnet50"))},
            "InvalidPackage",
            "The device has no featurizer 'resnet50' of version '1.0.0'; it has: efficientnet-lite0 1.0.0.",
        ),
    ],
)
def test_a_broken_package_fails_the_operation_and_says_what_there_is(
    plane: DataPlane, packages: PackageHost, files: Any, code: str, message: str
) -> None:
    content = files if isinstance(files, bytes) else scoring_parts.package(files)
    broken = plane.register(packages.put("/c/broken.zip", content))
    accepted = plane.call("POST", "services", FPGA | OFF | {"modelId": broken, "name": "broken"})
    operation = plane.finish(accepted)
    assert operation["state"] == "Failed"
    assert operation["error"]["code"] == code
    assert operation["error"]["message"].startswith(message)
    assert operation["error"]["details"] == []
    service = plane.service(accepted.json()["id"])
    assert (service["state"], service["error"]) == ("Failed", operation["error"])
    assert "ipAddress" not in service

    # it can be mended in place
    good = plane.register(f"{packages.url}/c/real.zip")
    assert plane.update(service["id"], good)["state"] == "Succeeded"
    mended = plane.service(service["id"])
    assert (mended["state"], "error" in mended) == ("Succeeded", False)
    assert opens(endpoint(mended), None, None)


def test_a_failed_update_leaves_what_served(
    plane: DataPlane, model_id: str, packages: PackageHost, authority: Authority
) -> None:
    service = plane.deploy(model_id)
    broken = plane.register(packages.put("/c/no.zip", b"no zip"))
    operation = plane.update(service["id"], broken, **on(authority))
    assert (operation["state"], operation["error"]["code"]) == ("Failed", "InvalidPackage")
    shown = plane.service(service["id"])
    assert shown | {"updatedAt": ""} == service | {"updatedAt": ""}
    assert opens(endpoint(shown), None, None)


def test_neither_certificate_nor_key_is_ever_shown(
    plane: DataPlane, model_id: str, authority: Authority, cloud: Cloud
) -> None:
    pair = on(authority)
    service = plane.deploy(model_id, **pair)
    shown = "".join(
        plane.call("GET", path).text for path in ("services", f"services/{service['id']}", "models")
    )
    log = (cloud.settings.data / "localcloud.log").read_text()
    key = pair["sslKey"].splitlines()[1]
    assert key not in shown + log
    assert "BEGIN CERTIFICATE" not in shown
    assert not any(one in shown + log for one in plane.keys(service["id"]))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"computeType": "AKS"}, (400, "InvalidParameter", "The property 'computeType' must be FPGA")),
        ({"name": "a/b"}, (400, "InvalidParameter", "The property 'name' takes 1 to 128 letters")),
        ({"numReplicas": 0}, (400, "InvalidParameter", "The property 'numReplicas' must be a whole number")),
        ({"sslEnabled": True}, (400, "InvalidParameter", "The property 'sslCertificate' is required when")),
        (
            {"sslEnabled": True, "sslCertificate": "-----BEGIN CERTIFICATE-----\n", "sslKey": "s3cret"},
            (400, "InvalidSslCertificate", "sslCertificate has a PEM block that breaks off"),
        ),
        ({"modelId": "absent"}, (400, "ModelNotFound", "There is no model 'absent' in the account")),
        (
            {"name": "TAKEN"},
            (409, "ServiceAlreadyExists", "There is a service 'taken' in this account already"),
        ),
        ({"numReplicas": 16}, (412, "FpgaQuotaExceeded", "The account ")),
        ({"numReplicas": 10**20}, (400, "InvalidParameter", "The property 'numReplicas' must be a whole")),
    ],
)
def test_a_create_that_is_refused_changes_nothing(
    taken: tuple[DataPlane, dict[str, Any]], change: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    plane, service = taken
    body = FPGA | OFF | {"modelId": service["modelId"], "name": "new"} | change
    status, code, message = refusal(plane.call("POST", "services", body))
    assert (status, code) == expected[:2]
    assert message.startswith(expected[2])
    assert "s3cret" not in message
    assert plane.call("GET", "services").json() == {"value": [service]}


def test_a_key_of_another_certificate_is_refused(
    plane: DataPlane, model_id: str, authority: Authority
) -> None:
    service = plane.deploy(model_id)
    pair = on(authority) | {"sslKey": on(authority)["sslKey"]}
    body = FPGA | {"modelId": model_id} | pair
    status, code, message = refusal(plane.call("PUT", f"services/{service['id']}", body))
    assert (status, code) == (400, "InvalidSslCertificate")
    assert message.startswith("sslKey does not belong to the first certificate of sslCertificate")
    assert pair["sslKey"].splitlines()[1] not in message


def test_what_is_not_there(plane: DataPlane, model_id: str) -> None:
    absent = str(uuid.uuid4())
    body = FPGA | {"modelId": model_id}
    for method, path in (("GET", ""), ("PUT", ""), ("GET", "/keys"), ("POST", "/regenerateKeys")):
        answer = plane.call(method, f"services/{absent}{path}", body if method == "PUT" else None)
        assert refusal(answer) == (
            404,
            "ServiceNotFound",
            f"There is no service '{absent}' in this account.",
        )
    assert refusal(plane.call("GET", f"operations/{absent}")) == (
        404,
        "OperationNotFound",
        f"There is no operation '{absent}' in this account.",
    )


EXTRA = ("autoScaler", "deploymentStatus")


def scaling(least: int, most: int) -> dict[str, Any]:
    return {"autoscaleEnabled": True, "minReplicas": least, "maxReplicas": most}


def test_quota_is_the_accounts_capacity(plane: DataPlane, model_id: str) -> None:
    plane.arm("PATCH", plane.account_id, {"sku": {"name": "S1", "capacity": 3}})
    service = plane.deploy(model_id, numReplicas=2.0)
    body = FPGA | OFF | {"modelId": model_id, "name": "more", "numReplicas": 2}
    name = plane.account.rpartition("/")[2]
    account = f"The account '{name}' has a capacity of 3 FPGAs, one for each replica:"
    assert refusal(plane.call("POST", "services", body)) == (
        412,
        "FpgaQuotaExceeded",
        f"{account} its services hold 2, so 1 is left, and this one asks for 2. Ask for 1, delete a service, "
        "or raise the capacity of the account's SKU to 4 (at most 16).",
    )
    change = FPGA | {"modelId": model_id, "numReplicas": 4}
    beyond = (
        412,
        "FpgaQuotaExceeded",
        f"{account} its other services hold 0, so 3 are left, and this one asks for 4. Ask for 3 at most, or "
        "raise the capacity of the account's SKU to 4 (at most 16).",
    )
    assert refusal(plane.call("PUT", f"services/{service['id']}", change)) == beyond
    assert refusal(plane.call("PATCH", f"services/{service['id']}", {"numReplicas": 4})) == beyond
    status, code, message = refusal(
        plane.call("PATCH", f"services/{service['id']}", {"autoScaler": scaling(1, 17)})
    )
    assert (status, code) == (412, "FpgaQuotaExceeded")
    assert message.endswith("this one asks for up to 17 (maxReplicas). Ask for 3 at most.")
    assert plane.service(service["id"]) == service
    assert plane.update(service["id"], model_id, numReplicas=3)["state"] == "Succeeded"
    plane.finish(plane.call("DELETE", f"services/{service['id']}"))
    plane.deploy(model_id, "again", numReplicas=3)


def test_what_may_come_is_kept_for_it(plane: DataPlane, model_id: str) -> None:
    """The capacity counts the most that a service may have, also while its operation waits."""
    plane.arm("PATCH", plane.account_id, {"sku": {"name": "S1", "capacity": 3}})
    service = plane.deploy(model_id)
    accepted = plane.call("PATCH", f"services/{service['id']}", {"autoScaler": scaling(1, 3)})
    body = FPGA | OFF | {"modelId": model_id, "name": "more"}
    for _ in range(2):
        status, code, message = refusal(plane.call("POST", "services", body))
        assert (status, code) == (412, "FpgaQuotaExceeded")
        assert "its services hold 3, so 0 are left, and this one asks for 1. Delete a service, or" in message
        assert plane.finish(accepted)["state"] == "Succeeded"


def test_a_number_is_patched_alone(plane: DataPlane, model_id: str, authority: Authority) -> None:
    """All else of the service stays as it is, whichever of both numbers comes."""
    service = plane.deploy(model_id, **on(authority))
    keys = plane.keys(service["id"])
    path = f"services/{service['id']}"

    def patched(**change: Any) -> dict[str, Any]:
        operation = plane.finish(plane.call("PATCH", path, change))
        assert (operation["operationType"], operation["state"]) == ("Service", "Succeeded")
        shown = plane.service(service["id"])
        same = shown | {"numReplicas": 1, "updatedAt": service["updatedAt"]}
        assert {key: value for key, value in same.items() if key not in EXTRA} == service
        assert plane.keys(service["id"]) == keys
        assert opens(endpoint(shown), authority.root, keys[0])
        return shown

    assert patched(numReplicas=3)["numReplicas"] == 3
    scaled = patched(autoScaler=scaling(2, 5))
    assert (scaled["numReplicas"], scaled["autoScaler"]) == (2, scaling(2, 5))
    assert patched() == scaled | {"updatedAt": plane.service(service["id"])["updatedAt"]}
    # a PUT that names neither leaves both; one with the number alone has that many
    body = {"computeType": "FPGA", "modelId": model_id}
    assert plane.finish(plane.call("PUT", path, body))["state"] == "Succeeded"
    assert plane.service(service["id"])["autoScaler"] == scaling(2, 5)
    assert plane.update(service["id"], model_id, numReplicas=2)["state"] == "Succeeded"
    assert "autoScaler" not in plane.service(service["id"])


def test_who_places_no_replicas_says_so(plane: DataPlane, model_id: str, cloud: Cloud) -> None:
    """In the service's answer, and where a person looks: status, page, `fpga cloud up`."""

    def noted(service_id: str) -> tuple[dict[str, Any] | None, str | None]:
        shown = plane.service(service_id)
        (status,) = [one for one in cloud.status().services if one.port and one.address == shown["ipAddress"]]
        return shown.get("deploymentStatus"), status.note

    service = plane.deploy(model_id)
    assert noted(service["id"]) == (None, None)
    words = (
        "This localcloud places no replicas: {} are asked for, 1 answers. `fpga cloud up --ray` has them "
        "placed on other machines (docs/replicas.md)."
    )
    for change, wanted, said in (({"numReplicas": 3}, 3, "3"), ({"autoScaler": scaling(2, 4)}, 2, "2 to 4")):
        told = words.format(said)
        plane.finish(plane.call("PATCH", f"services/{service['id']}", change))
        status = {
            "desiredReplicas": wanted,
            "availableReplicas": 1,
            "error": {"code": "ReplicasNotAvailable", "message": told},
        }
        assert noted(service["id"]) == (status, told)
        assert plane.call("GET", "services").json()["value"][0]["deploymentStatus"] == status


def test_a_capacity_that_was_lowered_takes_nothing_from_who_has_it(plane: DataPlane, model_id: str) -> None:
    plane.deploy(model_id, "first", numReplicas=2)
    service = plane.deploy(model_id, "second", numReplicas=2)
    plane.arm("PATCH", plane.account_id, {"sku": {"name": "S1", "capacity": 1}})
    assert plane.update(service["id"], model_id, numReplicas=2)["state"] == "Succeeded"
    status, code, message = refusal(plane.call("PATCH", f"services/{service['id']}", {"numReplicas": 3}))
    assert (status, code) == (412, "FpgaQuotaExceeded")
    assert message.endswith(
        "its other services hold 2, so 0 are left, and this one asks for 3. Delete a service, or raise the "
        "capacity of the account's SKU to 5 (at most 16)."
    )
    assert plane.update(service["id"], model_id, numReplicas=1)["state"] == "Succeeded"


def test_devtest_has_no_fpgas(plane: DataPlane, model_id: str) -> None:
    plane.arm("PATCH", plane.account_id, {"sku": {"name": "DevTest"}})
    body = FPGA | OFF | {"modelId": model_id, "name": "service"}
    status, code, message = refusal(plane.call("POST", "services", body))
    assert (status, code) == (400, "SkuNotSupported")
    assert message.endswith("has the SKU DevTest, which has no FPGA services. Change it to S1, S2 or S3.")


def test_an_account_goes_with_its_services_and_models(plane: DataPlane, model_id: str, cloud: Cloud) -> None:
    where = endpoint(plane.deploy(model_id))
    package = cloud.settings.data / "models" / f"{model_id}.zip"
    assert package.exists()
    plane.arm("DELETE", plane.account_id)
    assert bind_problem(where) is None
    assert not package.exists()
    status, code, message = refusal(plane.call("GET", "services"))
    assert (status, code) == (404, "ResourceNotFound")
    assert "was not found" in message
    plane.make_account(plane.account.rpartition("/")[2])
    assert plane.call("GET", "services").json() == {"value": []}
    assert plane.call("GET", "models").json() == {"value": []}
