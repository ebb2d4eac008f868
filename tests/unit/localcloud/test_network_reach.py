"""Where a localcloud may listen, and what callers may be told: refused by the names that somebody wrote."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from localcloud import binding, ports
from localcloud.errors import StartError
from localcloud.network import listeners
from localcloud.ports import Ports
from localcloud.scoring.addresses import AddressPool, Endpoint
from localcloud.settings import Settings, check

EVERY = "0.0.0.0"  # noqa: S104
GOOD = Settings(Path("/nonexistent/data"), Path("/nonexistent/featurizers"))


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of 10.0.0.1 to 10.0.0.9."""
    monkeypatch.setattr(binding, "has_address", lambda address: address.startswith(("10.0.0.", "127.")))


def refused(**changed: Any) -> str:
    with pytest.raises(StartError) as refusal:
        check(replace(GOOD, **changed))
    return str(refusal.value)


@pytest.mark.parametrize(
    "changed",
    [
        {"https_host": "127.0.0.2", "dns_host": "127.0.0.3", "blob_host": "127.0.0.4"},
        {"public": True, "host": "10.0.0.5", "https_port": 443, "dns_port": 53},
        {"public": True, "https_host": "10.0.0.5", "https_port": 443, "dns_port": 443},
        {"public": True, "host": EVERY, "advertise_host": "models.contoso.com"},
        {"public": True, "dns_host": EVERY, "advertise_dns_host": "203.0.113.5", "dns_port": 53},
        {
            "public": True,
            "scoring_network": "10.0.0.1-10.0.0.4",
            "advertise_scoring": "203.0.113.1-203.0.113.4",
        },
        {"public": True, "scoring_network": "10.0.0.1-10.0.0.4", "advertise_scoring": "203.0.113.1"},
        {"public": True, "scoring_network": "10.0.0.1, 10.0.0.3", "advertise_scoring": "203.0.113.0/30"},
        {"public": True, "scoring_network": "10.0.0.1", "scoring_port": 20000, "scoring_last_port": 20009},
        {"scoring_network": "127.0.0.1", "scoring_port": 20000, "scoring_last_port": 20000},
        {"advertise_scoring_port": 443, "advertise_scoring_http_port": 80},
        {"advertise_host": "models.contoso.com", "https_port": 8443, "advertise_scoring_http_port": 8443},
        {"advertise_scoring": "203.0.113.1", "advertise_scoring_port": 2},
        {"host": "127.0.0.1", "advertise_host": "203.0.113.5", "advertise_https_port": 443},
        # a service's port is a listener's on another address
        {
            "public": True,
            "host": "10.0.0.5",
            "https_port": 443,
            "scoring_network": "10.0.0.6",
            "scoring_port": 443,
        },
        {"metrics_port": 9464},
        {"metrics_host": "127.0.0.9", "metrics_port": 9464},
        {"public": True, "metrics_host": "10.0.0.5", "metrics_port": 443},
        {"public": True, "metrics_host": EVERY, "metrics_port": 9464},
        {"public": True, "host": "10.0.0.5", "https_port": 443, "metrics_port": 443},
        # of before: services pass over what is taken
        {
            "public": True,
            "host": "10.0.0.5",
            "https_port": 20443,
            "scoring_network": "10.0.0.5",
            "scoring_port": 20000,
        },
    ],
)
def test_taken(changed: dict[str, Any]) -> None:
    check(replace(GOOD, **changed))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"https_host": EVERY}, "--https-host 0.0.0.0 is every address of this machine: name the one that"),
        (
            {"dns_host": EVERY, "public": True},
            "--dns-host 0.0.0.0 is every address of this machine, and none",
        ),
        ({"blob_host": "10.0.0.5"}, "--blob-host 10.0.0.5 is not loopback: other machines would reach it."),
        (
            {"host": "::", "public": True},
            "--host :: is not an IPv4 address, and localcloud listens on IPv4 alone",
        ),
        ({"host": "::ffff:10.0.0.5"}, "--host ::ffff:10.0.0.5 is not an IPv4 address"),
        ({"dns_host": "192.0.2.1", "public": True}, "--dns-host 192.0.2.1: 192.0.2.1 is no address of this"),
        (
            {"scoring_network": EVERY, "public": True, "advertise_scoring": "203.0.113.5"},
            "--scoring-network 0.0.0.0 is every address of this machine, of IPv6, too",
        ),
        ({"scoring_network": "127.0.0.5, 10.0.0.1"}, "--scoring-network 127.0.0.5, 10.0.0.1 is not loopback"),
        (
            {"scoring_network": "10.0.0.250-10.0.1.1", "public": True},
            "--scoring-network 10.0.0.250-10.0.1.1: 10.0.1.0 is no address of this machine",
        ),
        ({"scoring_last_port": 50060}, "--scoring-last-port 50060 is for one address"),
        (
            {"scoring_network": "127.0.0.1", "scoring_last_port": 50050},
            "--scoring-last-port 50050 is below the first port, 50051",
        ),
        (
            {"scoring_network": "127.0.0.1", "scoring_port": 1, "scoring_last_port": 10001},
            "--scoring-last-port 10001 makes more than 10000 ports",
        ),
        (
            {"scoring_network": "127.0.0.0/29", "advertise_scoring": "203.0.113.1-203.0.113.5"},
            "--advertise-scoring 203.0.113.1-203.0.113.5 has 5 addresses, and --scoring-network has 6",
        ),
        (
            {"advertise_scoring": "203.0.113.1", "advertise_scoring_port": 3},
            "--advertise-scoring 203.0.113.1 has too few ports for 65534 services from 3 on",
        ),
        ({"advertise_scoring": "x.contoso.com"}, "--advertise-scoring x.contoso.com is no network"),
        ({"advertise_host": EVERY}, "--advertise-host 0.0.0.0 is no address that callers could call"),
        ({"advertise_host": "10.0.0.256"}, "--advertise-host 10.0.0.256 is no IPv4 address"),
        ({"advertise_host": "fd00::1"}, "--advertise-host fd00::1 is neither an IPv4 address nor a DNS name"),
        (
            {"scoring_http_port": 50051},
            "--scoring-http-port 50051 gives services ports of --scoring-port again: change it.",
        ),
        (
            {"scoring_network": "127.0.0.1", "scoring_http_port": 8443, "https_port": 8443},
            "--scoring-http-port 8443 gives services the port that --https-port 8443 has: change it.",
        ),
        ({"scoring_http_port": 65536}, "--scoring-http-port 65536 is no port"),
        (
            {"scoring_http_port": 0, "advertise_scoring_http_port": 443},
            "--advertise-scoring-http-port 443 is told of what answers nowhere: give --scoring-http-port a",
        ),
        (
            {"scoring_network": "127.0.0.0/29", "advertise_scoring": "203.0.113.1"}
            | {"advertise_scoring_http_port": 65535},
            "--advertise-scoring 203.0.113.1 has too few ports for 6 services from 65535 on",
        ),
        (
            {"scoring_network": "127.0.0.0/29", "advertise_scoring": "203.0.113.1"}
            | {"advertise_scoring_port": 20000, "advertise_scoring_http_port": 20005},
            "--advertise-scoring-http-port 20005 tells callers ports of --advertise-scoring-port again",
        ),
        (
            {"scoring_network": "127.0.0.1", "scoring_port": 20000, "scoring_last_port": 20009}
            | {"advertise_scoring_http_port": 19991},
            "--advertise-scoring-http-port 19991 tells callers ports of --advertise-scoring-port again",
        ),
        (
            {"scoring_network": "127.0.0.0/29", "advertise_scoring": "203.0.113.1"}
            | {"advertise_host": "203.0.113.1", "https_port": 8443, "advertise_scoring_http_port": 8440},
            "--advertise-scoring-http-port 8440 tells callers the port that --advertise-https-port has",
        ),
        (
            {"https_port": 443, "blob_port": 443},
            "--https-port 443 and --blob-port 443 are one port of one address: give two",
        ),
        (
            {"host": EVERY, "public": True, "advertise_host": "a.test", "dns_host": "10.0.0.5"}
            | {"https_port": 53, "dns_port": 53, "advertise_dns_host": "b.test"},
            "--https-port 53 and --dns-port 53 are one port of one address",
        ),
        (
            {"public": True, "host": "10.0.0.5", "https_port": 20009, "scoring_network": "10.0.0.5"}
            | {"scoring_port": 20000, "scoring_last_port": 20009},
            "--https-port 20009 is a port that services get on that address",
        ),
        (
            {"https_port": 8443, "blob_port": 8444, "advertise_https_port": 443, "advertise_blob_port": 443},
            "Callers would be told 127.0.0.1:443 for two listeners: change --advertise-https-port or",
        ),
        (
            {"metrics_host": "10.0.0.5", "metrics_port": 9464},
            "--metrics-host 10.0.0.5 is not loopback: other machines would reach it. Give --public, too",
        ),
        (
            {"metrics_host": EVERY, "metrics_port": 9464},
            "--metrics-host 0.0.0.0 is every address of this machine: name the one that",
        ),
        (
            {"public": True, "metrics_host": "192.0.2.1", "metrics_port": 9464},
            "--metrics-host 192.0.2.1: 192.0.2.1 is no address of this machine",
        ),
        ({"metrics_host": "localhost", "metrics_port": 9464}, "--metrics-host localhost is not an IPv4"),
        (
            {"metrics_host": "127.0.0.9"},
            "--metrics-host 127.0.0.9 is where nothing would listen: give --metr",
        ),
        ({"metrics_port": 0}, "--metrics-port 0 is no port: give 1 to 65535"),
        ({"https_port": 443, "metrics_port": 443}, "--https-port 443 and --metrics-port 443 are one port of"),
        (
            {"public": True, "metrics_host": "10.0.0.5", "metrics_port": 20009, "scoring_network": "10.0.0.5"}
            | {"scoring_port": 20000, "scoring_last_port": 20009},
            "--metrics-port 20009 is a port that services get on that address",
        ),
    ],
)
def test_refused(changed: dict[str, Any], message: str) -> None:
    assert refused(**changed).startswith(message)


