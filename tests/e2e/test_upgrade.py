"""A checkout that an earlier version deployed: this one takes over what is there, and nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest

from tests.support.stacks.earlier_version import Checkout, is_known

BEFORE: Final = "757e511"
# of a localcloud that was started by hand
OPTIONS: Final = {"--scoring-network": "127.81.0.0/16", "--scoring-port": "50052"}
# outputs of the stack that this version tells in other words, and why
TOLD_ANEW: Final = {"url": "it names gRPC, and not HTTP"}

pytestmark = pytest.mark.skipif(
    not is_known(BEFORE), reason=f"the history of this checkout does not go back to {BEFORE}"
)


@dataclass(frozen=True)
class Upgrade:
    """What stood before the upgrade, the first plan after it, and what the first `fpga up` said."""

    checkout: Checkout
    settings: bytes
    cloud: dict[str, Any]
    plan: dict[str, Any]
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
        checkout.fpga("cloud", "up", *(part for option in OPTIONS.items() for part in option))
        checkout.fpga("up")
        settings, cloud = checkout.stack_file.read_bytes(), status(checkout)
        checkout.lay_this_version()
        plan = json.loads(checkout.fpga("plan", "--format", "json").stdout)
        done = checkout.fpga("up")
        yield Upgrade(checkout, settings, cloud, plan, done.stdout, done.stderr)
    finally:
        checkout.fpga("down")


def test_an_existing_stack_sees_nothing_to_do(upgrade: Upgrade) -> None:
    plan = upgrade.plan
    assert (plan["succeeded"], plan["changes"], plan["errors"]) == (True, [], [])
    assert set(plan["outputs"]) <= TOLD_ANEW.keys()
    assert plan["unchanged"] == 13
    after = json.loads(upgrade.checkout.fpga("plan", "--format", "json").stdout)
    assert (after["changes"], after["outputs"], after["unchanged"]) == ([], [], 13)


def test_its_settings_are_as_they_were(upgrade: Upgrade) -> None:
    assert upgrade.checkout.stack_file.read_bytes() == upgrade.settings


def test_the_localcloud_that_ran_is_restarted_in_place(upgrade: Upgrade) -> None:
    now = status(upgrade.checkout)

    assert (
        "localcloud runs as an unnamed version, and this checkout is 0.1.0: it is restarted" in upgrade.stderr
    )
    assert now["pid"] != upgrade.cloud["pid"]
    assert now["version"] == "0.1.0"
    same = ("https", "dns", "blob", "tenant", "subscription", "client_id")
    assert {key: now[key] for key in same} == {key: upgrade.cloud[key] for key in same}
    (service,), (earlier,) = now["services"], upgrade.cloud["services"]
    assert {key: service[key] for key in earlier} == earlier
    assert service["http_port"] == 8501  # beside gRPC, which alone it spoke


def test_it_keeps_the_options_that_it_was_started_with(upgrade: Upgrade) -> None:
    (service,) = status(upgrade.checkout)["services"]

    assert service["address"].startswith("127.81.")
    assert service["port"] == 50052
    assert "classified in" in upgrade.stdout
    assert f"at {service['address']}:50052:" in upgrade.stdout


def test_the_next_run_restarts_nothing(upgrade: Upgrade) -> None:
    before = status(upgrade.checkout)

    assert "restarted" not in upgrade.checkout.fpga("up").stderr

    assert status(upgrade.checkout) == before
