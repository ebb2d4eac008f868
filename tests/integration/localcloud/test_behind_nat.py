"""A localcloud behind NAT: callers are told the outer addresses, by everything that tells them any."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from fpga.cloud import connection
from localcloud import control
from localcloud.settings import Settings
from localcloud.status import Status
from tests.support.localcloud import parts
from tests.support.localcloud.scoring_parts import package
from tests.support.machines import Machine, Network, needs_machines, network
from tests.support.nat import Place, translating

pytestmark = needs_machines

SERVER, INNER = "10.77.2.1", ("10.77.2.2", "10.77.2.3")
OUTER, POOL = "10.88.2.5", ("10.88.2.6", "10.88.2.7")
# A caller outside, who has what a localcloud tells, and a package: what it is told in turn.
CALLER = """\
import json, socket, sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
import dns.message, dns.query, requests
from azure.storage.blob import BlobSasPermissions, BlobServiceClient, generate_blob_sas
from localcloud.status import Status
from tests.support.localcloud.arm_caller import ArmCaller
from tests.support.localcloud.data_plane import DataPlane, endpoint, opens

status, package, inner = Status.from_json(json.loads(sys.argv[1])), Path(sys.argv[2]), sys.argv[3]
told = {}
try:
    socket.create_connection((inner, 443), 2)
except OSError as error:
    told["inner"] = type(error).__name__
with closing(DataPlane(status)) as plane, closing(ArmCaller(status)) as arm:
    plane.make_account()
    told["account"] = arm("GET", plane.account_id, version="2017-09-01-preview").json()
    told["metadata"] = arm("GET", "/metadata/endpoints", version="2022-09-01").json()
    configuration = f"/{status.tenant}/v2.0/.well-known/openid-configuration"
    told["sign-in"] = arm("GET", configuration, version=None).json()
    group = plane.account_id.partition("/providers/")[0]
    path = f"{group}/providers/Microsoft.Storage/storageAccounts/stnat"
    body = {"location": "eastus2", "sku": {"name": "Standard_LRS"}, "kind": "StorageV2"}
    account = arm("PUT", path, body).json()
    told["storage"] = account["properties"]["primaryEndpoints"]["blob"]
    key = arm("POST", f"{path}/listKeys").json()["keys"][0]["value"]
    arm("PUT", f"{path}/blobServices/default/containers/models", {})
    until = datetime.now(UTC) + timedelta(hours=1)
    signed = {"account_name": "stnat", "account_key": key}
    verified = {"connection_verify": str(status.ca)}
    with BlobServiceClient(told["storage"].rstrip("/"), credential=signed, **verified) as client:
        client.get_blob_client("models", "m.zip").upload_blob(package.read_bytes())
    signature = generate_blob_sas("stnat", "models", "m.zip", account_key=key,
                                  permission=BlobSasPermissions(read=True), expiry=until)
    model = plane.register(f"{told['storage']}models/m.zip?{signature}")
    told["services"] = [plane.deploy(model, name) for name in ("first", "second")]
    found = Status.from_json(arm("GET", "/health", version=None).json()).services
    told["http"] = sorted([one.address, one.http_port] for one in found)
    web = requests.Session()
    web.trust_env = False
    urls = [f"http://{one.address}:{one.http_port}/v1/models/model" for one in found]
    told["by HTTP"] = [web.get(url, timeout=30).status_code for url in urls]
    told["scored"] = [opens(endpoint(one), None, None) for one in told["services"]]
host, _, port = status.dns.rpartition(":")
question = dns.message.make_query("nowhere.contoso.test", "A")
answers = [ask(question, host, port=int(port), timeout=10) for ask in (dns.query.udp, dns.query.tcp)]
told["dns"] = [answer.rcode().name for answer in answers]
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def switch() -> Iterator[Network]:
    with network() as made:
        yield made


@pytest.fixture(scope="module", autouse=True)
def server(switch: Network) -> Iterator[Machine]:
    """The machine that these tests, and what they start, are on: it knows no way to the outer addresses."""
    made = switch.machine("server", SERVER, *INNER)
    with made.entered():
        yield made


@pytest.fixture(scope="module")
def caller(switch: Network) -> Machine:
    """A machine outside: it knows no way to the inner addresses."""
    return switch.machine("caller", "10.88.2.9")


@pytest.fixture(scope="module")
def gate(switch: Network) -> Machine:
    """The machine of the outer addresses."""
    return switch.machine("gate", OUTER, *POOL, "10.77.2.254")


