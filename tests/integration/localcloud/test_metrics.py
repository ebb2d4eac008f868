"""The metrics of a localcloud that runs: scraped over the wire, and held against what its callers counted."""

from __future__ import annotations

import json
import logging
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import grpc
import psutil
import pytest
import requests
import yaml
from azure.storage.blob import BlobServiceClient
from cryptography import x509
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from clients.wire.tensorflow_serving import METHOD
from localcloud.errors import StartError
from localcloud.http import listener
from localcloud.metrics import table
from localcloud.metrics.serving import CONNECTIONS
from localcloud.modelmanagement.worker import Worker
from localcloud.server import Cloud
from localcloud.settings import Settings
from localcloud.version import here
from tests.support.certificates.authority import Authority
from tests.support.localcloud import metrics_page, parts
from tests.support.localcloud.arm_caller import ArmCaller
from tests.support.localcloud.data_plane import DataPlane, PackageHost, endpoint, on, settings
from tests.support.localcloud.killable import killable
from tests.support.localcloud.metrics_page import Page, free_port
from tests.support.localcloud.scoring_parts import channel, package, photo_request
from tests.support.promql import OF_TARGETS, selectors
from tests.support.waiting import wait_until

METRICS = Path(__file__).parents[3] / "docs/metrics"
PHOTO = photo_request().SerializeToString()
CALLS = "localcloud_scoring_calls_total"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    found = parts.settings(tmp_path_factory.mktemp("metrics") / "data")
    return replace(found, scoring_network="127.91.0.0/16", metrics_port=free_port())


@pytest.fixture(autouse=True)
def _each_page_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localcloud.metrics.page.SHARE", 1.0)


@pytest.fixture(scope="module")
def server(told: Settings) -> Iterator[Cloud]:
    with Cloud(told) as running:
        yield running


@pytest.fixture(scope="module")
def plane(server: Cloud) -> Iterator[DataPlane]:
    with closing(DataPlane(server.status())) as made:
        made.make_account()
        yield made


@pytest.fixture(scope="module")
def model(plane: DataPlane) -> Iterator[str]:
    with PackageHost().running() as packages:
        yield plane.register(packages.put("/model.zip", package()))


@pytest.fixture(scope="module")
def url(server: Cloud) -> str:
    return f"http://127.0.0.1:{server.settings.metrics_port}/metrics"


def labels(service: str) -> dict[str, str]:
    return {"resource_group": "group", "account": "account", "service": service}


def predicted(page: Page, service: str) -> dict[str, float]:
    """Predict calls by status."""
    return page.by("code", CALLS, **labels(service), method="Predict")


def until(url: str, holds: Callable[[Page], bool]) -> Page:
    """The page once it holds: calls are counted a moment after they were answered, say."""
    found: list[Page] = []

    def does() -> bool:
        found.append(metrics_page.read(url))
        return holds(found[-1])

    wait_until(does)
    return found[-1]


