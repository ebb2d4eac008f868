"""A checkout that an earlier version deployed: this one takes over what is there, and nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest

from tests.e2e.earlier_version import Checkout, is_known

BEFORE: Final = "757e511"

pytestmark = pytest.mark.skipif(
    not is_known(BEFORE), reason=f"the history of this checkout does not go back to {BEFORE}"
)


@dataclass(frozen=True)
class Upgrade:
    """What stood before the upgrade, and what the first `fpga up` after it said."""

    checkout: Checkout
    settings: bytes
    cloud: dict[str, Any]
    stdout: str
    stderr: str


def status(checkout: Checkout) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(checkout.fpga("cloud", "status", "--json").stdout)
    return told


@pytest.fixture(scope="module")
def upgrade(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgrade]:
    checkout = Checkout(tmp_path_factory.mktemp("upgrade") / "checkout")
    checkout.lay_commit(BEFORE)
    try:
        checkout.fpga("up")
        settings, cloud = checkout.stack_file.read_bytes(), status(checkout)
        checkout.lay_this_version()
        done = checkout.fpga("up")
        yield Upgrade(checkout, settings, cloud, done.stdout, done.stderr)
    finally:
        checkout.fpga("down")


def test_an_existing_stack_sees_nothing_to_do(upgrade: Upgrade) -> None:
    assert "Nothing was changed" in upgrade.stdout
    plan = json.loads(upgrade.checkout.fpga("plan", "--format", "json", "-s", "local").stdout)
    assert (plan["changes"], plan["errors"], plan["drift"]) == ([], [], [])


def test_its_settings_are_as_they_were(upgrade: Upgrade) -> None:
    assert upgrade.checkout.stack_file.read_bytes() == upgrade.settings
