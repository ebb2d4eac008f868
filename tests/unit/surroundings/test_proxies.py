"""Who is called through a proxy, as each library reads the variables."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import requests

from surroundings import proxies

LOOPBACK = "localhost,127.0.0.0/8,::1"
PROXY = {"HTTPS_PROXY": "http://proxy.example:3128"}


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ({}, {"no_proxy": LOOPBACK, "NO_PROXY": LOOPBACK}),
        ({"no_proxy": "", "NO_PROXY": ""}, {"no_proxy": LOOPBACK, "NO_PROXY": LOOPBACK}),
        (
            {"NO_PROXY": "intranet.example"},
            {"no_proxy": f"intranet.example,{LOOPBACK}", "NO_PROXY": f"intranet.example,{LOOPBACK}"},
        ),
        (
            {"no_proxy": "a.example, localhost", "NO_PROXY": "b.example"},
            {"no_proxy": "a.example,localhost,127.0.0.0/8,::1", "NO_PROXY": f"b.example,{LOOPBACK}"},
        ),
        ({"no_proxy": "*"}, {"no_proxy": "*", "NO_PROXY": "*", "no_grpc_proxy": LOOPBACK}),
        (
            {"no_grpc_proxy": "grpc.example"},
            {"no_proxy": LOOPBACK, "NO_PROXY": LOOPBACK, "no_grpc_proxy": f"grpc.example,{LOOPBACK}"},
        ),
    ],
)
def test_loopback_is_added_to_what_a_person_excepted(
    given: Mapping[str, str], made: Mapping[str, str]
) -> None:
    assert proxies.exceptions({**PROXY, **given}) == made
    assert proxies.exceptions({**PROXY, **made}) == made


def test_nothing_is_added_where_there_is_no_proxy() -> None:
    assert proxies.exceptions({"NO_PROXY": "intranet.example", "https_proxy": ""}) == {}


@pytest.mark.parametrize("name", ["http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy", "grpc_proxy"])
def test_each_name_of_a_proxy_counts(name: str) -> None:
    assert "no_proxy" in proxies.exceptions({name: "http://127.0.0.1:9"})


@pytest.mark.parametrize(
    ("url", "proxied"),
    [
        ("https://127.0.0.1:8443/", False),
        ("https://127.80.3.4:50051/", False),
        ("https://localhost:8443/", False),
        ("https://[::1]:8443/", False),
        ("https://intranet.example/", False),
        ("https://128.0.0.1/", True),
        ("https://management.azure.com/", True),
    ],
)
def test_requests_calls_others_through_the_proxy(
    url: str, proxied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "intranet.example")
    monkeypatch.delenv("no_proxy", raising=False)
    for name, value in proxies.exceptions(dict(PROXY, NO_PROXY="intranet.example")).items():
        monkeypatch.setenv(name, value)
    assert bool(requests.utils.get_environ_proxies(url)) is proxied


@pytest.mark.parametrize(
    ("host", "is_so"),
    [
        ("localhost", True),
        ("LOCALHOST.", True),
        ("fpga.localhost", True),
        ("127.0.0.1", True),
        ("127.80.3.4", True),
        ("::1", True),
        ("[::1]", True),
        ("::ffff:127.0.0.1", True),
        ("notlocalhost", False),
        ("128.0.0.1", False),
        ("2001:db8::1", False),
        ("127.0.0.1.example", False),
        ("", False),
    ],
)
def test_loopback_is_this_machine_alone(host: str, is_so: bool) -> None:
    assert proxies.is_loopback(host) is is_so