def test_calls_and_refused_keys_are_what_the_callers_counted(plane: DataPlane, model: str, url: str) -> None:
    authority = Authority()
    service = plane.deploy(model, "counted", **on(authority))
    key, _ = plane.keys(service["id"])
    told: Counter[str] = Counter()

    def call(message: bytes, authorization: str | None, timeout_s: float = 60) -> None:
        metadata = (("authorization", authorization),) if authorization is not None else ()
        method = opened.unary_unary(METHOD, bytes, bytes)
        try:
            method(message, timeout=timeout_s, metadata=metadata)
            told["OK"] += 1
        except grpc.RpcError as error:
            told[error.code().name] += 1

    with channel(endpoint(service), authority.root) as opened:
        for _ in range(7):
            call(PHOTO, key)
        for _ in range(3):
            call(b"\x0a\x02no", key)
        for _ in range(2):
            call(PHOTO, "wrong")
        call(PHOTO, None)
        method = opened.unary_unary(METHOD, bytes, bytes)
        many = [method.future(PHOTO, timeout=60, metadata=(("authorization", key),)) for _ in range(24)]
        for one in many:
            one.cancel()  # type: ignore[no-untyped-call]
        ended = Counter("CANCELLED" if one.cancelled() else "OK" for one in many)
        for one in [
            method.future(PHOTO, timeout=0.001, metadata=(("authorization", key),)) for _ in range(8)
        ]:
            with pytest.raises(grpc.RpcError, match="DEADLINE_EXCEEDED"):
                one.result(60)
    certain = {"INVALID_ARGUMENT": 3, "UNAUTHENTICATED": 3}
    assert told == certain | {"OK": 7}
    # of those that hung up at once, some have never been heard of
    page = until(url, lambda page: _at_rest(page, "counted"))
    codes = predicted(page, "counted")
    assert certain.items() <= codes.items()
    assert 7 <= codes["OK"] <= 7 + ended["OK"] + 24
    assert codes.get("CANCELLED", 0) + codes.get("DEADLINE_EXCEEDED", 0) <= 24 + 8
    assert sum(codes.values()) <= 7 + 3 + 3 + 24 + 8
    count = page.value("localcloud_scoring_call_duration_seconds_count", **labels("counted"))
    assert count == codes["OK"]
    refused = page.by("reason", "localcloud_scoring_keys_refused_total", **labels("counted"))
    assert refused == {"missing": 1, "many": 0, "wrong": 2, "not_compared": 0}
    received = page.value("localcloud_scoring_received_bytes_total", **labels("counted"))
    assert received >= 7 * len(PHOTO) + 3 * 4
    assert page.value("localcloud_scoring_sent_bytes_total", **labels("counted")) > 0


def _at_rest(page: Page, service: str) -> bool:
    return not any(page.by("stage", "localcloud_scoring_calls_in_progress", **labels(service)).values())


def test_what_was_deleted_has_no_series_and_begins_anew(plane: DataPlane, model: str, url: str) -> None:
    service = plane.deploy(model, "passing")
    with channel(endpoint(service)) as opened:
        for _ in range(5):
            opened.unary_unary(METHOD, bytes, bytes)(PHOTO, timeout=60)
    until(url, lambda page: predicted(page, "passing") == {"OK": 5})
    plane.finish(plane.call("DELETE", f"services/{service['id']}"))
    page = until(url, lambda page: not page.samples(CALLS, service="passing"))
    assert not [name for name in page.names() if page.samples(name, service="passing")]
    plane.deploy(model, "passing")
    page = until(url, lambda page: bool(page.samples(CALLS, service="passing")))
    assert predicted(page, "passing") == {"OK": 0}


def test_certificates_end_when_they_say(plane: DataPlane, model: str, url: str, server: Cloud) -> None:
    secured = on(Authority())
    plane.deploy(model, "secured", **secured)
    leaf = x509.load_pem_x509_certificate(secured["sslCertificate"].encode())
    page = metrics_page.read(url)
    told = page.value("localcloud_service_certificate_expiry_timestamp_seconds", **labels("secured"))
    assert told == leaf.not_valid_after_utc.timestamp()
    host, _, port = str(server.status().https).removeprefix("https://").rpartition(":")
    own = x509.load_pem_x509_certificate(ssl.get_server_certificate((host, int(port))).encode())
    told = page.value("localcloud_server_certificate_expiry_timestamp_seconds")
    assert told == own.not_valid_after_utc.timestamp()


