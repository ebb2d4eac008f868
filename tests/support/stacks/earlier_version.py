"""A checkout of an earlier version with an environment of its own, which a later one can be laid over."""

from __future__ import annotations

import os
import shutil
import subprocess
import venv
from pathlib import Path
from typing import Final

import certifi

from infra.settings.reader import PROJECT_ROOT

TIMEOUT_S: Final = 300.0
_PACKAGES: Final = Path(certifi.__file__).parent.parent
# what a shell that is not activated has nothing of
_SELECTED: Final = ("PULUMI_", "SSL_CERT_FILE", "ARM_", "FPGA_LOCAL", "FPGA_STACK", "PYTHONPATH")


def is_known(commit: str) -> bool:
    """Whether the history that this checkout has goes back to a commit."""
    done = subprocess.run(
        ["git", "cat-file", "-e", f"{commit}^{{commit}}"], cwd=PROJECT_ROOT, capture_output=True, check=False
    )
    return done.returncode == 0


class Checkout:
    """A folder with the files of one version, and a `.local` that stays when another one is laid over it.

    The installed packages are this environment's; the project's own are the folder's.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.local = folder / ".local"
        self.python = self.local / "venv" / "bin" / "python"
        self.stack_file = folder / "stacks" / "Pulumi.local.yaml"
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(_SELECTED)
        }
        folder.mkdir()

    def lay_commit(self, commit: str) -> None:
        """Has the folder hold the files of a commit."""
        self._empty()
        archive = subprocess.run(
            ["git", "archive", commit], cwd=PROJECT_ROOT, capture_output=True, check=True
        ).stdout
        subprocess.run(["tar", "-x"], cwd=self.folder, input=archive, check=True)
        self._environment()

    def lay_this_version(self) -> None:
        """Has the folder hold the files of the checkout that is tested, committed or not."""
        settings = self.stack_file.read_bytes() if self.stack_file.exists() else None
        self._empty()
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=PROJECT_ROOT, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        for name in filter(None, listed.split("\0")):
            source, target = PROJECT_ROOT / name, self.folder / name
            if source.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
        if settings is not None:
            self.stack_file.write_bytes(settings)
        self._environment()

    def fpga(
        self, *arguments: str, code: int | None = 0, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs the folder's own `fpga` in it."""
        done = subprocess.run(
            [str(self.python), "-m", "fpga.cli", *arguments],
            cwd=self.folder, env=self.environment | variables, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False, timeout=TIMEOUT_S,
        )  # fmt: skip
        if code is not None:
            assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def git(self, *arguments: str) -> str:
        """Runs git in the folder."""
        name = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org")
        return subprocess.run(
            ["git", *name, *arguments], cwd=self.folder, capture_output=True, text=True, check=True
        ).stdout.strip()

    def commit(self, message: str) -> str:
        """Has git keep all files of the folder, and gives the commit."""
        self.git("init", "-q")
        self.git("add", "--all")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def forget(self) -> None:
        """Removes all that was made in `.local`: localcloud's data, the state, its passphrase."""
        for one in self.local.iterdir():
            if one.name != "venv":
                shutil.rmtree(one) if one.is_dir() and not one.is_symlink() else one.unlink()

    def _empty(self) -> None:
        for one in self.folder.iterdir():
            if one == self.local:
                continue
            if one.is_dir():
                shutil.rmtree(one)
            else:
                one.unlink()

    def _environment(self) -> None:
        """A virtual environment whose path begins with the folder, made once."""
        if not self.python.exists():
            self.local.mkdir(mode=0o700, exist_ok=True)
            venv.create(self.local / "venv", symlinks=True, with_pip=False)
            (packages,) = (self.local / "venv").glob("lib/python*/site-packages")
            (packages / "checkout.pth").write_text(f"{self.folder}\n{_PACKAGES}\n")
            assert self._imported() == self.folder / "fpga" / "cli.py"

    def _imported(self) -> Path:
        told = subprocess.run(
            [str(self.python), "-c", "import fpga.cli; print(fpga.cli.__file__)"],
            cwd="/", env=self.environment, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        return Path(told.strip())
