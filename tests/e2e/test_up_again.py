"""`fpga up` run again: it writes what is absent, and what a person set stays."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from engine import cache
from tests.e2e.earlier_version import Checkout

NAMESPACE = "fpga-web-service:"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A checkout of this version, deployed."""
    found = Checkout(tmp_path_factory.mktemp("up") / "checkout")
    found.lay_this_version()
    try:
        found.fpga("up")
        yield found
    finally:
        found.fpga("down")


def settings(checkout: Checkout) -> dict[str, object]:
    config: dict[str, object] = yaml.safe_load(checkout.stack_file.read_text())["config"]
    return config


def test_settings_that_a_person_made_stay(checkout: Checkout, tmp_path: Path) -> None:
    own = tmp_path / "my package"
    shutil.copytree(cache.root() / "model" / "package", own)
    dns = settings(checkout)[f"{NAMESPACE}nameServers"]
    text = checkout.stack_file.read_text()
    mine = text.replace(
        f"{NAMESPACE}modelPackage: .local/model-package", f"{NAMESPACE}modelPackage: {own} # mine"
    ).replace(f"{NAMESPACE}nameServers: {dns}", f"{NAMESPACE}nameServers:\n    - {dns} # mine, too")
    assert mine.count("# mine") == 2
    checkout.stack_file.write_text(mine)

    done = checkout.fpga("up")

    assert checkout.stack_file.read_text() == mine
    assert "Nothing was changed" in done.stdout
    named = f"{NAMESPACE}nameServers, {NAMESPACE}modelPackage"
    assert f"Left as they are set in {checkout.stack_file}: {named}. " in done.stderr


def test_a_linked_file_that_cannot_be_written_is_read(checkout: Checkout, tmp_path: Path) -> None:
    linked = tmp_path / "settings.yaml"
    checkout.stack_file.rename(linked)
    checkout.stack_file.symlink_to(linked)
    linked.chmod(0o400)
    before = linked.read_bytes()

    done = checkout.fpga("up", PULUMI_STACK="prod")

    assert "Nothing was changed" in done.stdout
    assert "This is of the stack local; the shell is activated for prod." in done.stderr
    assert checkout.stack_file.readlink() == linked
    assert linked.read_bytes() == before


def test_what_up_wrote_follows_and_what_a_person_removed_comes_again(checkout: Checkout) -> None:
    before = settings(checkout)
    checkout.fpga("cloud", "down")
    port = int(str(before["azure-native:metadataHost"]).rpartition(":")[2])
    checkout.fpga("cloud", "up", "--https-port", str(port - 1 if port > 20000 else port + 1))
    text = checkout.stack_file.read_text()
    checkout.stack_file.write_text(
        "".join(line for line in text.splitlines(keepends=True) if "tenantId" not in line)
    )

    done = checkout.fpga("up")

    after = settings(checkout)
    assert after["azure-native:metadataHost"] != before["azure-native:metadataHost"]
    changed = {"azure-native:metadataHost"}
    assert {key for key in before if after[key] != before[key]} == changed
    assert "samples/espresso.jpg, classified" in done.stdout


def test_settings_outlive_a_state_that_is_gone_with_its_passphrase(checkout: Checkout) -> None:
    checkout.fpga("down")
    before = checkout.stack_file.read_text()
    checkout.forget()
    ttl = f"{NAMESPACE}recordTtl: "
    checkout.stack_file.write_text(before.replace(f'{ttl}"300"', f'{ttl}"60" # mine'))

    done = checkout.fpga("up")

    assert f'{ttl}"60" # mine' in checkout.stack_file.read_text()
    assert (checkout.local / "Pulumi.local.yaml.before").read_text().count("# mine") >= 1
    assert "samples/espresso.jpg, classified" in done.stdout
