"""The addresses of services, bound for real."""

from __future__ import annotations

import socket

import pytest

from localcloud.scoring.addresses import AddressPool, Endpoint, bind_problem
from localcloud.scoring.errors import BindError


@pytest.fixture
def port() -> int:
    """A port that is free on every loopback address, as far as anyone can tell."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_services_get_addresses_one_after_the_other(port: int) -> None:
    pool = AddressPool("127.92.0.0/16", port)
    first, cursor = pool.choose((), 255)
    second, after = pool.choose([first], cursor)
    assert first == ("127.92.1.0", port)
    assert second == ("127.92.1.1", port)
    assert after == 257


def test_a_freed_address_is_not_handed_out_at_once(port: int) -> None:
    pool = AddressPool("127.92.0.0/29", port)
    first, cursor = pool.choose((), 0)
    chosen = []
    for _ in range(pool.size):
        endpoint, cursor = pool.choose((), cursor)
        chosen.append(endpoint)
    assert pool.size == 6
    assert chosen.index(first) == 5  # the last of all
    assert len(set(chosen)) == 6


def test_an_address_that_another_process_holds_is_passed_over(port: int) -> None:
    pool = AddressPool("127.92.0.0/16", port)
    with socket.create_server(("127.92.0.11", port)):
        assert bind_problem(Endpoint("127.92.0.11", port)) == "Address already in use"
        assert pool.choose((), 10)[0].address == "127.92.0.12"
    assert bind_problem(Endpoint("127.92.0.11", port)) is None


def test_a_full_network_says_so(port: int) -> None:
    pool = AddressPool("127.92.0.0/30", port)
    taken = [(f"127.92.0.{n}", port) for n in (1, 2)]
    with pytest.raises(
        BindError, match=r"No address of 127\.92\.0\.0/30 is free for a service: all 2 are taken"
    ):
        pool.choose(taken, 0)


def test_where_the_network_is_not_there_each_service_gets_a_port() -> None:
    # 192.0.2.0/24 is for documentation (RFC 5737): no machine has it, as macOS has no 127.80.0.0/16.
    pool = AddressPool("192.0.2.0/24", 50051)
    first, cursor = pool.choose((), 9_999)
    second, _ = pool.choose([first], cursor)
    assert not pool.own_addresses
    assert first.address == second.address == "127.0.0.1"
    assert 20_000 <= second.port < first.port < 30_000
