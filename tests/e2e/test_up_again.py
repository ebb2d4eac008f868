"""`fpga up` run again: it writes what is absent, and what a person set stays."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine import cache
from tests.support.stacks.earlier_version import Checkout

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


def status(checkout: Checkout) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(checkout.fpga("cloud", "status", "--json").stdout)
    return told


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


def test_what_a_killed_run_had_begun_is_read(checkout: Checkout) -> None:
    """The record is there, and of it the state has the note alone that its create was under way."""
    (file,) = checkout.local.glob("**/.pulumi/stacks/*/local.json")
    state = json.loads(file.read_text())
    latest = state["checkpoint"]["latest"]
    kept = {one["urn"].rpartition("::")[2]: one for one in latest["resources"]}
    record = kept.pop("record")
    del kept["endpoint-check"]  # depends on it
    begun = {key: value for key, value in record.items() if key not in ("id", "outputs")}
    latest["resources"] = list(kept.values())
    latest["pending_operations"] = [{"resource": begun, "type": "creating"}]
    file.write_text(json.dumps(state))

    done = checkout.fpga("up")

    called = record["id"].rpartition("/")[2]
    assert f"record {called}: there; the next update finishes it" in done.stderr
    assert "Deployed (1 to create, 1 to update)" in done.stdout
    assert "Nothing was changed" in checkout.fpga("up").stdout


def test_a_rotation_of_localcloud_is_followed(checkout: Checkout) -> None:
    """Sign-in and CA, at once, while it runs; plain pulumi is told so, and the next run brings the rest."""
    before = status(checkout)
    signed_in = checkout.fpga("cloud", "rotate", "sign-in", "--now").stdout
    assert (
        "  local: `fpga up`, or `pulumi config set -s local --secret azure-native:clientSecret < "
        in signed_in
    )
    followed = checkout.fpga("cloud", "rotate", "ca", "--now").stdout
    assert f"These follow: {checkout.local / 'ca-bundle.pem'}" in followed

    refused = subprocess.run(
        ["/bin/sh", "-c", ". .local/activate; pulumi refresh --yes --stack local --non-interactive"],
        cwd=checkout.folder,
        env=checkout.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert refused.returncode != 0
    assert "AADSTS7000215" in refused.stdout + refused.stderr

    done = checkout.fpga("up")
    assert "classified in" in done.stdout
    assert "Nothing was changed" in checkout.fpga("up").stdout
    told = status(checkout)
    assert (told["pid"], told["https"]) == (before["pid"], before["https"])


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


def test_a_localcloud_of_an_earlier_commit_is_restarted_and_one_of_a_later_one_is_not(
    checkout: Checkout,
) -> None:
    earlier, later = checkout.commit("earlier"), checkout.commit("later")
    checkout.git("checkout", "-q", earlier)
    checkout.fpga("cloud", "down")
    checkout.fpga("cloud", "up")
    first = status(checkout)
    assert first["commit"] == earlier

    checkout.git("checkout", "-q", later)
    left = checkout.fpga("cloud", "up")
    assert "it is left as it is. `fpga cloud down`, then this again, restarts it." in left.stderr
    assert status(checkout) == first
    restarted = checkout.fpga("up")

    words = (
        f"localcloud runs as 0.1.0 (commit {earlier[:10]}), and this checkout is 0.1.0 (commit {later[:10]})"
    )
    assert f"{words}: it is restarted in place, with its data, ports and options." in restarted.stderr
    second = status(checkout)
    assert second["pid"] != first["pid"]
    assert second == first | {"pid": second["pid"], "commit": later}
    assert "samples/espresso.jpg, classified" in restarted.stdout

    checkout.git("checkout", "-q", earlier)
    kept = checkout.fpga("up")
    assert "the newer one is left as it is. `fpga down`, then this again, goes back." in kept.stderr
    assert status(checkout) == second


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
