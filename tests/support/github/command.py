"""`fpga …` against the stand-in, as a workflow's job runs it, or a person at home."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fpga.cli import main
from tests.support.github.stand_in import PERSONAL_TOKEN, REPOSITORY, WORKFLOW_TOKEN, Server, StandIn


class Command:
    """Runs the command with a workflow's environment."""

    def __init__(
        self, github: StandIn, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.github = github
        self._capsys = capsys
        self._monkeypatch = monkeypatch
        self.variable("GITHUB_ACTIONS", "true")
        self.variable("GITHUB_API_URL", github.url)
        self.variable("GITHUB_REPOSITORY", REPOSITORY)
        self.variable("GITHUB_SERVER_URL", "https://github.test")
        self.variable("GITHUB_RUN_ID", "42")
        self.variable("GITHUB_TOKEN", WORKFLOW_TOKEN)

    def variable(self, name: str, value: str | None) -> None:
        """Sets, or removes, an environment variable."""
        if value is None:
            self._monkeypatch.delenv(name, raising=False)
        else:
            self._monkeypatch.setenv(name, value)

    def as_ada(self) -> None:
        """On a laptop, with a personal token."""
        for name in ("GITHUB_ACTIONS", "GITHUB_RUN_ID"):
            self.variable(name, None)
        self.variable("GITHUB_TOKEN", PERSONAL_TOKEN)

    def __call__(self, *arguments: str | Path) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        self._monkeypatch.setattr(sys, "argv", ["fpga", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        told = self._capsys.readouterr()
        for secret in (WORKFLOW_TOKEN, PERSONAL_TOKEN, "signed-secret"):
            assert secret not in told.out + told.err
        assert "Traceback" not in told.err
        return int(ended.value.code or 0), told.out, told.err


@pytest.fixture(scope="module")
def github_server() -> Iterator[Server]:
    """Where a module's GitHubs answer."""
    with Server().running() as server:
        yield server


@pytest.fixture
def github(github_server: Server) -> StandIn:
    """A GitHub of this test's own."""
    return github_server.fresh()


@pytest.fixture
def fpga(
    github: StandIn,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Command:
    """The command, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return Command(github, capsys, monkeypatch)
