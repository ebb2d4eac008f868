"""IPv4 addresses as they are written: networks, ranges, single ones, and lists of these."""

from __future__ import annotations

import pytest

from localcloud.configuration.table import Unfit
from localcloud.network.ranges import Addresses


@pytest.mark.parametrize(
    ("written", "addresses"),
    [
        ("10.0.0.0/30", ["10.0.0.1", "10.0.0.2"]),
        ("10.0.0.4/31", ["10.0.0.4", "10.0.0.5"]),
        ("10.0.0.5/32", ["10.0.0.5"]),
        ("10.0.0.5", ["10.0.0.5"]),
        ("10.0.0.255-10.0.1.1", ["10.0.0.255", "10.0.1.0", "10.0.1.1"]),
        ("10.0.0.7 - 10.0.0.7", ["10.0.0.7"]),
        (
            "10.0.0.9, 10.0.0.2-10.0.0.3,10.0.1.0/30",
            ["10.0.0.9", "10.0.0.2", "10.0.0.3", "10.0.1.1", "10.0.1.2"],
        ),
    ],
)
def test_addresses_are_numbered_as_they_are_written(written: str, addresses: list[str]) -> None:
    found = Addresses(written)
    assert list(found) == addresses
    assert [found[number] for number in range(len(found))] == addresses
    assert [found.number(one) for one in addresses] == list(range(len(addresses)))
    assert found.number("10.9.9.9") is None
    assert found.ends == (addresses[0], addresses[-1])
    assert not found.is_loopback
    with pytest.raises(IndexError):
        found[len(found)]


def test_loopback_is_all_of_it() -> None:
    assert Addresses("127.0.0.5, 127.80.0.0/16").is_loopback
    assert not Addresses("127.0.0.5, 10.0.0.1").is_loopback
    assert not Addresses("126.255.255.255-127.0.0.1").is_loopback


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("10.0.0.1/24", "is no network: 10.0.0.1/24 has host bits set; give a network, FIRST-LAST"),
        ("models.contoso.com", "is no network: "),
        ("models-contoso", "names no addresses: "),
        ("", "is no network: "),
        ("10.0.0.1,", "is no network: "),
        ("10.0.0.9-10.0.0.2", "goes from 10.0.0.9 back to 10.0.0.2: write the lower one first"),
        ("10.0.0.1-10.0.0.5, 10.0.0.5", "names 10.0.0.5 twice"),
        ("10.0.0.0/24, 10.0.0.128/25", "names 10.0.0.129 twice"),
        ("::1/128", "is not IPv4: give a part of 127.0.0.0/8, or addresses of this machine"),
        ("fd00::1-fd00::5", "is not IPv4: "),
        ("010.0.0.1", "is no network: "),
    ],
)
def test_what_is_no_address_is_refused(written: str, message: str) -> None:
    with pytest.raises(Unfit) as refused:
        Addresses(written)
    assert str(refused.value).startswith(message)