def test_operations_and_their_queue(
    plane: DataPlane, model: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = metrics_page.read(url).by("state", "localcloud_operations", action="Create")
    with monkeypatch.context() as held:
        # nobody is handed what waits
        held.setattr(Worker, "_hand_out", lambda self: None)
        for name in ("waits1", "waits2"):
            body = {"computeType": "FPGA", "numReplicas": 1, "sslEnabled": False}
            body |= {"sslCertificate": "", "sslKey": "", "modelId": model, "name": name}
            accepted = plane.call("POST", "services", body)
            assert accepted.status_code == 202
        page = until(url, lambda page: page.value("localcloud_operation_queue_length") == 2)
        assert page.by("state", "localcloud_operations", action="Create")["NotStarted"] == 2
        until(url, lambda page: page.value("localcloud_operation_queue_oldest_age_seconds") > 0.5)
    plane.deploy(model, "wakes")
    page = until(url, lambda page: page.value("localcloud_operation_queue_length") == 0)
    assert page.value("localcloud_operation_queue_oldest_age_seconds") == 0
    after = page.by("state", "localcloud_operations", action="Create")
    assert after["Succeeded"] == before["Succeeded"] + 3
    assert page.by("state", "localcloud_services")["Succeeded"] >= 3


def test_requests_by_api_method_and_status(server: Cloud, url: str) -> None:
    name = "localcloud_http_requests_total"
    before = metrics_page.read(url).samples(name)
    with closing(ArmCaller(server)) as caller:
        assert caller("GET", f"{caller.subscription}/resourceGroups/nowhere").status_code == 404
        assert caller.sign_in(client_secret="wrong").status_code == 401
        assert caller("GET", caller.subscription, headers={"Authorization": None}).status_code == 401
        assert caller("GET", "/health", headers={"Authorization": None}).status_code == 200
        assert caller("BREW", "/made/up/path").status_code == 404
        assert caller("GET", "/oauth2/../subscriptions").status_code == 200
    expected = Counter(
        {
            ("sign-in", "200", "POST"): 1,
            ("sign-in", "401", "POST"): 1,
            ("resource-manager", "404", "GET"): 1,
            ("resource-manager", "401", "GET"): 1,
            ("resource-manager", "200", "GET"): 1,
            ("health", "200", "GET"): 1,
            ("other", "404", "other"): 1,
        }
    )

    def new(page: Page) -> dict[tuple[str, ...], float]:
        found = page.samples(name)
        grown = {key: value - before.get(key, 0) for key, value in found.items()}
        return {tuple(value for _, value in key): number for key, number in grown.items() if number}

    page = until(url, lambda page: sum(new(page).values()) >= expected.total())
    assert new(page) == expected


def test_bytes_of_blobs_by_storage_account(server: Cloud, url: str) -> None:
    with closing(ArmCaller(server)) as arm:
        group = f"{arm.subscription}/resourceGroups/blobs"
        arm("PUT", group, {"location": "eastus2"})
        arm("POST", f"{arm.subscription}/providers/Microsoft.Storage/register")
        account = f"{group}/providers/Microsoft.Storage/storageAccounts/measured"
        body = {"location": "eastus2", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
        assert arm("PUT", account, {**body, "properties": {}}, version="2024-01-01").status_code == 200
        until(url, lambda page: page.by("storage_account", "localcloud_blob_bytes") == {"measured": 0})
        keys = arm("POST", f"{account}/listKeys", version="2024-01-01").json()["keys"]
        with BlobServiceClient(
            f"{server.status().blob}/measured",
            credential=keys[0]["value"],
            connection_verify=str(server.status().ca),
        ) as client:
            container = client.create_container("content")
            container.upload_blob("one", b"x" * 1000)
            container.upload_blob("two", b"x" * 500_000)
            container.get_blob_client("one").create_snapshot()
            container.get_blob_client("three").stage_block("QUFB", b"x" * 77)
            until(
                url, lambda page: page.value("localcloud_blob_bytes", storage_account="measured") == 502_077
            )
            container.delete_blob("two")
            until(url, lambda page: page.value("localcloud_blob_bytes", storage_account="measured") == 2077)
        assert metrics_page.read(url).value("localcloud_blob_service_up") == 1
        arm("DELETE", group)
        until(url, lambda page: not page.samples("localcloud_blob_bytes"))


def test_build_files_and_process(url: str, told: Settings) -> None:
    page = metrics_page.read(url)
    version = here()
    build = {"version": str(version.number), "commit": version.commit or ""}
    assert page.value("localcloud_build_info", **build) == 1
    assert page.value("localcloud_database_size_bytes") >= (told.data / "localcloud.db").stat().st_size
    free = page.value("localcloud_data_folder_free_bytes")
    assert free == pytest.approx(psutil.disk_usage(str(told.data)).free, rel=0.2)
    assert page.value("process_start_time_seconds") == pytest.approx(psutil.Process().create_time(), abs=2)
    assert page.value("process_open_fds") > 10


def test_both_formats_tell_the_same(url: str) -> None:
    page, plain = metrics_page.read(url), metrics_page.read_plain(url)
    assert page.names() == plain.names()
    assert {name: one.type for name, one in page.families.items()} == {
        name: one.type for name, one in plain.families.items()
    }


def test_what_dashboard_and_alerts_ask_for_is_on_a_page(
    plane: DataPlane, model: str, url: str, server: Cloud
) -> None:
    plane.deploy(model, "asked", **on(Authority()))
    with closing(ArmCaller(server)) as arm:
        arm("POST", f"{arm.subscription}/providers/Microsoft.Storage/register")
        group = plane.account_id.partition("/providers/")[0]
        account = f"{group}/providers/Microsoft.Storage/storageAccounts/asked"
        body = {"location": "eastus2", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}, "properties": {}}
        assert arm("PUT", account, body, version="2024-01-01").status_code == 200
        told = metrics_page.read(url).names()
        assert arm("DELETE", account, version="2024-01-01").status_code == 200
    rules = yaml.safe_load((METRICS / "alerts.yml").read_text())["groups"][0]["rules"]
    panels = json.loads((METRICS / "dashboard.json").read_text())["panels"]
    expressions = [rule["expr"] for rule in rules]
    expressions += [target["expr"] for panel in panels for target in panel.get("targets", ())]
    asked = [one for expression in expressions for one in selectors(expression)]
    assert len(asked) > 40
    of_replicas = {metric.name for metric in table.OF_REPLICAS}  # test_edge_replicas.py has them
    for one in asked:
        if one.name in of_replicas:
            continue
        assert one.name == "up" or one.name in told
        assert set(one.matchers) <= told.get(one.name, set()) | OF_TARGETS
    assert {one.name for one in asked} >= {metric.name for metric in table.METRICS} - {table.DURATION.name}


def test_a_source_in_trouble_takes_no_other_along(
    url: str, server: Cloud, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    source = "localcloud_metrics_source_up"
    assert set(metrics_page.read(url).by("source", source).values()) == {1}

    def fail(*_: object) -> object:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as failing, caplog.at_level(logging.WARNING):
        failing.setattr("localcloud.metrics.rows.read", fail)
        page = until(url, lambda page: page.value(source, source="database") == 0)
        metrics_page.read(url)
    assert not page.samples(CALLS)
    assert page.value("localcloud_database_size_bytes") > 0
    said = [one for one in caplog.messages if one.startswith("the metrics of the database")]
    assert said == ["the metrics of the database cannot be read: OperationalError: disk I/O error"]
    until(url, lambda page: page.value(source, source="database") == 1)


@pytest.mark.parametrize(
    ("method", "path", "host", "status"),
    [
        ("GET", "/metrics", None, 200),
        ("HEAD", "/metrics", "localhost", 200),
        ("POST", "/metrics", None, 405),
        ("DELETE", "/metrics", None, 405),
        ("GET", "/", None, 404),
        ("GET", "/health", None, 404),
        ("GET", "/subscriptions", None, 404),
        # a name that a web page has lead here
        ("GET", "/metrics", "rebound.example", 400),
    ],
)
def test_it_serves_nothing_else(url: str, method: str, path: str, host: str | None, status: int) -> None:
    base = url.removesuffix("/metrics")
    headers = {} if host is None else {"Host": f"{host}:{base.rpartition(':')[2]}"}
    assert requests.request(method, base + path, headers=headers, timeout=30).status_code == status


def test_many_who_ask_cost_few_pages(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def slow(registry: CollectorRegistry) -> bytes:
        made.append(1)
        threading.Event().wait(0.2)  # as 500 services would take
        return generate_latest(registry)

    monkeypatch.setattr("localcloud.metrics.page.generate_latest", slow)
    monkeypatch.setattr("localcloud.metrics.page.SHARE", 0.1)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: requests.get(url, timeout=60).status_code, range(60)))
    assert answers == [200] * 60
    # all of them are answered sooner than one is made again: a tenth of the time is for that
    assert len(made) <= 3


def test_who_says_nothing_or_reads_nothing_locks_nobody_out(url: str) -> None:
    where = ("127.0.0.1", int(url.removesuffix("/metrics").rpartition(":")[2]))
    with ExitStack() as hostile:
        for number in range(3 * CONNECTIONS):
            one = hostile.enter_context(socket.create_connection(where, 10))
            if number % 2:
                one.sendall(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")
        for _ in range(3):
            assert requests.get(url, timeout=30).status_code == 200


def test_who_asks_much_and_reads_nothing_makes_room(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where = ("127.0.0.1", int(url.removesuffix("/metrics").rpartition(":")[2]))
    made: list[int] = []

    def large(_registry: CollectorRegistry) -> bytes:
        made.append(1)
        return b"x" * 20_000_000  # more than a kernel keeps for a connection

    monkeypatch.setattr("localcloud.metrics.page.generate_latest", large)
    monkeypatch.setattr("localcloud.metrics.page.SHARE", 1)  # each who asks has a page made
    # one that was made before serves its time, and is small
    wait_until(lambda: len(requests.get(url, timeout=60).content) == 20_000_000)
    made.clear()
    most_of_peer = CONNECTIONS * 3 // 4
    with ExitStack() as hostile:
        for _ in range(most_of_peer):
            one = hostile.enter_context(socket.create_connection(where, 10))
            one.sendall(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 5)
        # the first answer of each waits for its reader, the second for the first
        wait_until(lambda: len(made) >= 2 * most_of_peer)
        for _ in range(3):
            assert metrics_page.read(url).value("localcloud_blob_service_up") == 1


def test_who_reads_nothing_of_the_last_answer_is_cut(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    port = int(url.removesuffix("/metrics").rpartition(":")[2])
    monkeypatch.setattr(listener, "REQUEST_TIMEOUT_S", 0.5)
    monkeypatch.setattr("localcloud.metrics.page.generate_latest", lambda _registry: b"x" * 20_000_000)

    def open_here() -> int:
        return sum(
            one.status != "LISTEN" and one.fd != -1 and one.laddr.port == port
            for one in psutil.Process().net_connections("tcp")
        )

    wait_until(lambda: not open_here())
    with socket.create_connection(("127.0.0.1", port), 10) as one:
        one.sendall(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        wait_until(lambda: bool(open_here()))
        wait_until(lambda: not open_here(), timeout_s=20)


def test_it_is_off_unless_a_port_is_given(tmp_path: Path) -> None:
    with Cloud(settings(tmp_path / "data")) as cloud:
        assert cloud.settings.metrics_port is None
    code = "import sys, localcloud.server; print('prometheus_client' in sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout == "False\n"  # what is not asked for costs no memory


def test_a_port_that_is_taken_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = replace(settings(tmp_path / "data"), metrics_port=port)
        with pytest.raises(
            StartError, match=f"Port {port} on 127.0.0.1, the metrics port, is taken.*--metrics-port"
        ):
            Cloud(told).start()
        assert not (tmp_path / "data" / "localcloud.db").exists()


def test_killed_it_counts_from_nought(tmp_path: Path) -> None:
    with killable(tmp_path / "data") as running, PackageHost().running() as packages:
        running.stop()
        running.settings = replace(running.settings, metrics_port=free_port())
        running.start()
        url = f"http://127.0.0.1:{running.settings.metrics_port}/metrics"
        with closing(DataPlane(running.status)) as plane:
            plane.make_account()
            service = plane.deploy(plane.register(packages.put("/model.zip", package())), "survivor")

            def call() -> None:
                with channel(endpoint(service)) as opened:
                    opened.unary_unary(METHOD, bytes, bytes)(PHOTO, timeout=60)

            for _ in range(4):
                call()
            before = until(url, lambda page: predicted(page, "survivor") == {"OK": 4})
            running.kill()
            wait_until(lambda: not psutil.pid_exists(running.status.pid or 0))
            running.start()
            after = until(url, lambda page: bool(page.samples(CALLS)))
            assert predicted(after, "survivor") == {"OK": 0}
            call()
            until(url, lambda page: predicted(page, "survivor") == {"OK": 1})
        start = "process_start_time_seconds"
        assert after.value(start) > before.value(start)
        # what the database has is the same
        assert after.by("state", "localcloud_services") == before.by("state", "localcloud_services")