def said(data: Path) -> Settings:
    return replace(
        parts.settings(data),
        public=True,
        host=SERVER,
        https_port=8443,
        dns_port=5300,
        blob_port=8444,
        advertise_host=OUTER,
        advertise_https_port=443,
        advertise_dns_port=53,
        advertise_blob_port=444,
        scoring_network=f"{INNER[0]}-{INNER[1]}",
        package_hosts=(),
    )


LISTENERS: dict[Place, Place] = {
    (OUTER, 443): (SERVER, 8443),
    (OUTER, 53): (SERVER, 5300),
    (OUTER, 444): (SERVER, 8444),
}


def call(caller: Machine, status: Status, tmp_path: Path) -> dict[str, Any]:
    file = tmp_path / "model.zip"
    file.write_bytes(package())
    told: dict[str, Any] = json.loads(
        caller.python(CALLER, json.dumps(status.to_json()), str(file), SERVER, timeout_s=120)
    )
    return told


@pytest.mark.parametrize(
    ("outer", "places", "web"),
    [
        pytest.param(
            {"advertise_scoring": f"{POOL[0]}, {POOL[1]}", "advertise_scoring_port": 443}
            | {"advertise_scoring_http_port": 80},
            {(POOL[0], 443): (INNER[0], 50051), (POOL[1], 443): (INNER[1], 50051)},
            {(POOL[0], 80): (INNER[0], 8501), (POOL[1], 80): (INNER[1], 8501)},
            id="an-address-for-each",
        ),
        pytest.param(
            {"advertise_scoring": OUTER, "advertise_scoring_port": 20000}
            | {"advertise_scoring_http_port": 30000},
            {(OUTER, 20000): (INNER[0], 50051), (OUTER, 20001): (INNER[1], 50051)},
            {(OUTER, 30000): (INNER[0], 8501), (OUTER, 30001): (INNER[1], 8501)},
            id="one-address-and-its-ports",
        ),
        pytest.param(
            {"scoring_network": SERVER, "scoring_port": 21000, "scoring_last_port": 21001}
            | {"advertise_scoring": OUTER, "advertise_scoring_port": 20000}
            | {"advertise_scoring_http_port": 30000},
            {(OUTER, 20000): (SERVER, 21000), (OUTER, 20001): (SERVER, 21001)},
            {(OUTER, 30000): (SERVER, 8501), (OUTER, 30001): (SERVER, 8502)},
            id="ports-for-ports",
        ),
        pytest.param(
            {"host": "0.0.0.0", "advertise_scoring": OUTER, "advertise_scoring_port": 20000},  # noqa: S104
            {(OUTER, 20000): (INNER[0], 50051), (OUTER, 20001): (INNER[1], 50051)},
            {(OUTER, 8501): (INNER[0], 8501), (OUTER, 8502): (INNER[1], 8501)},
            id="every-address",
        ),
    ],
)
def test_a_caller_outside_is_told_and_reaches_all_of_it(
    caller: Machine,
    gate: Machine,
    tmp_path: Path,
    outer: dict[str, Any],
    places: dict[Place, Place],
    web: dict[Place, Place],
) -> None:
    """`places` and `web`: where callers find each service, by gRPC and by HTTP, and where it listens."""
    services = set(places)
    settings = replace(said(tmp_path / "data"), **outer)
    status = control.start(settings)
    try:
        assert (status.https, status.dns) == (f"https://{OUTER}:443", f"{OUTER}:53")
        assert connection.settings(status)[connection.NAME_SERVERS] == f"{OUTER}:53"
        with translating(gate, LISTENERS | places | web):
            told = call(caller, status, tmp_path)
        after = control.status(settings.data)
    finally:
        control.stop(settings.data)
    assert told["inner"] in ("OSError", "TimeoutError"), "no way leads past the gate"
    assert told["metadata"]["resourceManager"].rstrip("/") == f"https://{OUTER}:443"
    assert urlsplit(told["sign-in"]["token_endpoint"]).netloc == f"{OUTER}:443"
    swagger = told["account"]["properties"]["modelManagementSwaggerLocation"]
    assert urlsplit(swagger).netloc == f"{OUTER}:443"
    assert told["storage"] == f"https://{OUTER}:444/stnat/"
    assert {(one["ipAddress"], one["port"]) for one in told["services"]} == services
    assert told["scored"] == [True, True]
    assert told["http"] == sorted([host, port] for host, port in web)
    assert told["by HTTP"] == [200, 200]
    assert told["dns"] == ["REFUSED", "REFUSED"]
    assert {(one.address, one.port) for one in after.services} == services
    assert {one.listens for one in after.services} == {f"{host}:{port}" for host, port in places.values()}
    stopped = control.status(settings.data)
    assert (stopped.https, stopped.dns, stopped.blob) == (status.https, status.dns, status.blob)
