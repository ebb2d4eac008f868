"""Models on the data plane: registered, fetched, listed, refused, deleted."""

from __future__ import annotations

import base64
import gzip
import hashlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from localcloud.modelmanagement import download
from localcloud.server import Cloud
from tests.support.localcloud import scoring_parts
from tests.support.localcloud.data_plane import DataPlane, PackageHost, account_name, refusal

BODY = {"name": "model", "mimeType": "application/zip", "unpack": False}


@pytest.fixture
def plane(cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[DataPlane]:
    """Each test has an account of its own."""
    with closing(DataPlane(cloud.status())) as plane:
        plane.make_account(account_name(request.node.name))
        yield plane


@pytest.fixture
def data(cloud: Cloud) -> Path:
    return cloud.settings.data


@pytest.fixture(scope="module")
def packages() -> Iterator[PackageHost]:
    with PackageHost().running() as host:
        yield host


def test_a_registered_model_is_whole_on_disk_and_private(
    plane: DataPlane, packages: PackageHost, data: Path
) -> None:
    answer = plane.call("POST", "models", BODY | {"url": packages.put("/c/m.zip", b"a package")})
    assert answer.status_code == 200
    model = answer.json()
    assert model | {"createdAt": ""} == {
        "id": model["id"],
        "name": "model",
        "version": 1,
        "mimeType": "application/zip",
        "unpack": False,
        "url": f"{packages.url}/c/m.zip",
        "createdAt": "",
    }
    file = data / "models" / f"{model['id']}.zip"
    assert file.read_bytes() == b"a package"
    assert oct(file.stat().st_mode & 0o777) == "0o600"
    assert oct(file.parent.stat().st_mode & 0o777) == "0o700"
    assert plane.call("GET", f"models/{model['id'].upper()}").json() == model
    assert "s3cret" not in answer.text + plane.call("GET", "models").text
    assert "s3cret" not in (data / "localcloud.log").read_text()


def test_a_model_that_is_registered_for_an_fpga_must_run_on_one(
    plane: DataPlane, packages: PackageHost, data: Path
) -> None:
    body = BODY | {"computeType": "FPGA"}
    before = set((data / "models").glob("*"))
    junk = body | {"url": packages.put("/c/junk.zip", b"a package")}
    status, code, message = refusal(plane.call("POST", "models", junk))
    assert (status, code) == (400, "InvalidPackage")
    assert message.startswith("The package is not a zip file that can be read")
    assert plane.call("GET", "models").json() == {"value": []}
    assert set((data / "models").glob("*")) == before

    real = body | {"url": packages.put("/c/real.zip", scoring_parts.package())}
    assert plane.call("POST", "models", real).status_code == 200

    other = plane.call("POST", "models", real | {"computeType": "GPU"})
    assert refusal(other)[:2] == (400, "InvalidParameter")


def test_models_of_one_name_have_versions_and_pages(plane: DataPlane, packages: PackageHost) -> None:
    url = packages.put("/c/m.zip", b"a package")
    ids = [plane.register(url, "one"), plane.register(url, "two"), plane.register(url, "one")]
    first = plane.call("GET", "models", **{"$top": "2"}).json()
    assert [(model["id"], model["version"]) for model in first["value"]] == [(ids[0], 1), (ids[1], 1)]
    assert first["nextLink"].startswith(plane.host + plane.account)
    last = plane.follow(first["nextLink"]).json()
    assert [(model["id"], model["version"]) for model in last["value"]] == [(ids[2], 2)]
    assert "nextLink" not in last
    named = plane.call("GET", "models", name="one").json()
    assert [model["id"] for model in named["value"]] == [ids[0], ids[2]]


def test_a_deleted_model_is_gone_with_its_file(plane: DataPlane, packages: PackageHost, data: Path) -> None:
    model_id = plane.register(packages.put("/c/m.zip", b"a package"))
    assert plane.call("DELETE", f"models/{model_id}").status_code == 200
    assert plane.call("DELETE", f"models/{model_id}").status_code == 204
    assert refusal(plane.call("GET", f"models/{model_id}")) == (
        404,
        "ModelNotFound",
        f"There is no model '{model_id}' in this account.",
    )
    assert not (data / "models" / f"{model_id}.zip").exists()


def test_a_model_that_serves_stays(plane: DataPlane, packages: PackageHost) -> None:
    model_id = plane.register(packages.put("/c/real.zip", scoring_parts.package()))
    service = plane.deploy(model_id, "in-use")
    assert refusal(plane.call("DELETE", f"models/{model_id}")) == (
        409,
        "ModelInUse",
        f"The model 'model' ({model_id}) serves in-use: delete these services, or give them another model, "
        "first.",
    )
    plane.finish(plane.call("DELETE", f"services/{service['id']}"))
    assert plane.call("DELETE", f"models/{model_id}").status_code == 200


def test_a_name_that_the_2018_client_quotes_twice_is_found(plane: DataPlane, packages: PackageHost) -> None:
    """It uploads `my model` as the blob `my%20model` and gives an address that says `my model`."""
    packages.put("/models/my%2520model_1", b"a package")
    plane.register(f"{packages.url}/models/my%20model_1?sig=s3cret", "my model")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        (
            "{host}/c/absent.zip?sig=s3cret",
            "was refused with 404 Not Found. Give the address of a blob that is there",
        ),
        (
            "{host}/c/expired.zip?sig=s3cret",
            "was refused with 403 AuthenticationFailed. Give the address of a blob",
        ),
        ("{host}/c/moved.zip?sig=s3cret", "was refused with 302 Found."),
        ("{host}/c/changed.zip?sig=s3cret", "arrived incomplete or changed. Upload it again."),
        ("https://127.0.0.1:1/c/m.zip?sig=s3cret", "could not be reached: Connection refused."),
        ("https://{name}/c/m.zip?sig=s3cret", "could not be reached: no TLS (WRONG_VERSION_NUMBER)."),
        ("http://192.0.2.1/c/m.zip?sig=s3cret", "goes over plain http. Give an https address."),
        ("https://a..b/c/m.zip?sig=s3cret", "could not be reached: "),
        ("https://" + "a" * 64 + "/c/m.zip?sig=s3cret", "could not be reached: "),
    ],
)
def test_a_package_that_cannot_be_fetched_is_refused(
    plane: DataPlane, packages: PackageHost, url: str, problem: str
) -> None:
    packages.answers["/c/expired.zip"] = (403, {"x-ms-error-code": "AuthenticationFailed"})
    packages.answers["/c/moved.zip"] = (302, {"Location": f"{packages.url}/c/m.zip"})
    packages.put("/c/changed.zip", b"a package")
    packages.answers["/c/changed.zip"] = (200, {"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="})
    address = url.format(host=packages.url, name=packages.url.removeprefix("http://"))
    status, code, message = refusal(plane.call("POST", "models", BODY | {"url": address}))
    assert (status, code) == (400, "PackageNotFetched")
    assert message.startswith(f"The package at {address.partition('?')[0]} {problem}")
    assert "s3cret" not in message
    assert plane.call("GET", "models").json() == {"value": []}


