"""A localcloud that other machines reach, where it was told so, and nowhere else."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from localcloud.scoring.addresses import AddressPool
from localcloud.server import Cloud
from localcloud.settings import Settings
from localcloud.status import Status
from tests.support.localcloud import data_plane, parts
from tests.support.localcloud.arm_caller import ArmCaller
from tests.support.localcloud.data_plane import DataPlane, PackageHost
from tests.support.localcloud.scoring_parts import package
from tests.support.machines import Machine, Network, needs_machines, network

pytestmark = needs_machines

NAME = "models.contoso.test"
SERVER = "10.77.0.1"
# a caller that knows the address, the CA and, for TLS, the name
CALL = """\
import json, socket, ssl, sys
address, port, ca, name = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
context = ssl.create_default_context(cafile=ca)
with context.wrap_socket(socket.create_connection((address, port), 10), server_hostname=name) as tls:
    tls.sendall(f"GET /metadata/endpoints?api-version=2022-09-01 HTTP/1.1\\r\\nHost: {name}:{port}\\r\\n"
                "Connection: close\\r\\n\\r\\n".encode())
    answer = b"".join(iter(lambda: tls.recv(65536), b""))
print(answer.partition(b"\\r\\n\\r\\n")[2].decode())
"""
CONNECT = """\
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 5).close()
except OSError as error:
    print(type(error).__name__)
else:
    print("connected")
"""
QUERY = """\
import dns.message, dns.query, sys
question = dns.message.make_query("nowhere.contoso.test", "A")
print(dns.query.udp(question, sys.argv[1], port=int(sys.argv[2]), timeout=10).rcode().name)
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
    """Another one."""
    return switch.machine("caller", "10.77.0.2")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The settings of a localcloud that the server's address reaches."""
    settings = data_plane.settings(tmp_path_factory.mktemp("public") / "data")
    return replace(
        settings, host=SERVER, name=NAME, public=True, scoring_network=f"{SERVER}/32", scoring_port=21000
    )


@pytest.fixture(scope="module")
def status(told: Settings) -> Iterator[Status]:
    with Cloud(told) as cloud, PackageHost().running() as packages:
        with closing(DataPlane(cloud.status())) as plane:
            plane.make_account()
            model = plane.register(packages.put("/model.zip", package()))
            plane.deploy(model, "first")
            plane.deploy(model, "second")
        yield cloud.status()


def port_of(address: str | None) -> str:
    return str(address).rpartition(":")[2]


def test_another_machine_reaches_it_by_address_and_by_name(machine: Machine, status: Status) -> None:
    for name in (SERVER, NAME):
        answer = machine.python(CALL, SERVER, port_of(status.https), str(status.ca), name)
        assert json.loads(answer)["resourceManager"].rstrip("/") == f"https://{name}:{port_of(status.https)}"


def test_its_name_server_answers_there(machine: Machine, status: Status) -> None:
    assert machine.python(QUERY, SERVER, port_of(status.dns)).strip() == "REFUSED"


def test_with_one_address_each_service_has_a_port(machine: Machine, status: Status) -> None:
    endpoints = {(one.address, one.port) for one in status.services}
    assert len(endpoints) == 2
    assert {address for address, _ in endpoints} == {SERVER}
    assert min(port or 0 for _, port in endpoints) >= 21000
    for address, port in endpoints:
        assert machine.python(CONNECT, str(address), str(port)).strip() == "connected"


def test_it_listens_there_alone(status: Status) -> None:
    ports = {int(port_of(status.https)), int(port_of(status.dns)), *(one.port for one in status.services)}
    found = {
        one.laddr.ip.removeprefix("::ffff:")
        for one in psutil.Process().net_connections("inet")
        if one.laddr and one.laddr.port in ports and (one.status == "LISTEN" or one.type == socket.SOCK_DGRAM)
    }
    assert found == {SERVER}


def test_one_that_was_not_told_so_is_out_of_reach(machine: Machine, tmp_path: Path) -> None:
    with Cloud(data_plane.settings(tmp_path / "data")) as cloud:
        port = port_of(cloud.status().https)
        assert machine.python(CONNECT, SERVER, port).strip() == "ConnectionRefusedError"


def test_links_are_of_the_name_that_the_caller_used(status: Status) -> None:
    named = f"{NAME}:{port_of(status.https)}"
    with closing(ArmCaller(status)) as arm:
        path = f"{arm.subscription}/providers/{data_plane.PROVIDER}/accounts"
        for host in (named, f"{SERVER}:{port_of(status.https)}"):
            (account,) = arm("GET", path, headers={"Host": host}).json()["value"]
            location = account["properties"]["modelManagementSwaggerLocation"]
            assert location.startswith(f"https://{host}/api/")


def test_containers_are_made_though_the_address_is_none_of_loopback(told: Settings, tmp_path: Path) -> None:
    """Of other addresses the blob service's library does not tell the account by the path."""
    settings = replace(parts.settings(tmp_path / "data"), host=SERVER, public=True)
    with Cloud(settings) as cloud, closing(ArmCaller(cloud)) as arm:
        group = f"{arm.subscription}/resourceGroups/group"
        storage = f"{group}/providers/Microsoft.Storage/storageAccounts/contoso"
        container = f"{storage}/blobServices/default/containers/models"
        arm("POST", f"{arm.subscription}/providers/Microsoft.Storage/register")
        arm("PUT", group, {"location": "eastus2"})
        made = arm(
            "PUT", storage, {"location": "eastus2", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
        )
        assert made.ok, made.text
        assert arm("PUT", container, {}).status_code == 201
        assert arm("GET", container).json()["name"] == "models"


def test_it_keeps_address_and_name_over_a_restart(told: Settings, machine: Machine, tmp_path: Path) -> None:
    settings = replace(told, data=tmp_path / "data", scoring_port=22000)
    with Cloud(settings) as cloud:
        first = cloud.status()
    with Cloud(settings) as cloud:
        again = cloud.status()
        answer = machine.python(CALL, SERVER, port_of(again.https), str(again.ca), NAME)
    assert (again.https, again.dns) == (first.https, first.dns)
    assert NAME in answer


def test_addresses_of_a_network_are_one_for_each_service() -> None:
    shared = AddressPool(f"{SERVER}/32", 21000)
    endpoint, following = shared.choose([(SERVER, 21000)], 0)
    assert (endpoint, following, shared.own_addresses) == ((SERVER, 21001), 2, False)
