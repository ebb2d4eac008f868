"""`fpga touched` in a real git repository: what the commits of a branch touch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fpga.cli import main

Run = Callable[..., tuple[int, str, str]]


class Repository:
    """A checkout of the project, as far as `touched` looks at it, with an origin."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch=main")
        self.write("Pulumi.yaml", "name: fpga-web-service\n")
        for stack in ("prod", "staging", "dev", "team-x"):
            self.write(f"stacks/Pulumi.{stack}.yaml", "config: {}\n")
            self.write(f"stacks/Backend.{stack}.yaml", "url: file://.local/state\n")
        self.write("stacks/Pulumi.local.template.yaml", "config: {}\n")
        self.write("infra/program.py", "# the graph\n")
        self.write("docs/operations.md", "# Operations\n")
        self.write("stacks/Pulumi.local.yaml", "ignored: true\n")
        self.write(".gitignore", "stacks/Pulumi.local.yaml\n")
        self.commit("Begin")
        self.git("update-ref", "refs/remotes/origin/main", "HEAD")

    def git(self, *arguments: str) -> str:
        environment = {
            **os.environ,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            "GIT_AUTHOR_NAME": "Ada",
            "GIT_AUTHOR_EMAIL": "ada@contoso.test",
            "GIT_COMMITTER_NAME": "Ada",
            "GIT_COMMITTER_EMAIL": "ada@contoso.test",
        }
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def commit(self, message: str) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    made = Repository(tmp_path)
    made.git("switch", "--quiet", "--create", "branch")
    return made


@pytest.fixture
def touched(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `fpga touched`: exit code, standard output, standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["fpga", "touched", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return run


def stacks(touched: Run, *arguments: str) -> list[str]:
    code, out, _ = touched(*arguments, "--json")
    assert code == 0
    found = json.loads(out)
    assert isinstance(found, list)
    return found


def test_a_stack_s_own_files_touch_that_stack(repository: Repository, touched: Run) -> None:
    assert stacks(touched) == []
    assert touched() == (0, "No stack is touched since origin/main.\n", "")
    repository.write("stacks/Backend.prod.yaml", "url: file://elsewhere\n")
    repository.write("docs/operations.md", "# How it is run\n")
    repository.commit("Move the state of prod")
    assert stacks(touched) == ["prod"]
    repository.write("stacks/Pulumi.dev.yaml", "config: {a: b}\n")
    repository.write("stacks/Backend.dev.yaml", "url: file://there\n")
    repository.commit("Change dev")
    assert stacks(touched, "--base", "origin/main") == ["dev", "prod"]
    assert touched()[1].splitlines() == [
        "dev        stacks/Backend.dev.yaml and 1 more",
        "prod       stacks/Backend.prod.yaml",
    ]


def test_code_touches_every_stack_in_the_order_of_promotion(repository: Repository, touched: Run) -> None:
    repository.write("infra/program.py", "# another graph\n")
    repository.commit("Change the program")
    assert stacks(touched) == ["dev", "staging", "prod", "team-x"]


def test_only_what_is_committed_counts(repository: Repository, touched: Run) -> None:
    repository.write("stacks/Pulumi.dev.yaml", "config: {a: b}\n")
    assert stacks(touched) == []


def test_what_others_merged_meanwhile_is_not_the_branch_s(repository: Repository, touched: Run) -> None:
    repository.write("stacks/Pulumi.dev.yaml", "config: {a: b}\n")
    repository.commit("Change dev")
    repository.git("switch", "--quiet", "main")
    repository.write("stacks/Pulumi.prod.yaml", "config: {a: b}\n")
    repository.commit("Change prod")
    repository.git("update-ref", "refs/remotes/origin/main", "HEAD")
    repository.git("switch", "--quiet", "branch")
    assert stacks(touched) == ["dev"]
    # as GitHub checks a pull request out: merged into its base
    repository.git("merge", "--quiet", "--no-edit", "origin/main")
    assert stacks(touched) == ["dev"]


def test_a_merge_touches_what_its_branch_touched(repository: Repository, touched: Run) -> None:
    before = repository.git("rev-parse", "main")
    repository.write("stacks/Pulumi.dev.yaml", "config: {a: b}\n")
    repository.commit("Change dev")
    repository.git("switch", "--quiet", "main")
    repository.git("merge", "--quiet", "--no-ff", "--no-edit", "branch")
    assert stacks(touched, "--base", before) == ["dev"]


def test_new_gone_and_renamed_stacks(repository: Repository, touched: Run) -> None:
    repository.write("stacks/Pulumi.new.yaml", "config: {}\n")
    repository.git("rm", "--quiet", "stacks/Pulumi.staging.yaml", "stacks/Backend.staging.yaml")
    repository.git("mv", "stacks/Pulumi.team-x.yaml", "stacks/Pulumi.team-y.yaml")
    repository.commit("Change the environments")
    assert stacks(touched) == ["new", "team-y"]


def test_without_a_stack_none_is_called_untouched(repository: Repository, touched: Run) -> None:
    repository.git("rm", "--quiet", "-r", "stacks")
    repository.commit("Remove the environments")
    code, out, told = touched("--json")
    assert (code, out) == (1, "")
    assert "has no stack (stacks/Pulumi.STACK.yaml), so none that could be touched" in told


def test_a_file_moved_out_of_the_program_touches_every_stack(repository: Repository, touched: Run) -> None:
    repository.git("mv", "infra/program.py", "docs/program.py")
    repository.commit("Move it")
    assert stacks(touched) == ["dev", "staging", "prod", "team-x"]


def test_it_works_below_the_root(
    repository: Repository, touched: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.write("stacks/Pulumi.dev.yaml", "config: {a: b}\n")
    repository.commit("Change dev")
    monkeypatch.chdir(repository.folder / "docs")
    assert stacks(touched) == ["dev"]


@pytest.mark.parametrize("base", ["origin/mian", "0" * 40, "--output=stolen", "HEAD:infra"])
def test_an_unknown_base_is_named(base: str, repository: Repository, touched: Run) -> None:
    code, out, told = touched(f"--base={base}", "--json")
    assert (code, out) == (1, "")
    assert f"--base: there is no commit {base} in {repository.folder}." in told
    assert "git fetch --unshallow" in told
    assert not list(repository.folder.glob("stolen*"))


def test_an_unrelated_base_is_told(repository: Repository, touched: Run) -> None:
    repository.git("switch", "--quiet", "--orphan", "another")
    repository.git("commit", "--quiet", "--allow-empty", "--message", "Begin again")
    repository.git("switch", "--quiet", "branch")
    code, _, told = touched("--base", "another")
    assert code == 1
    assert "--base: another and HEAD have no commit in common" in told


def test_a_folder_without_history_is_told(
    tmp_path: Path, touched: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: fpga-web-service\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    code, _, told = touched()
    assert code == 1
    assert "there is no commit origin/main" in told


def test_a_machine_without_git_is_told(
    repository: Repository, touched: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(repository.folder))
    assert touched() == (1, "", "error: git is not installed: it tells what a branch changed.\n")
