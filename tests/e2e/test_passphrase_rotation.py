"""A stack's passphrase, rotated: all reads as before, with the new one alone, wherever it was cut off."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine import state_url
from engine.install import Engine
from fpga.errors import CommandError
from fpga.project import PROJECT, Project
from fpga.stacks import backend, passphrase
from tests.support.stacks.team_project import TeamProject

SECRET = "sesame-of-the-state"
CLIENT_SECRET = "sesame-of-the-client"
_SIGN = "4dabf18193072939515e22adb298388d"
_SECRET_SIGN = "1b47061264138c4ac30d75fd1eb44270"


class Team:
    """A checkout whose stacks have a secret in their file, and one in their state."""

    def __init__(self, engine: Engine, folder: Path, *names: str) -> None:
        self.project = TeamProject(engine, folder)
        self.own = Project(folder, self.project.local)
        self.engine = engine
        for name in names:
            self.project.fpga("stack", "new", name, "--from", "dev")
            self.file(name).with_name(f"Backend.{name}.yaml").write_text(
                yaml.safe_dump({"url": "file://.local/state", "passphraseFile": ".local/passphrases/team"})
            )
            self.project.fpga("stack", "init", name)
            self.pulumi(name, "config", "set", "--secret", "azure-native:clientSecret", stdin=CLIENT_SECRET)
            state = json.loads(self.pulumi(name, "stack", "export"))
            state["deployment"]["resources"] = [
                {
                    "urn": f"urn:pulumi:{name}::{PROJECT}::pulumi:pulumi:Stack::{PROJECT}-{name}",
                    "type": "pulumi:pulumi:Stack",
                    "custom": False,
                    "outputs": {"key": {_SIGN: _SECRET_SIGN, "plaintext": json.dumps(SECRET)}},
                }
            ]
            self.pulumi(name, "stack", "import", stdin=json.dumps(state))

    @property
    def passphrase(self) -> Path:
        return self.project.local / "passphrases" / "team"

    @property
    def journal(self) -> Path:
        return self.project.local / "passphrase-rotation"

    def file(self, name: str) -> Path:
        return self.project.folder / "stacks" / f"Pulumi.{name}.yaml"

    def rotate(self, name: str) -> list[str]:
        """What a rotation in this process tells."""
        told: list[str] = []
        passphrase.rotate(self.own, name, told.append)
        return told

    def pulumi(self, name: str, *arguments: str, stdin: str = "", code: int = 0, **variables: str) -> str:
        """Runs plain `pulumi` with the variables of an activated shell."""
        activated = {
            "PULUMI_BACKEND_URL": state_url.url_of(self.project.local / "state"),
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self.passphrase),
        }
        done = subprocess.run(
            [self.engine.pulumi, *arguments, "--stack", name, "--non-interactive", "--color", "never"],
            cwd=self.project.folder,
            env=self.engine.environment | activated | variables,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + (done.stderr if code else "")

    def expect_readable(self, name: str) -> None:
        """Settings and state read as they always did, by plain pulumi."""
        settings: dict[str, Any] = json.loads(self.pulumi(name, "config", "--json", "--show-secrets"))
        assert settings["azure-native:clientSecret"] == {"value": CLIENT_SECRET, "secret": True}
        assert json.loads(self.pulumi(name, "stack", "output", "--json", "--show-secrets")) == {"key": SECRET}

    def killed(self, name: str, step: int) -> bool:
        """Runs a rotation that is killed before a step: False where it has no such step any more."""
        command = [
            sys.executable,
            "-c",
            _KILLED,
            str(step),
            *map(str, (self.own.checkout, self.own.local)),
            name,
        ]
        done = subprocess.run(
            command,
            cwd=self.project.folder,
            env=self.project.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        return done.returncode != 0


# steps are what changes something, from the end of what is prepared on
_KILLED = """
import os, pathlib, signal, shutil, sys
from fpga.project import Project
from fpga.stacks import passphrase

left = int(sys.argv[1])
counts = False

def dies_before(owner, name, changes=lambda arguments: True):
    real = getattr(owner, name)
    def step(*arguments, **named):
        global left, counts
        if not changes(arguments):
            return real(*arguments, **named)
        counts = counts or getattr(arguments[0], "name", "") == "rotation.json"
        if counts and left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= counts
        return real(*arguments, **named)
    setattr(owner, name, step)

