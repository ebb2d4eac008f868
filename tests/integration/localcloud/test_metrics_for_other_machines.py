"""Metrics on an address that other machines reach: over TLS, and for principals that may read everything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from localcloud.access import administration
from localcloud.access.roles import READER
from localcloud.server import Cloud
from localcloud.settings import Settings
from tests.support.localcloud import data_plane
from tests.support.localcloud.data_plane import DataPlane
from tests.support.localcloud.metrics_page import free_port
from tests.support.machines import Machine, Network, needs_machines, network

pytestmark = needs_machines

NAME = "models.contoso.test"
SERVER = "10.77.0.1"
# As Prometheus goes about it, with the secret in a header (golang.org/x/oauth2).
SCRAPE = """\
import base64, http.client, json, ssl, sys, urllib.parse
address, port, https_port, ca, tenant, client, secret, scheme = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
told = {}

def ask(port, method, path, body=None, **headers):
    kind = http.client.HTTPSConnection if scheme == "https" or port != sys.argv[2] else None
    options = {"context": context} if kind else {}
    connection = (kind or http.client.HTTPConnection)(address, int(port), timeout=20, **options)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__, str(error)
    finally:
        connection.close()

authorization = {}
if client:
    path = f"/{tenant}/oauth2/v2.0/token"
    form = {"grant_type": "client_credentials", "scope": "https://management.azure.com/.default"}
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    basic = base64.b64encode(f"{client}:{secret}".encode()).decode()
    kind["Authorization"] = f"Basic {basic}"
    signed_in, answer = ask(https_port, "POST", path, urllib.parse.urlencode(form), **kind)
    told["signed_in"] = signed_in
    if signed_in == 200:
        authorization = {"Authorization": "Bearer " + json.loads(answer)["access_token"]}
status, text = ask(port, "GET", "/metrics", **authorization)
print(json.dumps(told | {"status": status, "text": text}))
"""


@pytest.fixture(scope="module")
def switch() -> Iterator[Network]:
    with network() as made:
        yield made


@pytest.fixture(scope="module", autouse=True)
def server(switch: Network) -> Iterator[Machine]:
    """The machine that these tests, and what they start, are on."""
    made = switch.machine("server", SERVER)
    with made.entered():
        yield made


@pytest.fixture(scope="module")
def machine(switch: Network) -> Machine:
    """The one that Prometheus is on."""
    return switch.machine("prometheus", "10.77.0.2")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    found = data_plane.settings(tmp_path_factory.mktemp("metrics") / "data")
    found = replace(found, host=SERVER, name=NAME, public=True)
    return replace(found, metrics_host=SERVER, metrics_port=free_port())


@pytest.fixture(scope="module")
def cloud(told: Settings, server: Machine) -> Iterator[Cloud]:
    with Cloud(told) as running, closing(DataPlane(running.status())) as plane:
        plane.make_account()
        yield running


@pytest.fixture
def client(cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[tuple[str, str, str]]:
    """Name, ID and secret of a reader, of the scope that a test asks for."""
    secrets: list[str] = []
    scope = getattr(request, "param", None)
    if scope is not None:
        scope = f"/subscriptions/{cloud.status().subscription}/resourceGroups/{scope}"
    added = administration.add(cloud.settings.data, "prometheus", [READER], scope, secrets.append)
    yield added.name, added.client_id, secrets[0]
    if any(one.principal.name == added.name for one in administration.listing(cloud.settings.data)):
        administration.remove(cloud.settings.data, added.name)


def scrape(
    machine: Machine, cloud: Cloud, client: tuple[str, str, str] = ("", "", ""), scheme: str = "https"
) -> dict[str, Any]:
    status, port = cloud.status(), cloud.settings.metrics_port
    https_port = str(status.https).rpartition(":")[2]
    arguments = [SERVER, str(port), https_port, str(status.ca), str(status.tenant), *client[1:], scheme]
    found: dict[str, Any] = json.loads(machine.python(SCRAPE, *arguments))
    return found


def test_a_reader_who_has_signed_in_reads_them(
    machine: Machine, cloud: Cloud, client: tuple[str, str, str]
) -> None:
    found = scrape(machine, cloud, client)
    assert (found["signed_in"], found["status"]) == (200, 200)
    assert "\nlocalcloud_build_info{" in found["text"]
    administration.remove(cloud.settings.data, client[0])
    gone = scrape(machine, cloud, client)
    assert (gone["signed_in"], gone["status"]) == (400, 401)  # Entra ID has 400 for who is not known


def test_without_a_token_nothing_is_told(machine: Machine, cloud: Cloud) -> None:
    found = scrape(machine, cloud)
    assert found["status"] == 401
    assert json.loads(found["text"])["error"]["code"] == "AuthenticationFailed"
    assert "localcloud_" not in found["text"]


@pytest.mark.parametrize("client", ["group"], indirect=True)
def test_a_reader_of_one_group_is_refused(
    machine: Machine, cloud: Cloud, client: tuple[str, str, str]
) -> None:
    found = scrape(machine, cloud, client)
    assert (found["signed_in"], found["status"]) == (200, 403)
    error = json.loads(found["text"])["error"]
    assert error["code"] == "AuthorizationFailed"
    assert error["message"] == (
        f"The client '{client[1]}' may not read metrics: that takes the role Reader of the whole "
        "subscription."
    )


def test_without_tls_nothing_is_told(machine: Machine, cloud: Cloud, client: tuple[str, str, str]) -> None:
    assert scrape(machine, cloud, client, scheme="http")["status"] in ("RemoteDisconnected", "BadStatusLine")


def test_it_listens_there_alone(cloud: Cloud) -> None:
    port = cloud.settings.metrics_port
    found = psutil.Process().net_connections("inet")
    assert {one.laddr.ip for one in found if one.status == "LISTEN" and one.laddr.port == port} == {SERVER}


def test_on_loopback_another_machine_finds_nothing(machine: Machine, cloud: Cloud, tmp_path: Path) -> None:
    told = replace(cloud.settings, data=tmp_path / "data", metrics_host="127.0.0.1", metrics_port=free_port())
    with Cloud(told) as here:
        assert scrape(machine, here)["status"] == "ConnectionRefusedError"
