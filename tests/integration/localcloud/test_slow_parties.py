"""Hosts of packages, issuers of tokens and a blob service that are slow or hang: nobody else waits."""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import jwt
import psutil
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa

from localcloud.access.principals import FederatedCredential
from localcloud.arm.storage import blobs
from localcloud.http import lanes
from localcloud.identity import federation
from localcloud.modelmanagement import download
from localcloud.server import Cloud
from tests.support.github import issuer as oidc
from tests.support.github.issuer import EXCHANGE, SUBJECT, Issuer
from tests.support.localcloud import trusting as trust
from tests.support.localcloud.arm_caller import ArmCaller, refusal
from tests.support.localcloud.data_plane import DataPlane, account_name
from tests.support.servers import dripping
from tests.support.waiting import wait_until

BODY = {"name": "model", "mimeType": "application/zip", "unpack": False}
AT_ONCE_S = 3.0
"""Far more than an answer takes that waits for nobody, on a machine that is busy."""


@pytest.fixture
def plane(cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[DataPlane]:
    with closing(DataPlane(cloud.status())) as plane:
        plane.make_account(account_name(request.node.name))
        yield plane


def assert_nobody_else_waits(cloud: Cloud) -> None:
    """Health, discovery, sign-in and a read of the database answer at once, each on a new connection."""
    status = cloud.status()
    for path in ("health", f"{status.tenant}/v2.0/.well-known/openid-configuration"):
        answer = requests.get(f"{status.https}/{path}", verify=str(status.ca), timeout=AT_ONCE_S)
        assert answer.status_code == 200
    with closing(ArmCaller(cloud)) as caller:
        began = time.monotonic()
        assert caller("GET", "/subscriptions").status_code == 200
        assert time.monotonic() - began < AT_ONCE_S


def register(plane: DataPlane, url: str) -> requests.Response:
    """Registers a model on a connection of its own."""
    return requests.post(
        f"{plane.host}{plane.account}/models",
        json=BODY | {"url": url},
        params={"api-version": "2018-04-01-preview"},
        headers={"Authorization": str(plane._session.headers["Authorization"])},
        verify=str(plane._session.verify),
        timeout=30,
    )


@pytest.mark.parametrize("begin", [dripping.BEGUN, dripping.ENDLESS_BODY], ids=["headers", "body"])
def test_packages_that_drip_hold_up_each_other_alone(cloud: Cloud, plane: DataPlane, begin: bytes) -> None:
    lane = lanes.PACKAGES
    callers = lane.threads + lane.waiting + 1
    with ThreadPoolExecutor(callers) as pool, dripping.serving(begin) as host:
        url = f"{host.url}/m.zip?sig=s3cret"
        slow = [pool.submit(register, plane, url) for _ in range(callers)]
        wait_until(lambda: host.callers == lane.threads and any(one.done() for one in slow))
        refused = [one.result() for one in slow if one.done()]
        assert_nobody_else_waits(cloud)
    answers = [one.result() for one in slow if one.result() not in refused]
    assert refusal(refused[0]) == (
        503,
        "ServerBusy",
        f"The server works on {lane.threads} requests of this kind (registering a model) already, and can "
        "take no more now. Nothing was begun: try again later.",
    )
    assert refused[0].headers["Retry-After"] == "5"
    assert len(refused) == 1
    assert {refusal(answer)[1] for answer in answers} == {"PackageNotFetched"}


def test_headers_that_drip_do_not_outstay_the_deadline(
    plane: DataPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "TOTAL_TIMEOUT_S", 0.2)
    with dripping.serving() as host:
        status, code, message = refusal(register(plane, f"{host.url}/m.zip?sig=s3cret"))
    assert (status, code) == (400, "PackageNotFetched")
    assert message == (
        f"The package at {host.url}/m.zip took longer than 0.2 s to fetch. Put it on a faster host."
    )


def test_localcloud_s_own_addresses_are_refused_or_work(cloud: Cloud, plane: DataPlane) -> None:
    own = f"{plane.host}{plane.account}/models?api-version=2018-04-01-preview"
    with ThreadPoolExecutor(lanes.PACKAGES.threads * 2) as pool:
        answers: list[Future[requests.Response]] = [
            pool.submit(register, plane, own) for _ in range(lanes.PACKAGES.threads * 2)
        ]
        for answer in answers:
            status, code, message = refusal(answer.result(timeout=30))
            assert (status, code) == (400, "PackageNotFetched")
            assert "was refused with 401 Unauthorized" in message
    assert register(plane, f"{plane.host}/health").status_code == 200


def trusting(cloud: Cloud, *issuers: str) -> AbstractContextManager[None]:
    return trust.trusting(
        cloud.settings.data, *(FederatedCredential(one, SUBJECT, (EXCHANGE,)) for one in issuers)
    )


def sign_in(cloud: Cloud, assertion: str) -> requests.Response:
    with closing(ArmCaller(cloud)) as caller:
        return caller.sign_in(
            client_secret="", client_assertion=assertion, client_assertion_type=federation.ASSERTION_TYPE
        )


def test_an_issuer_that_drips_is_left_in_time_and_holds_up_nobody(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(federation, "TIMEOUT_S", 1.0)
    monkeypatch.setattr(federation, "RENEW_S", 60.0)
    with dripping.serving(dripping.ENDLESS_BODY) as host, trusting(cloud, host.url):
        assertion = Issuer(host.url).token()
        callers = federation.CALLERS_OF_ISSUER
        with ThreadPoolExecutor(callers) as pool:
            began = time.monotonic()
            waiting = [pool.submit(sign_in, cloud, assertion) for _ in range(callers)]
            wait_until(lambda: host.callers == 1)
            assert_nobody_else_waits(cloud)
            answers = [one.result(timeout=30) for one in waiting]
        assert time.monotonic() - began < 10
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.json()["error_codes"][0] for answer in answers} == {50166}
    described = f"{host.url}/.well-known/openid-configuration took longer than 1 s"
    assert all(described in answer.json()["error_description"] for answer in answers)
    assert host.callers == 1  # who waited was told what the first one met


def test_an_issuer_that_hangs_holds_up_no_other_issuer_s_tokens(cloud: Cloud) -> None:
    callers = lanes.FEDERATION.threads + lanes.FEDERATION.waiting
    with (
        oidc.served() as issuer,
        ThreadPoolExecutor(callers) as pool,
        dripping.serving() as host,
        trusting(cloud, host.url, issuer.url),
    ):
        forged = Issuer(host.url).token()
        waiting = [pool.submit(sign_in, cloud, forged) for _ in range(callers)]
        wait_until(lambda: sum(one.done() for one in waiting) == callers - federation.CALLERS_OF_ISSUER)
        began = time.monotonic()
        assert sign_in(cloud, issuer.token()).status_code == 200
        assert time.monotonic() - began < AT_ONCE_S
        for answer in [one.result() for one in waiting if one.done()]:
            assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
            assert answer.json()["error_codes"] == [90033]


def test_keys_that_are_known_outlive_an_issuer_that_is_down(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(federation, "RENEW_S", 0.0)
    with oidc.served() as issuer, trusting(cloud, issuer.url):
        assert sign_in(cloud, issuer.token()).status_code == 200
        good = issuer.token()
        other = jwt.encode(
            jwt.decode(good, options={"verify_signature": False}),
            rsa.generate_private_key(public_exponent=65537, key_size=2048),
            "RS256",
            headers={"kid": "unknown"},
        )
        issuer.answer = lambda *_: (500, {})  # type: ignore[method-assign]
        assert sign_in(cloud, other).json()["error_codes"] == [50166]
        assert sign_in(cloud, good).status_code == 200


def test_a_document_of_an_issuer_without_end_is_left_in_time(cloud: Cloud) -> None:
    with (
        dripping.serving(dripping.ENDLESS_BODY, b"1" * 65536, 0) as host,
        trusting(cloud, host.url),
    ):
        before = psutil.Process().memory_info().rss
        answer = sign_in(cloud, Issuer(host.url).token())
        grown = psutil.Process().memory_info().rss - before
    assert answer.json()["error_codes"] == [50166]
    assert "is larger than 1048576 bytes" in answer.json()["error_description"]
    assert grown < 64 * 1024 * 1024


def test_an_issuer_is_asked_for_tokens_that_fit_alone_and_once(cloud: Cloud) -> None:
    asked: list[str] = []
    with oidc.served() as issuer, trusting(cloud, issuer.url):
        answer_of = issuer.answer

        def answer(path: str, authorization: str | None) -> tuple[int, Any]:
            asked.append(path)
            return answer_of(path, authorization)

        issuer.answer = answer  # type: ignore[method-assign]
        over = int(time.time()) - 3600
        for claims, code in (
            ({"sub": "repo:another/one"}, 700213),
            ({"aud": "api://Other"}, 700212),
            ({"iss": "http://127.0.0.1:1"}, 700211),
            ({"exp": over, "nbf": over - 1, "iat": over - 1}, 700024),
        ):
            assert sign_in(cloud, issuer.token(**claims)).json()["error_codes"] == [code]
        head, claims_part, _ = issuer.token().split(".")
        assert sign_in(cloud, f"{head}.{claims_part}").json()["error_codes"] == [50027]
        assert asked == []
        for _ in range(3):
            assert sign_in(cloud, issuer.token()).status_code == 200
    assert asked == ["/.well-known/openid-configuration", "/.well-known/jwks"]


@pytest.fixture
def account(arm: ArmCaller, group: str) -> str:
    path = f"{group}/providers/Microsoft.Storage/storageAccounts/st{uuid.uuid4().hex[:12]}"
    body = {"location": "eastus2", "sku": {"name": "Standard_LRS"}, "kind": "Storage"}
    assert arm("PUT", path, body).status_code == 200
    return path


def test_a_list_of_containers_says_what_each_says_of_itself(arm: ArmCaller, account: str) -> None:
    """It is one request to the blob service, however many there are."""
    containers = f"{account}/blobServices/default/containers"
    for name, properties in (
        ("blob", {"publicAccess": "Blob", "metadata": {"who": "test"}}),
        ("container", {"publicAccess": "Container"}),
        ("none", {}),
    ):
        assert arm("PUT", f"{containers}/{name}", {"properties": properties}).status_code == 201
    listed = arm("GET", containers).json()["value"]
    assert listed == [arm("GET", f"{containers}/{one['name']}").json() for one in listed]
    assert [one["properties"]["publicAccess"] for one in listed] == ["Blob", "Container", "None"]


@contextmanager
def stopped_blob_service(data: Path) -> Iterator[None]:
    """Azurite takes connections, by its system, and does nothing with them."""
    (pid,) = (
        child.pid for child in psutil.Process().children() if str(data / "blobs") in " ".join(child.cmdline())
    )
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_blob_service_that_hangs_is_said_in_time_and_holds_up_nobody(
    cloud: Cloud, arm: ArmCaller, group: str, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs, "ANSWER_TIMEOUT_S", 1.0)
    container = f"{account}/blobServices/default/containers/models"
    new = f"{group}/providers/Microsoft.Storage/storageAccounts/st{uuid.uuid4().hex[:12]}"
    body = {"location": "eastus2", "sku": {"name": "Standard_LRS"}, "kind": "Storage"}
    calls: list[tuple[str, str, Any]] = [
        ("GET", f"{account}/blobServices/default/containers", None),
        ("GET", container, None),
        ("PUT", container, {}),
        ("PATCH", container, {"properties": {}}),
        ("DELETE", container, None),
        ("PUT", new, body),
        ("PUT", account, body),
        ("POST", f"{account}/regenerateKey", {"keyName": "key1"}),
    ] * 2

    def call(method: str, path: str, content: Any) -> tuple[requests.Response, float]:
        with closing(ArmCaller(cloud)) as caller:
            caller.token()
            began = time.monotonic()
            return caller(method, path, content), time.monotonic() - began

    with stopped_blob_service(cloud.settings.data), ThreadPoolExecutor(len(calls)) as pool:
        waiting = [pool.submit(call, *one) for one in calls]
        assert_nobody_else_waits(cloud)
        for (method, path, _), one in zip(calls, waiting, strict=True):
            answer, elapsed_s = one.result(timeout=30)
            status, code, message = refusal(answer)
            assert (status, code) == (503, "ServiceUnavailable"), (method, path, answer.text)
            assert message.startswith("Blob storage did not ")
            assert " within 1 s" in message
            assert answer.headers["Retry-After"] == "2"
            assert elapsed_s < 10
    wait_until(lambda: arm("PUT", container, {}).status_code in (200, 201))
    assert arm("PUT", new, body).status_code == 200


def test_a_blob_service_that_refuses_connections_is_said_at_once(
    cloud: Cloud, arm: ArmCaller, account: str
) -> None:
    path = f"{account}/blobServices/default/containers"
    (child,) = (
        one
        for one in psutil.Process().children()
        if str(cloud.settings.data / "blobs") in " ".join(one.cmdline())
    )
    child.kill()
    answers: list[requests.Response] = []

    def comes_back() -> bool:
        answers.append(arm("GET", path))
        return answers[-1].status_code == 200

    wait_until(comes_back)
    for answer in answers[:-1]:
        assert refusal(answer) == (
            503,
            "ServiceUnavailable",
            "Blob storage cannot be reached: try again later.",
        )
    assert answers[:-1]
