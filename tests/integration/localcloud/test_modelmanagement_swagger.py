"""The description of the data plane, held against what the data plane does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from localcloud.server import Cloud
from tests.support.localcloud import scoring_parts
from tests.support.localcloud.data_plane import FPGA, OFF, DataPlane, PackageHost, account_name, refusal

VERBS = ("get", "put", "post", "patch", "delete")


@pytest.fixture(scope="module")
def plane(cloud: Cloud) -> Iterator[DataPlane]:
    with closing(DataPlane(cloud.status())) as plane:
        plane.make_account(account_name(__name__))
        yield plane
        plane.arm("DELETE", plane.account_id)


@pytest.fixture(scope="module")
def swagger(plane: DataPlane) -> dict[str, Any]:
    """Fetched from where the account says that it is."""
    location = plane.arm("GET", plane.account_id).json()["properties"]["modelManagementSwaggerLocation"]
    answer = plane.follow(location)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def check(value: Any, schema: dict[str, Any], definitions: dict[str, Any]) -> None:
    """Refuses a value that its schema does not describe, in full."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].removeprefix("#/definitions/")]
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
    assert type(value) is kinds[schema["type"]], (value, schema)
    if "enum" in schema:
        assert value in schema["enum"]
    for item in value if isinstance(value, list) else ():
        check(item, schema["items"], definitions)
    if isinstance(value, dict):
        assert set(schema.get("required", ())) <= value.keys() <= schema["properties"].keys()
        for name, inner in value.items():
            check(inner, schema["properties"][name], definitions)


def test_it_is_where_the_account_says(plane: DataPlane, swagger: dict[str, Any]) -> None:
    assert swagger["swagger"] == "2.0"
    assert f"https://{swagger['host']}" == plane.host
    assert swagger["basePath"].lower() == plane.account.lower()
    assert refusal(plane.anonymously("GET", "swagger.json"))[:2] == (401, "AuthenticationFailed")
    plane.use_account("absent")
    assert refusal(plane.call("GET", "swagger.json"))[:2] == (404, "ResourceNotFound")
    plane.use_account(account_name(__name__))


def test_its_paths_and_verbs_are_those_that_answer(plane: DataPlane, swagger: dict[str, Any]) -> None:
    for path, described in swagger["paths"].items():
        # A verb that no route takes: the answer says which ones are taken.
        answer = plane.call("TRACE", path.strip("/").replace("{id}", "x"))
        assert refusal(answer)[:2] == (405, "MethodNotAllowed")
        taken = {verb.lower() for verb in answer.headers["Allow"].split(", ")} - {"head"}
        assert taken == {verb for verb in described if verb in VERBS}, path
    assert refusal(plane.call("GET", "others"))[0] == 404


def test_every_reference_leads_somewhere(swagger: dict[str, Any]) -> None:
    def references(node: Any) -> Iterator[str]:
        for name, inner in node.items() if isinstance(node, dict) else enumerate(node):
            if name == "$ref":
                yield inner
            elif isinstance(inner, dict | list):
                yield from references(inner)

    found = set(references(swagger))
    known = {f"#/{kind}/{name}" for kind in ("parameters", "definitions") for name in swagger[kind]}
    assert found == known


def test_documents_are_as_described(plane: DataPlane, swagger: dict[str, Any]) -> None:
    definitions = swagger["definitions"]

    def described(verb: str, path: str, status: str, value: Any) -> None:
        check(value, swagger["paths"][path][verb]["responses"][status]["schema"], definitions)

    with PackageHost().running() as packages:
        registration = {"name": "m", "mimeType": "application/zip", "unpack": False}
        registration["url"] = packages.put("/m.zip", scoring_parts.package())
        check(registration, {"$ref": "#/definitions/ModelRegistration"}, definitions)
        model = plane.call("POST", "models", registration).json()
        broken_id = plane.register(packages.put("/b.zip", b"no zip"))
    described("post", "/models", "200", model)
    described("get", "/models", "200", plane.call("GET", "models", **{"$top": "1"}).json())
    creation = FPGA | OFF | {"modelId": model["id"], "name": "described"}
    check(creation, {"$ref": "#/definitions/ServiceCreation"}, definitions)
    accepted = plane.call("POST", "services", creation)
    described("post", "/services", "202", accepted.json())
    described("get", "/operations/{id}", "200", plane.finish(accepted))
    service_id = accepted.json()["id"]
    described("get", "/services/{id}", "200", plane.service(service_id))
    described("get", "/services", "200", plane.call("GET", "services").json())
    described("get", "/services/{id}/keys", "200", plane.call("GET", f"services/{service_id}/keys").json())
    failed = plane.finish(plane.call("PUT", f"services/{service_id}", FPGA | {"modelId": broken_id}))
    assert failed["state"] == "Failed"
    described("get", "/operations/{id}", "200", failed)
    missing = plane.call("GET", "services/absent").json()
    described("get", "/services/{id}", "default", missing)
