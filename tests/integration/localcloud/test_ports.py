"""Ports that cannot be bound: each refusal says why, by its own words, and what helps."""

from __future__ import annotations

import re
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from localcloud import ports
from localcloud.datafolder.store import Store
from localcloud.dns.server import DnsServer
from localcloud.errors import StartError
from localcloud.scoring.addresses import AddressPool
from localcloud.scoring.errors import BindError
from localcloud.server import Cloud
from localcloud.settings import Settings
from tests.support.localcloud.privileges import everybody_may_bind, without_the_right

LOW = 61  # of no service (IANA)
RIGHT = "needs the right to bind ports under 1024: "
GIVES = (
    "CAP_NET_BIND_SERVICE (AmbientCapabilities= of a systemd unit), or "
    f"`sudo sysctl net.ipv4.ip_unprivileged_port_start={LOW}`, gives it"
    if sys.platform == "linux"
    else "start it as a user who has it"
)
needs_kept_ports = pytest.mark.skipif(
    everybody_may_bind(LOW), reason="this system keeps no port for who has a right to it"
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "cloud", featurizers=tmp_path)


@needs_kept_ports
@pytest.mark.parametrize("name", ["https", "dns", "blob"])
def test_a_port_that_takes_a_right_is_not_called_taken(settings: Settings, name: str) -> None:
    low: dict[str, Any] = {f"{name}_port": LOW}
    began = time.monotonic()
    with pytest.raises(StartError) as refused:
        without_the_right(Cloud(replace(settings, **low)).start)
    assert str(refused.value) == (
        f"Port {LOW} on 127.0.0.1, the {name} port, {RIGHT}{GIVES}, or choose another with --{name}-port."
    )
    assert time.monotonic() - began < ports.RELEASE_TIMEOUT_S, "nothing lets go of such a port"


@needs_kept_ports
def test_a_scoring_port_that_takes_a_right_is_refused_at_the_start(settings: Settings) -> None:
    with pytest.raises(StartError) as refused:
        without_the_right(Cloud(replace(settings, scoring_port=LOW)).start)
    assert str(refused.value) == (
        f"Port {LOW} on 127.80.0.1, the scoring port, {RIGHT}{GIVES}, or choose another with --scoring-port."
    )


@needs_kept_ports
def test_no_other_address_is_tried_where_the_right_is_missing() -> None:
    pool = AddressPool("127.92.0.0/16", LOW)
    with pytest.raises(BindError, match=re.escape(f"Port {LOW} on 127.92.0.1 {RIGHT}{GIVES}.")):
        without_the_right(lambda: pool.choose((), 0))


@needs_kept_ports
def test_a_name_server_says_it_too(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.db")
    try:
        with pytest.raises(StartError, match=f"the dns port, {RIGHT}"):
            without_the_right(DnsServer(store, "127.0.0.1", LOW).start)
    finally:
        store.close()


def test_an_address_that_is_not_there_is_not_called_taken(settings: Settings) -> None:
    # 192.0.2.0/24 is for documentation (RFC 5737): no machine has it
    elsewhere = replace(settings, host="192.0.2.1")
    why = "cannot be bound, for this machine has no address 192.0.2.1: add it to an interface"
    with pytest.raises(StartError) as refused:
        ports.resolve(replace(elsewhere, https_port=5353))
    assert str(refused.value) == (
        f"Port 5353 on 192.0.2.1, the https port, {why}, or choose another with --host."
    )
    with pytest.raises(StartError, match=rf"^Port \d+ on 192\.0\.2\.1 {why}\.$"):
        ports.resolve(elsewhere)


def test_a_taken_port_is_one_that_may_be_bound(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "RELEASE_TIMEOUT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports.require_right("127.0.0.1", port, "dns")
        with pytest.raises(StartError, match="is taken by another process: stop that, or choose another"):
            ports.resolve(replace(settings, dns_port=port))
    assert ports.resolve(replace(settings, dns_port=port)).dns == port
