"""A cluster of two machines with replicas: who gets in, and what outlives its head."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.cluster import issuing, node_folder
from localcloud.cluster.credentials import Credentials
from tests.support.cluster import Cluster, Node, cluster, command, with_ray
from tests.support.cluster.knocking import METHODS
from tests.support.machines import Machine, needs_machines
from tests.support.waiting import wait_until

pytestmark = needs_machines
ASKS = """
import sys, grpc
from pathlib import Path
files = ("ca.crt", "tls.key", "tls.crt", "token")
ca, key, certificate, token = ((Path(sys.argv[2]) / one).read_bytes() for one in files)
channel = grpc.secure_channel(sys.argv[1], grpc.ssl_channel_credentials(ca, key, certificate))
shown = (("authorization", "Bearer " + token.decode().strip()),)
print(len(channel.unary_unary(sys.argv[3])(b"", metadata=shown, timeout=30)))
"""
REPLICA, HEALTH = "ServeReplica", "/grpc.health.v1.Health/Check"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A head and a node, with room for two replicas each, and three there."""
    with cluster(tmp_path_factory.mktemp("cluster"), replicas=2) as found:
        found.node("one", replicas=2)
        deploy(found, 3)
        yield found


@pytest.fixture(scope="module")
def stranger(made: Cluster) -> Machine:
    return made.stranger("stranger")


@pytest.fixture(scope="module")
def others(made: Cluster, stranger: Machine) -> Credentials:
    """A machine's files of another cluster, for the stranger's address."""
    (found,) = issuing.make(made.folder / "others", [stranger.address])
    return found.credentials


def node(made: Cluster) -> Node:
    return made.nodes[1]


def deploy(made: Cluster, replicas: int) -> list[str]:
    """Has so many replicas be there: the addresses of their machines."""
    script = ("-m", "tests.support.cluster.small", made.address.target, made.head.address, str(replicas))
    found: list[str] = json.loads(made.head.run(made.head.python, *script).stdout)
    return found


def listening(one: Node) -> list[tuple[str, int]]:
    """The ports of a machine that others reach, each with the machine's address."""
    lines = one.machine.run("ss", "-ltnH").stdout.splitlines()
    found = {tuple(line.split()[3].rsplit(":", 1)) for line in lines}
    return sorted((one.address, int(port)) for address, port in found if "127.0.0.1" not in address)


def test_no_port_of_any_machine_answers_who_has_no_certificate_and_token(
    made: Cluster, stranger: Machine, others: Credentials
) -> None:
    ports = [port for one in made.nodes for port in listening(one)]
    own = node(made).credentials
    knock = ("-m", "tests.support.cluster.knocking", json.dumps(ports), str(own.ca_file))
    folders = (str(others.tls_folder), str(own.tls_folder))
    told = json.loads(stranger.run(sys.executable, *knock, *folders, timeout_s=120).stdout)
    assert len(told) == len(ports) > 10

    # without a certificate of the cluster's CA nothing is even asked
    for target, answers in told.items():
        for way in ("plain", "without certificate", "another CA"):
            assert {answers[f"{way} {method}"] for method in METHODS} == {"UNAVAILABLE"}, target
        pages = {answer for way, answer in answers.items() if way.startswith("HTTP")}
        assert pages in ({"no answer"}, {"401"}), target

    # with one, and without the token, no method does anything, but the one that tells that a server is there
    by_method = {
        method: {answers[f"own, without token {method}"] for answers in told.values()} for method in METHODS
    }
    assert by_method.pop(HEALTH) <= {"OK", "UNIMPLEMENTED", "UNAVAILABLE"}
    for method, answers in by_method.items():
        assert answers <= {"UNAUTHENTICATED", "UNIMPLEMENTED", "UNAVAILABLE"}, method
    # each kind of server was met by a method that it has
    for service in ("NodeInfoGcs", "NodeManager", "ObjectManager", "CoreWorker", "ASGI"):
        assert any("UNAUTHENTICATED" in answers for method, answers in by_method.items() if service in method)


