"""How a run with the policy pack ends: the language host, which runs the pack, leaves by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engine.install import Engine
from infra.settings.reader import PROJECT_ROOT
from tests.support.engine.host_witness import HostWitness
from tests.support.stacks.pulumi_project import PulumiProject

PACK = ("--policy-pack", str(PROJECT_ROOT / "policy"))


def test_no_run_ends_by_a_kill(
    engine: Engine, make_project: Callable[..., PulumiProject], tmp_path: Path
) -> None:
    witness = HostWitness(engine, tmp_path / "witness")
    project = make_project({"program/__main__.py": "import pulumi\n"}, environment=witness.environment)
    project.init()

    for result in (project.preview(*PACK), project.up(*PACK)):
        assert "fpga-web-service@v1.0.0" in result.text

    ends = witness.ends()
    assert len(ends) >= 2
    assert set(ends) == {0}
