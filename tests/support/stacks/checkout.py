"""A checkout of its own for a test: the project as it is here, committed or not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from infra.settings.reader import PROJECT_ROOT

TIMEOUT_S = 300.0
_OF_A_SHELL = ("PULUMI_", "FPGA_", "ARM_", "AZURE_", "SSL_CERT_FILE")


class Checkout:
    """A clone of the project, whose virtual environment finds what is installed for these tests."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.local = folder, folder / ".local"
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=PROJECT_ROOT,
            capture_output=True,
            check=True,
            text=True,
        )
        for name in listed.stdout.split("\0"):
            if name and (PROJECT_ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(PROJECT_ROOT / name, folder / name)
        # nothing is fetched: of what the lock would install the environment knows already
        (folder / "requirements.lock").write_text("# nothing\n")
        python = getattr(sys, "_base_executable", sys.executable)
        # pip is among what is installed; to unpack and compile one takes longer than all else here
        subprocess.run([python, "-m", "venv", "--without-pip", self.local / "venv"], check=True)
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