def test_the_same_methods_answer_who_has_both(made: Cluster) -> None:
    """Has what is refused above be there to be had."""
    told = node(made).machine.python(
        ASKS, made.address.target, str(node(made).credentials.tls_folder), METHODS[0]
    )
    assert int(told) > 100


def test_nobody_joins_without_the_token_or_with_a_certificate_of_another_ca(
    made: Cluster, stranger: Machine, others: Credentials, tmp_path: Path
) -> None:
    issued = {one.address: one.credentials for one in issuing.make(made.credentials, [stranger.address])}
    right = issued[stranger.address]
    wrong_token = Credentials(others.token_file, right.tls_folder)
    wrong_ca = Credentials(right.token_file, tmp_path / "mixed")
    shutil.copytree(others.tls_folder, wrong_ca.tls_folder)
    shutil.copy(right.ca_file, wrong_ca.ca_file)

    def refused(files: Credentials) -> str:
        join = ("cloud", "join", made.address.target, "--data", tmp_path / "data")
        options = ("--ray-tls", files.tls_folder, "--ray-token", files.token_file)
        told = stranger.run(*(made.head.python, "-EPXutf8", "-m", "fpga.cli", *join, *options), code=1)
        return told.stderr

    assert "does not take the token of --ray-token" in refused(wrong_token)
    assert "is not of the CA in" in refused(others)
    assert "tls.crt is of another CA than" in refused(wrong_ca)
    assert not (tmp_path / "data").exists()

    # nor does Ray let in who asks it in our command's stead
    start = (*command(), "start", f"--address={made.address.target}", f"--node-ip-address={stranger.address}")
    tries = [
        subprocess.Popen(
            stranger.command("timeout", "15", *start, f"--temp-dir={tmp_path / str(number)}"),
            env=with_ray(dict(os.environ) | files.environment()),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for number, files in enumerate((wrong_token, wrong_ca))
    ]
    assert all(one.wait(60) != 0 for one in tries)
    assert sorted(made.alive()) == [one.address for one in made.nodes]


def test_replicas_outlive_the_head_which_comes_back_as_the_same(made: Cluster) -> None:
    before = set(node(made).workers(REPLICA))
    assert before
    made.head.power_off()
    made.head.start()
    made.wait_for_nodes(2)
    assert len(deploy(made, 3)) == 3
    assert before <= set(node(made).workers(REPLICA))


def test_what_dies_on_a_machine_is_started_again_and_nothing_outlives_its_keeper(made: Cluster) -> None:
    one = node(made)
    again = one.fpga(
        "cloud", "join", made.address.target, "--data", one.folder, "--ray-tls", one.credentials.tls_folder
    )
    assert again.stdout == f"This machine, {one.address}, is joined to {made.address.target} already.\n"
    before = raylets(one)
    one.kill_raylet()
    wait_until(lambda: bool(raylets(one) - before))
    keeper = node_folder.holder(one.folder)
    assert keeper is not None
    os.kill(keeper, signal.SIGKILL)
    wait_until(lambda: one.processes() == [])
    one.start()


def test_a_machine_leaves_once_its_replicas_are_elsewhere_and_nothing_stays(made: Cluster) -> None:
    told = made.head.fpga("cloud", "leave", "--data", made.head.folder, code=1).stderr
    one = node(made)
    assert f"This machine is the head, and others are of its cluster: {one.address}." in told
    one.leave()
    assert one.processes() == []
    assert not node_folder.temporary(one.folder).exists()
    assert deploy(made, 3) == [made.head.address] * 3
    left = one.fpga("cloud", "leave", "--data", one.folder)
    assert left.stdout == f"This machine is of no cluster, by {one.folder}.\n"


def raylets(one: Node) -> set[int]:
    return {pid for pid, line in one.processes() if line[0].endswith("/raylet")}
