"""The whole flow, from `make up` to `make clean`, in a folder whose name no shell and no URL likes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.configuration import PROJECT_ROOT
from tests.odd_folders import ODD

TIMEOUT_S = 300.0
_OF_A_SHELL = ("PULUMI_", "FPGA_", "ARM_", "AZURE_", "SSL_CERT_FILE")


class Checkout:
    """A clone of the project, whose virtual environment finds what is installed for these tests."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.local = folder, folder / ".local"
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=PROJECT_ROOT, capture_output=True, check=True, text=True
        )
        for name in listed.stdout.split("\0"):
            if name and (PROJECT_ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(PROJECT_ROOT / name, folder / name)
        # nothing is fetched: of what the lock would install the environment knows already
        (folder / "requirements.lock").write_text("# nothing\n")
        python = getattr(sys, "_base_executable", sys.executable)
        subprocess.run([python, "-m", "venv", self.local / "venv"], check=True)
        packages = self.local.joinpath("venv", *Path(sysconfig.get_path("purelib")).parts[-3:])
        (packages / "installed.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(_OF_A_SHELL)
        }
        self.environment |= {name: os.environ[name] for name in ("FPGA_CACHE",) if name in os.environ}
        self.git("init", "-q")
        self.git("add", "-A")

    def git(self, *arguments: str) -> str:
        return self._run(["git", *arguments])

    def make(self, target: str) -> str:
        return self._run(["make", target, f"PYTHON={sys.executable.replace('$', '$$')}"])

    def run(self, script: str, *, by: str = "sh") -> str:
        """Runs a script in a shell that is activated."""
        return self._run([by, "-euc", f". .local/activate\n{script}"])

    def _run(self, command: list[str]) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=TIMEOUT_S
        )
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout


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
