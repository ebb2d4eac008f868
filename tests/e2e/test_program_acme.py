"""A certificate from an authority that speaks ACME (pebble), the name proved in the stack's own zone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.clients.tls import fingerprint, served_certificate
from tests.e2e.local_cloud import LocalCloud
from tests.e2e.program_stack import ProgramStack
from tests.pebble import server
from tests.pebble.server import Pebble

RENEWAL = {"certificate": "update", "service": "update", "endpoint-check": "update"}


@pytest.fixture(scope="module")
def pebble(
    pebble_executable: Path, local_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pebble]:
    folder = tmp_path_factory.mktemp("pebble")
    with server.running(pebble_executable, folder, local_cloud.name_server) as running:
        yield running


def config_of(pebble: Pebble, **more: str) -> dict[str, str]:
    settings = {
        "certificateSource": "acme",
        "acmeDirectory": pebble.directory,
        "acmeEmail": "hostmaster@contoso.com",
        "acmeRootsFile": str(pebble.roots),
    }
    return {f"fpga-web-service:{key}": value for key, value in {**settings, **more}.items()}


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., ProgramStack], pebble: Pebble) -> ProgramStack:
    stack = make_stack("acme", config_of(pebble))
    up = stack.up()
    assert up.complaints == []
    return stack


def changed(operations: dict[str, str]) -> dict[str, str]:
    return {name: operation for name, operation in operations.items() if operation != "same"}


def proofs(stack: ProgramStack) -> list[str]:
    """The names of the TXT records in the stack's zone."""
    zone = (
        f"{stack.cloud.group_id(stack.group)}/providers/Microsoft.Network/dnsZones/{stack.stack}.contoso.test"
    )
    return [one["name"] for one in stack.cloud.client.manage("GET", f"{zone}/TXT", "2018-05-01")["value"]]


def test_a_certificate_is_issued_and_served(stack: ProgramStack) -> None:
    outputs = stack.outputs(show_secrets=True)

    served = fingerprint(served_certificate(outputs["ip"], 50051) or b"")

    assert served == outputs["certificateFingerprint"]
    assert proofs(stack) == []
    assert "PRIVATE KEY" not in stack.state_text()
