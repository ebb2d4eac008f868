"""A team's parts, all in one folder: a repository with its origin, and a localcloud for each environment."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from certs.sources.self_signed import Authority, issue, new_authority
from tools.story.narrator import Narrator, StoryError, terminal_columns

if TYPE_CHECKING:
    from localcloud.status import Status

STACKS: Final = ("dev", "staging", "prod")
SERVICES: Final = ("scores", "labels")
"""The services of each stack, in the order of its list; the branch is about the first one."""
_GIT: Final = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@contoso.test",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@contoso.test",
    # nobody's own settings change the story
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}

_LOG: Final = "story.log"
_TELL_VARIABLES: Final = "import json, os; print(json.dumps(dict(os.environ)))"


@dataclass
class Team:
    """A team: its repository, its clouds and its certification authority.

    Attributes:
        folder: all that the story makes.
        checkout: where the code comes from.
        clouds: the status of each environment's localcloud.
        authority: the company's own certification authority.
    """

    narrator: Narrator
    folder: Path
    checkout: Path
    clouds: dict[str, Status] = field(default_factory=dict)
    authority: Authority = field(
        default_factory=lambda: new_authority("Contoso Root CA", dt.datetime.now(dt.UTC))
    )
    _shells: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)

    @property
    def repository(self) -> Path:
        """Ada's clone."""
        return self.folder / "repository"

    @property
    def local(self) -> Path:
        """The folder of everything that the commands make in the clone."""
        return self.repository / ".local"

    @property
    def artifacts(self) -> Path:
        """The folder of what a workflow would keep: plans, the comment, findings."""
        return self.folder / "artifacts"

    @property
    def log(self) -> Path:
        """The file of all that was told."""
        return self.folder / _LOG

    def data(self, stack: str) -> Path:
        """The folder of all that the environment's localcloud keeps."""
        return self.folder / "clouds" / stack

    def plan(self, stack: str) -> Path:
        """The plan that is reviewed."""
        return self.artifacts / f"plan-{stack}.json"

    def client_secret(self, stack: str) -> str:
        """The client's secret, which would be one of the GitHub environment."""
        from fpga.cloud import connection

        return connection.client_secret(self.clouds[stack])

    def state_key(self, stack: str) -> str:
        """The key of the storage account that holds the stack's state."""
        return self._shell(stack)["AZURE_STORAGE_KEY"]

    def told(self, path: Path) -> str:
        """A path of the team's as a command in the repository names it."""
        return os.path.relpath(path, self.repository)

    def certificate(self, stack: str, service: str) -> tuple[Path, Path]:
        """A new certificate of the company's authority for a service's name: chain and key, in files."""
        bundle = issue(self.authority, [fqdn(stack, service)], dt.datetime.now(dt.UTC))
        folder = self.folder / "certificates" / stack / service
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        generation = len(list(folder.glob("chain-*.pem"))) + 1
        chain, key = (folder / f"{part}-{generation}.pem" for part in ("chain", "key"))
        chain.write_text(bundle.certificate_pem)
        key.touch(mode=0o600)
        key.write_text(bundle.key_pem)
        return chain, key

    def start_cloud(self, stack: str) -> None:
        """Has a localcloud of the environment's own run."""
        from localcloud.status import Status

        told = self.fpga("cloud", "up", "--data", self.told(self.data(stack)), "--json", shown=False)
        self.clouds[stack] = Status.from_json(json.loads(told))

    def fpga(self, *arguments: str, stack: str | None = None, shown: bool = True) -> str:
        """Runs `fpga` in the repository, signed in to the stack's cloud."""
        return self.narrator.play(("fpga", *arguments), self.repository, self.environment(stack), shown=shown)

    def python(self, *arguments: str) -> str:
        """Runs the project's Python in the repository."""
        return self.narrator.play(("python", *arguments), self.repository, self.environment(None))

    def pulumi(self, stack: str, *arguments: str, stdin: Path | None = None, shown: bool = True) -> str:
        """Runs `pulumi` in the repository, in a shell that is activated for the stack."""
        command = ("pulumi", *arguments, "--stack", stack)
        return self.narrator.play(command, self.repository, self._shell(stack), stdin=stdin, shown=shown)

    def git(self, *arguments: str, folder: Path | None = None) -> str:
        """Runs `git`, in the repository unless another folder is given."""
        variables = {**os.environ, **_GIT}
        return self.narrator.play(("git", *arguments), folder or self.repository, variables)

    def _shell(self, stack: str) -> dict[str, str]:
        """The variables of a shell that is activated for the stack; one for the whole story."""
        if stack not in self._shells:
            activate = f"FPGA_STACK={stack} . .local/activate"
            self.narrator.tell(f"$ {activate}")
            told = subprocess.run(
                ["sh", "-c", f"{activate} && exec python -c '{_TELL_VARIABLES}'"],
                cwd=self.repository,
                env=self.environment(stack),
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            self._shells[stack] = json.loads(told.stdout)
        return self._shells[stack]

    def environment(self, stack: str | None) -> dict[str, str]:
        """The variables of a command in the repository; with a stack, one that is signed in to its cloud."""
        import engine

        variables = engine.environment(self.local)
        foreign = (
            "ARM_",
            "AZURE_",
            "FPGA_LOCAL",
            "FPGA_STACK",
            "PULUMI_BACKEND",
            "PULUMI_CONFIG",
            "PULUMI_OPTION",
        )
        variables = {name: value for name, value in variables.items() if not name.startswith(foreign)}
        variables |= {"NO_COLOR": "1"}
        if stack is not None:
            variables["ARM_CLIENT_SECRET"] = self.client_secret(stack)
            variables["SSL_CERT_FILE"] = str(self.clouds[stack].ca)
        return variables


def zone(stack: str) -> str:
    """The DNS zone that the stack declares."""
    return "contoso.test" if stack == "prod" else f"{stack}.contoso.test"


def fqdn(stack: str, service: str = SERVICES[0]) -> str:
    """The name by which a service of the stack is called."""
    return f"{service}.{zone(stack)}"


@contextmanager
def founded(folder: Path, checkout: Path) -> Iterator[Team]:
    """A team in a folder that is made anew; at the end its localclouds are stopped, and all else is kept.

    Raises:
        StoryError: the folder has content that is no earlier story's, which nobody asked to delete.
    """
    if folder.exists():
        if any(folder.iterdir()) and not (folder / _LOG).is_file():
            raise StoryError(
                f"{folder} holds something else than a story: name a new folder, or an empty one."
            )
        _stop_clouds(folder)
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700, parents=True)
    team = Team(Narrator(folder / _LOG, terminal_columns()), folder, checkout)
    team.artifacts.mkdir()
    try:
        yield team
    finally:
        _stop_clouds(folder)


def _stop_clouds(folder: Path) -> None:
    from localcloud import control

    for data in (folder / "clouds").glob("*"):
        control.stop(data)
