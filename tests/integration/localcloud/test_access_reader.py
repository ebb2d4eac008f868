"""What a reader reads: all that it may GET, of a service that is deployed, and no secret in any answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from localcloud.access import actions, administration
from localcloud.access.principals import FederatedCredential
from localcloud.access.roles import ACCESS_ADMINISTRATOR, READER, Role
from localcloud.server import Cloud
from tests.support.certificates.authority import Authority
from tests.support.localcloud import scoring_parts
from tests.support.localcloud.arm_caller import ArmCaller
from tests.support.localcloud.data_plane import DataPlane, PackageHost, account_name, on
from tests.support.localcloud.member import Member

DATA_PLANE = "2018-04-01-preview"
SIGNATURE = "sig=of-the-package"


def storage_of(plane: DataPlane) -> str:
    return (
        f"{plane.account_id.partition('/providers/')[0]}/providers/Microsoft.Storage/storageAccounts/readers"
    )


@pytest.fixture
def plane(cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[DataPlane]:
    with closing(DataPlane(cloud.status())) as plane:
        plane.make_account(account_name(request.node.name))
        yield plane
        for id_ in (plane.account_id, storage_of(plane)):
            assert plane.arm("DELETE", id_).status_code in (200, 202, 204)


@pytest.fixture
def secrets(cloud: Cloud, arm: ArmCaller, plane: DataPlane) -> dict[str, str]:
    """Each secret that the account, its service and the storage beside it have, by what it is."""
    with PackageHost().running() as host:
        url = host.put("/c/real.zip", scoring_parts.package())
        model = plane.register(f"{url}?{SIGNATURE}")
    pair: dict[str, Any] = on(Authority())
    service = plane.deploy(model, "service", **pair)
    primary, secondary = plane.keys(service["id"])
    storage = storage_of(plane)
    body = {"location": "eastus2", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
    assert arm("PUT", storage, body).ok
    keys = arm("POST", f"{storage}/listKeys").json()["keys"]
    assert arm("PUT", f"{storage}/blobServices/default/containers/ccc", {}).ok
    return {
        "model": model,
        "service": service["id"],
        "primary key": primary,
        "secondary key": secondary,
        "private key": pair["sslKey"].split()[-4],
        "signature": SIGNATURE,
        "storage key": keys[0]["value"],
        "client secret": cloud.status().client_secret_file.read_text(),
    }


@pytest.mark.parametrize("role", [READER, ACCESS_ADMINISTRATOR], ids=lambda role: role.word)
def test_no_secret_is_in_anything_that_is_read(
    cloud: Cloud, plane: DataPlane, secrets: dict[str, str], role: Role
) -> None:
    names: dict[str, str] = {
        "subscription": str(plane.subscription),
        "group": plane.account_id.split("/")[4],
        "account": plane.account_id.split("/")[-1],
        "zone": "none.test",
        "namespace": "Microsoft.Network",
        "kind": "A",
        "name": "www",
        "container": "ccc",
        "assignment": str(cloud.status().client_id),
        "definition": role.id,
        "resource:path": plane.account_id.partition("/providers/")[2],
    }
    with closing(Member(cloud, role)) as reader:
        administration.trust(
            cloud.settings.data,
            reader.name,
            FederatedCredential("https://i.example", reader.name, ("api://x",)),
        )
        answered: dict[str, int] = {}
        for path, verbs in actions.TABLE.items():
            if "GET" not in verbs:
                continue
            id_ = secrets["service"] if "/services/" in path else secrets["model"]
            where = path.replace("{resource:path}", names["resource:path"])
            for name, value in {**names, "id": id_}.items():
                where = where.replace(f"{{{name}}}", str(value))
            if "storageAccounts" in path:
                where = where.replace(f"/{names['account']}", "/readers")
            version = DATA_PLANE if path.startswith("/api/") else "2021-04-01"
            answer = reader("GET", where, version=version)
            answered[path] = answer.status_code
            found = [what for what in SECRETS if secrets[what] in answer.text]
            assert found == [], f"{where}: {found}"
            assert reader.secret not in answer.text
        assert {path for path, status in answered.items() if status == 403} == {
            path for path in answered if path.endswith("/services/{id}/keys")
        }
        assert sum(status == 200 for status in answered.values()) > 25


SECRETS = ("primary key", "secondary key", "private key", "signature", "storage key", "client secret")