def test_all_is_refused_together() -> None:
    assert refused(https_host=EVERY, dns_port=70000, scoring_network="x").splitlines()[0] == (
        "3 settings cannot be used:"
    )


def test_what_is_reachable_from_where_is_told() -> None:
    settings = replace(
        GOOD,
        public=True,
        https_host="10.0.0.5",
        advertise_host="models.contoso.com",
        advertise_https_port=443,
        dns_host=EVERY,
        advertise_dns_host="203.0.113.5",
        scoring_network="10.0.0.6",
        scoring_port=20000,
        scoring_last_port=20009,
        advertise_scoring="203.0.113.6",
    )
    check(settings)
    found = listeners.of(settings)
    assert [(one.name, one.host, one.told_host) for one in found] == [
        ("https", "10.0.0.5", "models.contoso.com"),
        ("dns", EVERY, "203.0.113.5"),
        ("blob", "127.0.0.1", "models.contoso.com"),
    ]
    told = {"https": "models.contoso.com:443", "dns": "203.0.113.5:53"}
    resolved = Ports("10.0.0.5", 8443, 53, 20003, False, None, EVERY, "127.0.0.1", told)
    assert [(one.listens, one.reach, one.told) for one in listeners.statuses(settings, resolved)] == [
        ("10.0.0.5:8443", "other machines", "models.contoso.com:443"),
        ("0.0.0.0:53", "other machines", "203.0.113.5:53"),
        ("10.0.0.6:20000-20009", "other machines", "203.0.113.6:20000-20009"),
        ("10.0.0.6:8501-8510", "other machines", "203.0.113.6:8501-8510"),
    ]
    moved = replace(settings, advertise_scoring_port=30000, advertise_scoring_http_port=80)
    each = replace(moved, scoring_network="10.0.0.6-10.0.0.9", scoring_last_port=0)
    for one, told_ports in ((moved, ("30000-30009", "80-89")), (each, ("30000-30003", "80-83"))):
        check(one)
        services = listeners.statuses(one, resolved)[-2:]
        assert [told.told for told in services] == [f"203.0.113.6:{ports}" for ports in told_ports]
    assert listeners.own_names(settings) == ("models.contoso.com", "10.0.0.5", "127.0.0.1")


