"""The address of the server that a caller's `Host` header names."""

from __future__ import annotations

import pytest

from localcloud.http.frame import own_address

URLS = ("https://10.0.0.5:443", "https://models.contoso.test:443")


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("models.contoso.test", URLS[1]),
        ("models.contoso.test:443", URLS[1]),
        ("Models.Contoso.test.", URLS[1]),
        ("10.0.0.5", URLS[0]),
        ("models.contoso.test:8443", URLS[0]),
        ("models.contoso.test:", URLS[1]),
        ("other.contoso.test", URLS[0]),
        ("", URLS[0]),
    ],
)
def test_the_port_of_https_goes_without_saying(host: str, address: str) -> None:
    assert own_address(host, URLS) == address


def test_another_port_does_not() -> None:
    urls = ("https://127.0.0.1:20001", "https://localhost:20001")
    assert own_address("localhost:20001", urls) == urls[1]
    assert own_address("localhost", urls) == urls[0]
