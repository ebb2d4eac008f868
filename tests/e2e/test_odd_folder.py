"""The whole flow, from `make up` to `make clean`, in a folder whose name no shell and no URL likes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.odd_folders import ODD
from tests.support.stacks.checkout import Checkout


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    made = Checkout(tmp_path / ODD)
    yield made
    if made.local.exists():
        made.make("down")


def test_everything_works_and_stays_inside(checkout: Checkout, tmp_path: Path) -> None:
    up = checkout.make("up")
    assert "samples/espresso.jpg, classified in" in up
    assert "1. espresso" in up
    assert (checkout.local / "state/.pulumi/stacks/fpga-web-service/local.json").is_file()
    assert "Nothing was changed" in checkout.make("up")

    assert "espresso" in checkout.run("cd samples && fpga predict espresso.jpg", by="bash")
    checkout.run("pulumi preview -s local --expect-no-changes --non-interactive")
    assert checkout.run("fpga plan -s local").startswith("local: no changes")
    status = json.loads(checkout.run("fpga cloud status --json"))
    assert status["client_secret_file"] == str(checkout.local / "cloud" / "client-secret")

    # a stack with a file of its own, and the rules of the policy pack
    checkout.run("fpga stack new bench --from dev --cloud .local/cloud && fpga stack init bench")
    preview = checkout.run(
        'export ARM_CLIENT_SECRET="$(cat .local/cloud/client-secret)"; fpga model build\n'
        "FPGA_STACK=bench . .local/activate; pulumi preview --non-interactive"
    )
    assert "fpga-web-service@v1.0.0" in preview  # the policy pack
    assert (checkout.local / "state/.pulumi/stacks/fpga-web-service/bench.json").is_file()

    assert checkout.git("status", "--short", "--untracked-files=all").count("??") == 2, "bench's two files"
    checkout.make("down")
    shutil.rmtree(checkout.local / "passphrases")
    checkout.make("clean")
    assert not checkout.local.exists()
    assert [path.name for path in tmp_path.iterdir()] == [ODD], "nothing is outside of the checkout"