def test_metrics_are_told_where_they_are_asked_for() -> None:
    resolved = Ports("127.0.0.1", 1, 2, 3, False, None, "127.0.0.1", "127.0.0.1")
    here = replace(GOOD, metrics_port=9464)
    there = replace(GOOD, public=True, metrics_host="10.0.0.5", metrics_port=9464)
    for settings, listens, reach in (
        (here, "127.0.0.1:9464", "this machine"),
        (there, "10.0.0.5:9464", "other machines"),
    ):
        (told,) = (one for one in listeners.statuses(settings, resolved) if one.name == "metrics")
        assert (told.listens, told.reach) == (listens, reach)
        assert told.asks == "nothing on loopback, else a reader's token"
    # who calls it there has to find that address in the certificate
    assert "10.0.0.5" in listeners.own_names(there)
    assert "127.0.0.9" not in listeners.own_names(replace(here, metrics_host="127.0.0.9"))


def test_all_of_a_default_start_is_for_this_machine_alone() -> None:
    default = replace(GOOD, node=Path("/node"), azurite=Path("/azurite"))
    resolved = Ports("127.0.0.1", 1, 2, 3, True, None, "127.0.0.1", "127.0.0.1")
    found = listeners.statuses(default, resolved)
    names = ["HTTPS APIs", "DNS server", "blob service", "services", "services over HTTP"]
    assert [one.name for one in found] == names
    assert {(one.reach, one.told) for one in found} == {("this machine", None)}


