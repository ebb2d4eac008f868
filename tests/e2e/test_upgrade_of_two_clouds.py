"""A stack on two clouds that an earlier version deployed: this one has nothing to do, and goes on with it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.stacks.earlier_version import TIMEOUT_S, Checkout, is_known
from tests.support.waiting import wait_until

BEFORE: Final = "4ce2e51"
STACK: Final = "two"
SECRET: Final = "fpga-web-service:managementClientSecret"

pytestmark = pytest.mark.skipif(
    not is_known(BEFORE), reason=f"the history of this checkout does not go back to {BEFORE}"
)


def pulumi(checkout: Checkout, *arguments: str, **variables: str) -> str:
    """Runs plain `pulumi` in a shell that is activated for the stack."""
    done = subprocess.run(
        ["/bin/sh", "-euc", '. .local/activate; exec pulumi "$@" --non-interactive', "sh", *arguments],
        cwd=checkout.folder, env=checkout.environment | {"FPGA_STACK": STACK} | variables,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=TIMEOUT_S,
    )  # fmt: skip
    assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
    return done.stdout


def plan(checkout: Checkout, *options: str) -> dict[str, Any]:
    told = checkout.fpga("plan", "-s", STACK, "--format", "json", *options).stdout
    found: dict[str, Any] = json.loads(told)
    return found


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """The checkout, upgraded behind its first `pulumi up`, on localclouds of the earlier version."""
    checkout = Checkout(tmp_path_factory.mktemp("upgrade") / "checkout")
    checkout.lay_commit(BEFORE)
    install(checkout)
    checkout.fpga("model", "build")
    clouds = [checkout.local / "clouds" / name for name in ("azure", "server")]
    try:
        for data in clouds:
            checkout.fpga("cloud", "up", "--data", str(data))
        checkout.fpga("stack", "new", STACK, "--cloud", str(clouds[0]), "--management", str(clouds[1]))
        checkout.fpga("stack", "init", STACK)
        checkout.environment["ARM_CLIENT_SECRET"] = secret(clouds[0])
        pulumi(checkout, "config", "set", "fpga-web-service:managementStorage", "true")
        pulumi(checkout, "config", "set", "--secret", SECRET, secret(clouds[1]))
        pulumi(checkout, "up", "--yes", "--skip-preview")
        settings = {file: file.read_bytes() for file in (checkout.folder / "stacks").glob(f"*.{STACK}.yaml")}
        checkout.lay_this_version()
        for file, content in settings.items():
            file.write_bytes(content)
        yield checkout
    finally:
        if checkout.local.exists():
            checkout.fpga("down")


def install(checkout: Checkout) -> None:
    """Has the checkout an engine and an `activate` of its own, whose commands are its own version's."""
    command = checkout.python.with_name("fpga")
    command.write_text(f"#!{checkout.python}\nfrom fpga.cli import main\nmain()\n")
    command.chmod(0o755)
    subprocess.run(
        [checkout.python, "-m", "engine", "install"],
        cwd=checkout.folder, env=checkout.environment, capture_output=True, check=True, timeout=TIMEOUT_S,
    )  # fmt: skip


def secret(data: Path) -> str:
    return (data / "client-secret").read_text()


def test_there_is_nothing_to_do(upgraded: Checkout) -> None:
    found = plan(upgraded)
    assert (found["succeeded"], found["changes"], found["errors"]) == (True, [], [])
    found = plan(upgraded, "--refresh")
    assert (found["changes"], found["drift"], found["errors"]) == ([], [], [])


def test_it_goes_on_and_is_taken_away_from_both_clouds(upgraded: Checkout) -> None:
    photo = upgraded.folder / "samples" / "espresso.jpg"
    assert "espresso" in upgraded.fpga("predict", str(photo), "-s", STACK).stdout
    before = json.loads(pulumi(upgraded, "stack", "output", "--json"))
    pulumi(upgraded, "up", "--yes", "--skip-preview")
    after = json.loads(pulumi(upgraded, "stack", "output", "--json"))
    same = ("ip", "certificateFingerprint", "managementHost")
    assert {key: after[key] for key in same} == {key: before[key] for key in same}
    pulumi(upgraded, "destroy", "--yes", "--skip-preview")


def test_down_stops_both_clouds_and_clean_removes_them_but_no_passphrase(upgraded: Checkout) -> None:
    clouds = [upgraded.local / "clouds" / name for name in ("azure", "server")]
    assert upgraded.fpga("down").stdout == "localcloud is stopped.\n"
    for data in clouds:
        assert "No localcloud runs on" in upgraded.fpga("cloud", "status", "--data", str(data), code=1).stderr
    refused = upgraded.fpga("clean", code=1).stderr
    assert f"holds the passphrases of {STACK}, without which their secrets are lost" in refused
    assert all(data.is_dir() for data in clouds)
    shutil.rmtree(upgraded.local / "passphrases")
    upgraded.fpga("cloud", "up", "--data", str(clouds[1]))
    pid = int((clouds[1] / "localcloud.pid").read_text())
    upgraded.fpga("clean")
    assert not upgraded.local.exists()
    wait_until(lambda: not Path(f"/proc/{pid}").exists())  # what has ended is there until it is reaped
