"""What a localcloud tells of its code, and what is seen of how it was started."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.settings.reader import PROJECT_ROOT
from localcloud import command_line, control
from localcloud.settings import Settings
from localcloud.version import UNTOLD, commit_at, here
from surroundings.tls import client_context


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """Of a localcloud in a folder with a space in its name, with all options set but for blob storage."""
    found = Settings(
        tmp_path / "my data",
        tmp_path / "feat urizers",
        host="127.0.0.1",
        scoring_network="127.93.0.0/16",
        scoring_port=50093,
    )
    yield found
    control.stop(found.data)


def git(folder: Path, *arguments: str) -> str:
    name = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org")
    return subprocess.run(
        ["git", *name, *arguments], cwd=folder, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_it_says_that_it_is_alive_and_as_what(settings: Settings) -> None:
    status = control.start(settings)
    context = client_context(cafile=str(status.ca))

    with urllib.request.urlopen(f"{status.https}/health", context=context) as answer:  # noqa: S310
        told = json.loads(answer.read())

    assert (told["alive"], told["version"], told["commit"]) == (True, here().number, here().commit)
    assert status.version == here()
    secret = status.client_secret_file.read_text().strip()
    assert secret not in json.dumps(told)
    assert set(told) == {
        *("alive", "version", "commit", "https", "ca", "tenant", "subscription", "client_id"),
        *("client_secret_file", "dns", "blob", "pid", "services"),
    }


def test_one_that_does_not_run_has_no_version(settings: Settings) -> None:
    status = control.status(settings.data)
    assert (status.running, status.version) == (False, UNTOLD)


def test_its_options_are_seen_while_it_runs(settings: Settings) -> None:
    assert control.settings_of(settings.data) is None
    control.start(settings)
    assert control.settings_of(settings.data) == settings


def test_a_process_that_is_no_localcloud_has_no_options() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        assert command_line.of_process(other.pid) is None
        other.kill()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    git(folder, "commit", "-q", "--allow-empty", "-m", "one")
    return folder


def test_the_commit_is_what_git_says(repository: Path, tmp_path: Path) -> None:
    """On a branch, with packed references, detached, and in a further work tree."""
    assert commit_at(repository) == git(repository, "rev-parse", "HEAD")
    git(repository, "pack-refs", "--all")
    assert not (repository / ".git" / "refs" / "heads" / "main").exists()
    assert commit_at(repository) == git(repository, "rev-parse", "HEAD")
    git(repository, "checkout", "-q", "--detach")
    git(repository, "commit", "-q", "--allow-empty", "-m", "two")
    assert (
        commit_at(repository) == git(repository, "rev-parse", "HEAD") != git(repository, "rev-parse", "main")
    )

    other = tmp_path / "other"
    git(repository, "worktree", "add", "-q", "-b", "feature/x", str(other), "main")
    assert commit_at(other) == git(repository, "rev-parse", "main")
    git(other, "commit", "-q", "--allow-empty", "-m", "three")
    git(repository, "pack-refs", "--all")
    assert commit_at(other) == git(repository, "rev-parse", "feature/x")


def test_a_folder_without_git_has_no_commit(tmp_path: Path, repository: Path) -> None:
    assert commit_at(tmp_path) is None
    below = repository / "below"
    below.mkdir()
    assert commit_at(below) is None
    (repository / ".git" / "HEAD").write_text("ref: refs/heads/none\n")
    assert commit_at(repository) is None


def test_the_commit_of_this_code_is_that_of_its_checkout() -> None:
    if not (PROJECT_ROOT / ".git").exists():
        pytest.skip("this code is no checkout of git")
    assert here().commit == git(PROJECT_ROOT, "rev-parse", "HEAD")
