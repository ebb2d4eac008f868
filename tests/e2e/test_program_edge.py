"""The program's services behind an edge: one address in all A records, and each is called by its own name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.support import envoy
from tests.support.localcloud.scoring_parts import PHOTO
from tests.support.stacks import local_cloud as clouds
from tests.support.stacks.local_cloud import LocalCloud
from tests.support.stacks.program_stack import ProgramStack


@pytest.fixture(scope="module")
def local_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """One with an edge, in the place of the session's."""
    network = {"scoring_network": "127.92.0.0/16"}
    with clouds.running(
        tmp_path_factory.mktemp("edged"), edge="envoy", envoy=envoy.executable(), **network
    ) as cloud:
        yield cloud


def test_two_services_of_a_stack_have_one_address_and_are_told_apart(
    make_stack: Callable[..., ProgramStack],
) -> None:
    stack = make_stack("edged", {"fpga-web-service:accountCapacity": "2"})
    file = Path(stack.folder, f"Pulumi.{stack.stack}.yaml")
    content = yaml.safe_load(file.read_text())
    names = ("cats", "dogs")
    content["config"]["fpga-web-service:services"] = [
        {"name": name, "fqdn": f"{name}.{stack.fqdn}"} for name in names
    ]
    file.write_text(yaml.safe_dump(content))

    stack.up()
    told = stack.outputs()["services"]

    assert {(one["ip"], one["port"]) for one in told.values()} == {("127.92.0.1", 50051)}
    assert {one["fqdn"] for one in told.values()} == {f"{name}.{stack.fqdn}" for name in names}
    for name in names:
        scored = stack.fpga("predict", str(PHOTO), "--stack", stack.stack, "--service", name)
        assert scored.returncode == 0, scored.stderr
        assert "espresso" in scored.stdout
    stack.destroy()
