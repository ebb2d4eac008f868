"""The program, its plugins and the commands where a person's shell holds what would lead them astray."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine import activation, cache
from engine.install import Engine
from infra.settings.reader import PROJECT_ROOT
from localcloud import control
from tests.support.stacks import misleading
from tests.support.stacks.program_stack import ProgramStack
from tests.support.waiting import PATIENCE_S

MakeStack = Callable[..., ProgramStack]


@pytest.fixture
def astray(tmp_path: Path) -> Iterator[dict[str, str]]:
    """All of it at once."""
    with misleading.closed_proxy() as proxies:
        yield {**misleading.of_python(tmp_path / "packages"), **misleading.OF_TOOLS, **proxies}


@pytest.mark.parametrize("excepted", [{}, {"no_proxy": "localhost"}, {"no_proxy": "*"}], ids=str)
def test_plain_pulumi_deploys_past_every_proxy(
    make_stack: MakeStack, excepted: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CLI with its plugins, in no activated shell: engine, cloud, name server and service are here."""
    stack = make_stack(f"proxied-{len(str(excepted))}")
    with misleading.closed_proxy() as proxies:
        for name, value in {**proxies, **excepted}.items():
            monkeypatch.setitem(stack.environment, name, value)
        for name in {"no_proxy", "NO_PROXY"} - set(excepted):
            stack.environment.pop(name, None)
        done = stack.up()
        assert done.operations["endpoint-check"] == "create", "the endpoint check saw the service answer"
        assert done.complaints == []
        judged = stack.preview("--expect-no-changes", "--policy-pack", str(PROJECT_ROOT / "policy"))
        assert judged.complaints == []
        stack.destroy()


class Checkout:
    """A checkout in which nothing was made."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.local = folder, folder / ".local"
        folder.mkdir()
        for name in ("infra", "Pulumi.yaml", "samples"):
            (folder / name).symlink_to(PROJECT_ROOT / name)
        (folder / "stacks").mkdir()
        template = "stacks/Pulumi.local.template.yaml"
        (folder / template).write_bytes((PROJECT_ROOT / template).read_bytes())

    def run(self, command: list[str], variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, "FPGA_LOCAL": str(self.local), **variables},
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE_S,
            check=False,
        )


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    made = Checkout(tmp_path / "checkout")
    yield made
    control.stop(made.local / "cloud")


def test_whole_flow_in_a_shell_that_leads_astray(checkout: Checkout, astray: dict[str, str]) -> None:
    fpga = str(Path(sys.executable).parent / "fpga")
    astray = {**astray, **misleading.OF_PULUMI, "FPGA_CACHE": str(cache.root())}

    up = checkout.run([fpga, "up"], astray)
    assert up.returncode == 0, up.stdout + up.stderr
    assert "1. espresso" in up.stdout
    assert "Deployed (" in up.stdout

    again = checkout.run(["sh", "-c", 'exec "$1" up >&-', "sh", fpga], astray)
    assert again.returncode == 0, again.stderr

    sourced = '. .local/activate; pulumi preview --expect-no-changes >&2; fpga predict "$1"'
    photo = str(checkout.folder / "samples" / "espresso.jpg")
    shell = checkout.run(["sh", "-euc", sourced, "sh", photo], astray | {"PULUMI_STACK": "other"})
    assert shell.returncode == 0, shell.stdout + shell.stderr
    assert "1. espresso" in shell.stdout

    down = checkout.run([fpga, "down"], astray)
    assert (down.returncode, down.stdout) == (0, "localcloud is stopped.\n")


def test_activation_takes_effect_on_what_a_shell_holds(engine: Engine, astray: dict[str, str]) -> None:
    """And leaves the person's own exceptions, sources of packages and repository."""
    show = '. "$1"; exec env -0'
    own = {"NO_PROXY": "intranet.example", "PIP_INDEX_URL": "https://packages.example"}
    told = subprocess.run(
        ["sh", "-euc", show, "sh", str(engine.local / "activate")],
        env={"PATH": os.environ["PATH"], **astray, **misleading.OF_PULUMI, **own},
        capture_output=True,
        text=True,
        check=True,
    )
    seen = dict(line.split("=", 1) for line in told.stdout.split("\0") if "=" in line)
    assert seen["NO_PROXY"] == seen["no_proxy"] == "intranet.example,localhost,127.0.0.0/8,::1"
    assert seen["https_proxy"] == astray["https_proxy"]
    assert seen["PIP_INDEX_URL"] == "https://packages.example"
    assert seen["GIT_DIR"] == astray["GIT_DIR"]
    assert {name for name in seen if name.startswith("PULUMI_")} == set(activation.settings(engine.local))
    assert {name for name in seen if name.startswith("PYTHON")} == {"PYTHONUTF8"}
