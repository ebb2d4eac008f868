"""The endpoints of services, and those that callers are told of."""

from __future__ import annotations

import pytest

from localcloud import binding
from localcloud.scoring.addresses import AddressPool, Endpoint
from localcloud.scoring.errors import BindError


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binding, "has_address", lambda _: True)


def told(pool: AddressPool, *numbers: int) -> list[Endpoint]:
    return [pool.told(pool._endpoint(number)) for number in numbers]


def test_without_nat_callers_are_told_what_is_listened_on() -> None:
    for pool in (AddressPool("127.80.0.0/16", 50051), AddressPool("10.0.0.5", 20000, public=True)):
        for number in (0, 1, pool.size - 1):
            assert pool.told(pool._endpoint(number)) == pool._endpoint(number)
            assert pool.number(pool._endpoint(number)) == number
            assert pool.stray(pool._endpoint(number)) is None


def test_each_inner_address_has_an_outer_one() -> None:
    pool = AddressPool(
        "10.0.0.5-10.0.0.6, 10.0.0.9", 50051, told="203.0.113.0/30, 198.51.100.7", told_port=443
    )
    assert told(pool, 0, 1, 2) == [("203.0.113.1", 443), ("203.0.113.2", 443), ("198.51.100.7", 443)]
    kept = AddressPool("10.0.0.5-10.0.0.6", 50051, told="203.0.113.1-203.0.113.2")
    assert told(kept, 1) == [("203.0.113.2", 50051)]


def test_one_outer_address_has_a_port_for_each_inner_address() -> None:
    pool = AddressPool("10.0.0.5-10.0.0.9", 50051, told="203.0.113.1", told_port=20000)
    assert told(pool, 0, 4) == [("203.0.113.1", 20000), ("203.0.113.1", 20004)]


def test_ports_of_one_address_are_moved_together() -> None:
    pool = AddressPool("10.0.0.5", 20000, 20009, told="203.0.113.1", told_port=30000)
    assert pool.size == 10
    assert told(pool, 0, 9) == [("203.0.113.1", 30000), ("203.0.113.1", 30009)]
    moved = AddressPool("10.0.0.5", 20000, 20009, told_port=30000)
    assert told(moved, 3) == [("10.0.0.5", 30003)]


@pytest.mark.parametrize(
    ("pool", "number", "port"),
    [
        (AddressPool("127.80.0.0/30", 50051, http_port=8501), 1, 8501),
        (AddressPool("127.80.0.0/30", 50051, told_http_port=443), 1, None),
        # an outer address for each inner one
        (AddressPool("127.80.0.0/30", 50051, told="203.0.113.0/30", told_port=443, http_port=8501), 1, 8501),
        (
            AddressPool("127.80.0.0/30", 50051, told="203.0.113.0/30", http_port=8501, told_http_port=80),
            1,
            80,
        ),
        # one outer address with ports
        (AddressPool("127.80.0.0/30", 50051, told="203.0.113.1", http_port=8501, told_http_port=80), 1, 81),
        (AddressPool("127.80.0.0/30", 50051, told="203.0.113.1", http_port=8501), 1, 8502),
        # ports for ports
        (AddressPool("10.0.0.5", 20000, 20009, told="203.0.113.1", http_port=8501, told_http_port=80), 9, 89),
        (AddressPool("10.0.0.5", 20000, 20009, http_port=8501, told_http_port=65530), 9, None),
        # gRPC's are told there
        (AddressPool("127.80.0.0/30", 50051, told_port=8501, http_port=8501), 1, None),
        (AddressPool("10.0.0.5", 20000, 20009, told_port=8505, http_port=8501), 4, None),
        (AddressPool("10.0.0.5", 20000, 20009, told_port=8505, http_port=8501), 3, 8504),
    ],
)
def test_the_port_for_http_that_callers_are_told(pool: AddressPool, number: int, port: int | None) -> None:
    assert pool.told_http_port(pool._endpoint(number)) == port
    assert pool.told_http_port(Endpoint("127.99.0.1", 1)) is None


def test_an_endpoint_of_before_stays_and_is_told_of() -> None:
    pool = AddressPool("10.0.0.5", 20000, 20009, public=True, told="203.0.113.1")
    for endpoint in (Endpoint("127.80.0.3", 50051), Endpoint("10.0.0.5", 20010)):
        assert pool.number(endpoint) is None
        assert pool.told(endpoint) == endpoint
        stray = pool.stray(endpoint)
        assert stray is not None
        assert stray.startswith(f"it stays at {endpoint.address}:{endpoint.port}, which is none of 10.0.0.5")
        pool.require_allowed(endpoint)


def test_an_endpoint_of_before_is_not_served_to_others_unasked() -> None:
    pool = AddressPool("127.80.0.0/16", 50051)
    pool.require_allowed(Endpoint("127.81.0.1", 50051))
    with pytest.raises(BindError, match=r"^The service's address 10\.0\.0\.5 is not loopback.*--public"):
        pool.require_allowed(Endpoint("10.0.0.5", 50051))
