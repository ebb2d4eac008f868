"""How a run with the policy pack ends: the language host, which runs the pack, leaves by itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from engine.install import Engine
from infra.settings.reader import PROJECT_ROOT
from tests.support import python_script
from tests.support.stacks.pulumi_project import PulumiProject

PACK = ("--policy-pack", str(PROJECT_ROOT / "policy"))

# Stands before the language host and writes down how each of its processes ended. The engine interrupts the
# group of both, and would kill this one, too, where the host does not leave within five seconds.
WITNESS = """\
import json, os, pathlib, signal, subprocess, sys
signal.signal(signal.SIGINT, lambda *_: None)
seen = pathlib.Path({seen!r}, str(os.getpid()))
seen.write_text(json.dumps("running"))
code = subprocess.Popen([{host!r}, *sys.argv[1:]]).wait()
seen.write_text(json.dumps(code))
sys.exit(code)
"""


def test_no_run_ends_by_a_kill(
    engine: Engine, make_project: Callable[..., PulumiProject], tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    seen.mkdir()
    witness = tmp_path / "bin" / "pulumi-language-python"
    witness.parent.mkdir()
    host = Path(engine.pulumi).with_name("pulumi-language-python")
    python_script.write(witness, WITNESS.format(host=str(host), seen=str(seen)))
    project = make_project(
        {"program/__main__.py": "import pulumi\n"},
        environment={"PATH": f"{witness.parent}:{engine.environment['PATH']}"},
    )
    project.init()

    for result in (project.preview(*PACK), project.up(*PACK)):
        assert "fpga-web-service@v1.0.0" in result.text

    ends = [json.loads(file.read_text()) for file in seen.iterdir()]
    assert len(ends) >= 2
    assert set(ends) == {0}
