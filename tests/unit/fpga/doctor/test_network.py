"""What a machine's network is told of, by each thing that can be wrong with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fpga.doctor.checks import network
from fpga.doctor.checks.network import Name, Port
from fpga.doctor.finding import Standing
from fpga.doctor.measures import network as measures
from fpga.project import Project

DATA = Path("/srv/checkout/.local/cloud")
NAME = Name("fpga.contoso.test", [], "127.0.0.1:20053", ["127.80.0.1"], "", ["127.80.0.1", "127.80.0.2"])


def test_what_is_right_is_fine() -> None:
    found = [
        *network.loopback({"127.0.0.1": "", "127.80.0.1": ""}, "linux"),
        *network.localhost(["127.0.0.1", "::1"]),
        *network.ports([Port(DATA, "https", "127.0.0.1", 20443)]),
        *network.ports([]),
        *network.names([]),
        *network.names([NAME]),
        *network.names([replace(NAME, server=None, answers=[], addresses=[], hosts=["127.80.0.1"])]),
    ]
    assert {one.standing for one in found} == {Standing.FINE}


def test_loopback_that_is_down_or_has_one_address() -> None:
    (down,) = network.loopback({"127.0.0.1": "this machine has no address", "127.80.0.1": "x"}, "linux")
    assert down.standing is Standing.ERROR
    assert "ip link set lo up" in down.remedy
    (alone,) = network.loopback({"127.0.0.1": "", "127.80.0.1": "no address"}, "darwin")
    assert alone.standing is Standing.WARNING
    assert "services share 127.0.0.1, and differ by port" in alone.told
    assert "sudo ifconfig lo0 alias 127.80.0.1 up" in alone.remedy


def test_a_localhost_that_is_elsewhere_or_nowhere() -> None:
    (elsewhere,) = network.localhost(["192.0.2.1"])
    assert elsewhere.standing is Standing.ERROR
    assert "192.0.2.1, which is not this machine's loopback" in elsewhere.told
    (nowhere,) = network.localhost([])
    assert nowhere.standing is Standing.WARNING


def test_a_port_that_another_process_has() -> None:
    (found,) = network.ports(
        [Port(DATA, "dns", "127.0.0.1", 20053, "is taken by another process: stop that")]
    )
    assert found.standing is Standing.ERROR
    assert found.told == f"port 20053 on 127.0.0.1 (dns of {DATA}) is taken by another process: stop that"
    assert "--dns-port PORT" in found.remedy


def test_a_name_that_leads_elsewhere() -> None:
    (hosts,) = network.names([replace(NAME, hosts=["127.80.9.9"])])
    assert hosts.standing is Standing.ERROR
    assert hosts.told == "/etc/hosts has fpga.contoso.test at 127.80.9.9, where no service is"
    (record,) = network.names([replace(NAME, answers=["127.80.9.9"])])
    assert record.standing is Standing.ERROR
    assert record.told.startswith("the name server 127.0.0.1:20053 has fpga.contoso.test at 127.80.9.9")
    (silent,) = network.names([replace(NAME, answers=[], trouble="The name does not exist.")])
    assert silent.standing is Standing.WARNING
    assert silent.told.endswith("does not tell fpga.contoso.test: The name does not exist.")


def test_each_service_s_name_is_looked_at() -> None:
    other = replace(NAME, name="dogs.contoso.test", answers=["127.80.9.9"])
    (found,) = network.names([NAME, other])
    assert found.told.startswith("the name server 127.0.0.1:20053 has dogs.contoso.test at 127.80.9.9")
    (fine,) = network.names([NAME, replace(NAME, name="dogs.contoso.test")])
    assert [line.partition(":")[0] for line in fine.told.splitlines()] == [NAME.name, "dogs.contoso.test"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("config:\n  fpga-web-service:fqdn: a.test\n", ["a.test"]),
        (
            "config:\n  fpga-web-service:fqdn: a.test\n  fpga-web-service:services:\n"
            "    - name: cats\n    - name: dogs\n      fqdn: dogs.test\n",
            ["a.test", "dogs.test"],
        ),
        ("config:\n  fpga-web-service:fqdn: [a]\n", []),
        ("config: 1\n", []),
        ("", []),
        ("[", []),
    ],
)
def test_the_names_are_those_of_the_stack_s_file(tmp_path: Path, text: str, names: list[str]) -> None:
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "Pulumi.local.yaml").write_text(text)
    measured = measures.names(Project(tmp_path, tmp_path / ".local"), None)
    assert [one.name for one in measured] == names