def test_the_default_port_for_http_gives_way_to_what_somebody_has_set() -> None:
    check(replace(GOOD, scoring_port=8501))
    check(replace(GOOD, https_port=8501, scoring_network="127.0.0.1"))


@pytest.mark.parametrize(
    ("endpoint", "pool", "port"),
    [
        (Endpoint("127.80.0.7", 50051), {"scoring_network": "127.80.0.0/16"}, 8501),
        (Endpoint("127.80.0.7", 50052), {"scoring_network": "127.80.0.0/16"}, None),
        (Endpoint("127.80.0.7", 50051), {"scoring_network": "127.80.0.0/16", "scoring_http_port": 0}, None),
        (
            Endpoint("127.0.0.1", 20003),
            {"scoring_network": "127.0.0.1", "scoring_port": 20000, "scoring_last_port": 20009},
            8504,
        ),
    ],
)
def test_a_service_answers_http_beside_its_endpoint(
    endpoint: Endpoint, pool: dict[str, Any], port: int | None
) -> None:
    assert AddressPool.of(replace(GOOD, **pool)).http_port(endpoint) == port


def test_addresses_are_told_and_found_near() -> None:
    told = {"https": "models.contoso.com:443", "blob": "models.contoso.com:8443"}
    found = Ports(EVERY, 20001, 53, 20003, True, "Fpga.contoso.com", "10.0.0.5", EVERY, told)
    assert found.base_urls == (
        "https://models.contoso.com:443",
        "https://127.0.0.1:20001",
        "https://localhost:20001",
        "https://fpga.contoso.com:443",
        "https://fpga.contoso.com:20001",
    )
    assert found.near_host == "127.0.0.1"
    assert found.name_server == "10.0.0.5:53"
    assert (found.blob_url, found.near_blob_host) == ("https://models.contoso.com:8443", "127.0.0.1")


def test_ports_of_before_are_read(tmp_path: Path) -> None:
    before = '{"host": "127.0.0.1", "https": 20001, "dns": 20002, "blob": 20003, "name": null}'
    (tmp_path / ports.PORTS_FILE).write_text(before)
    assert ports.read(tmp_path) == Ports(
        "127.0.0.1", 20001, 20002, 20003, True, None, "127.0.0.1", "127.0.0.1", {}
    )