dies_before(passphrase, "write_whole")
dies_before(passphrase, "_run", changes=lambda arguments: "import" in arguments)
dies_before(pathlib.Path, "unlink")
dies_before(shutil, "rmtree")
passphrase.rotate(Project(*map(pathlib.Path, sys.argv[2:4])), sys.argv[4], print)
"""


@pytest.fixture
def team(engine: Engine, tmp_path: Path) -> Team:
    return Team(engine, tmp_path / "team", "dev")


def test_everything_that_shares_it_is_encrypted_anew(engine: Engine, tmp_path: Path) -> None:
    team = Team(engine, tmp_path / "team", "dev", "staging")
    old, files = (
        team.passphrase.read_text(),
        {name: team.file(name).read_text() for name in ("dev", "staging")},
    )
    before = json.loads(team.pulumi("dev", "stack", "export"))
    mode = team.file("dev").stat().st_mode

    told = team.project.fpga("state", "rotate-passphrase", "-s", "dev")

    new = team.passphrase.read_text()
    assert new != old
    assert old not in told
    assert new not in told
    assert stat.S_IMODE(team.passphrase.stat().st_mode) == 0o600
    assert team.file("dev").stat().st_mode == mode
    for name, text in files.items():
        team.expect_readable(name)
        # comments and plain settings are as they were
        assert [line for line in team.file(name).read_text().splitlines() if "#" in line] == [
            line for line in text.splitlines() if "#" in line
        ]
        refused = team.pulumi(name, "config", "--show-secrets", code=1, PULUMI_CONFIG_PASSPHRASE=old)
        assert "incorrect passphrase" in refused
    assert not team.journal.exists()
    # what was before is readable with the passphrase of before, which is kept
    (kept,) = team.passphrase.parent.glob("team.until-*")
    assert f"The old one is in {kept}" in told
    assert kept.read_text() == old
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    team.file("dev").write_text(files["dev"])
    team.passphrase.write_text(old)
    team.pulumi("dev", "stack", "import", stdin=json.dumps(before))
    team.expect_readable("dev")


def test_one_that_is_killed_at_any_step_is_ended_by_the_next(team: Team) -> None:
    """Each of them: what stands is read as before, and everything is after the next rotation."""
    step = 0
    while team.killed("dev", step):
        if (team.journal / "rotation.json").exists():
            with pytest.raises(CommandError, match="cut off: `fpga state rotate-passphrase -s dev` ends it"):
                backend.environment(team.own, "dev")
        else:
            team.expect_readable("dev")  # as if nothing had begun
        team.rotate("dev")
        team.expect_readable("dev")
        assert not team.journal.exists()
        step += 1
    assert step >= 6
    team.expect_readable("dev")


def test_what_a_person_changed_after_one_was_cut_off_is_kept(team: Team) -> None:
    """The state is another one than what was prepared, and so is the file."""
    state = json.loads(team.pulumi("dev", "stack", "export"))
    assert team.killed("dev", 1)
    old = (team.journal / "old").read_text()
    changed = ("config", "set", "fpga-web-service:checkTimeout", "77")
    team.pulumi("dev", *changed, PULUMI_CONFIG_PASSPHRASE=old)
    state["deployment"]["resources"][0]["outputs"]["plain"] = "of a person"
    team.pulumi("dev", "stack", "import", stdin=json.dumps(state), PULUMI_CONFIG_PASSPHRASE=old)

    team.rotate("dev")

    assert team.pulumi("dev", "config", "get", "fpga-web-service:checkTimeout").strip() == "77"
    outputs = json.loads(team.pulumi("dev", "stack", "output", "--json", "--show-secrets"))
    assert outputs == {"key": SECRET, "plain": "of a person"}


def test_refusals_change_nothing(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    before = team.file("dev").read_bytes(), team.passphrase.read_bytes()
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", team.passphrase.read_text())
    with pytest.raises(CommandError, match="this command cannot change: put it into"):
        team.rotate("dev")
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE")

    lock = team.project.local / "state/.pulumi/locks/organization/fpga-web-service/dev/one.json"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text(json.dumps({"pid": 1, "username": "ada", "hostname": "elsewhere", "timestamp": ""}))
    with pytest.raises(CommandError, match="dev is locked by ada@elsewhere, process 1: wait for its end"):
        team.rotate("dev")
    lock.unlink()

    team.passphrase.write_text("wrong")
    with pytest.raises(CommandError, match="incorrect passphrase"):
        team.rotate("dev")
    team.passphrase.write_bytes(before[1])
    assert (team.file("dev").read_bytes(), team.passphrase.read_bytes()) == before
    assert not team.journal.exists()
    assert not list(team.passphrase.parent.glob("team.until-*"))
    team.expect_readable("dev")