def test_a_host_that_sends_byte_by_byte_does_not_outstay_the_deadline(
    plane: DataPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()

    def dribble(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, suppress(ConnectionError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not ended.wait(0.02):
                connection.sendall(b"x")

    monkeypatch.setattr(download, "TOTAL_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        pool.submit(dribble, server)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/m.zip?sig=s3cret"
        answer = plane.call("POST", "models", BODY | {"url": url})
        ended.set()
    assert refusal(answer)[:2] == (400, "PackageNotFetched")
    assert "took longer than 0.2 s to fetch. Put it on a faster host." in refusal(answer)[2]


def test_a_compressed_answer_is_kept_as_it_is(plane: DataPlane, packages: PackageHost, data: Path) -> None:
    """A blob with a Content-Encoding: size and checksum are those of the stored bytes."""
    packed = gzip.compress(b"a package")
    url = packages.put("/c/packed.zip", packed)
    digest = base64.b64encode(hashlib.md5(packed, usedforsecurity=False).digest()).decode()
    packages.answers["/c/packed.zip"] = (200, {"Content-Encoding": "gzip", "Content-MD5": digest})
    assert (data / "models" / f"{plane.register(url)}.zip").read_bytes() == packed


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("models", {"mimeType": "text/plain"}, (400, "InvalidParameter", "The property 'mimeType' must be")),
        ("models", {"name": ""}, (400, "InvalidParameter", "The property 'name' is required")),
        ("/absent/models", {}, (404, "ResourceNotFound", "The Resource ")),
        (
            "/nogroup/models",
            {},
            (404, "ResourceGroupNotFound", "Resource group 'nogroup' could not be found."),
        ),
    ],
)
def test_a_registration_that_is_refused(
    plane: DataPlane, packages: PackageHost, path: str, body: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    if path == "/absent/models":
        plane.use_account("absent")
    if path == "/nogroup/models":
        plane.use_account("account", "nogroup")
    status, code, message = refusal(
        plane.call("POST", "models", BODY | {"url": f"{packages.url}/x?sig=s3cret"} | body)
    )
    assert (status, code) == expected[:2]
    assert message.startswith(expected[2])


def test_every_call_needs_its_api_version_and_a_token(plane: DataPlane) -> None:
    status, code, message = refusal(plane.follow(f"{plane.host}{plane.account}/models"))
    assert (status, code) == (400, "MissingApiVersionParameter")
    assert "api-version query parameter" in message
    status, code, message = refusal(plane.call("GET", "models", **{"api-version": "latest"}))
    assert (status, code) == (400, "InvalidApiVersionParameter")
    assert "'latest' is invalid" in message
    anonymous = plane.anonymously("GET", "models")
    assert refusal(anonymous)[:2] == (401, "AuthenticationFailed")
    assert anonymous.headers["WWW-Authenticate"].startswith('Bearer authorization_uri="https://')
