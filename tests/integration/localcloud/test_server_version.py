"""What a localcloud tells of its code, and what is seen of how it was started."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from infra.settings.reader import PROJECT_ROOT
from localcloud import command_line, control, ports
from localcloud.errors import StartError
from localcloud.settings import CLIENT_SECRET, Settings
from localcloud.version import UNTOLD, commit_at, here
from surroundings.tls import client_context, server_context
from tests.support.localcloud.arm_caller import ArmCaller, refusal
from tests.support.servers import http_server


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """Of a localcloud in a folder with a space in its name, with all options set but for blob storage."""
    found = Settings(
        tmp_path / "my data",
        tmp_path / "feat urizers",
        host="127.0.0.1",
        scoring_network="127.93.0.0/16",
        scoring_port=50093,
        package_hosts=("127.0.0.1:9000", "[::1]:9000"),
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
        assert json.loads(answer.read()) == {
            "alive": True,
            "version": here().number,
        }
    assert status.version == here()

    with closing(ArmCaller(status)) as caller:
        refused = caller("GET", "/health", version=None, headers={"Authorization": "Bearer of.no.use"})
        told = caller("GET", "/health", version=None).json()
    assert refusal(refused)[:2] == (401, "InvalidAuthenticationToken")
    secret = status.client_secret_file.read_text().strip()
    assert secret not in json.dumps(told)
    assert set(told) == {
        *("alive", "version", "commit", "https", "ca", "tenant", "subscription", "client_id"),
        *("needs_roots", "certificate", "client_secret_file", "dns", "blob", "pid", "services", "listeners"),
        *("execution_providers", "edge", "replicas"),
    }


def test_a_localcloud_of_before_that_tells_all_to_anybody_is_understood(settings: Settings) -> None:
    started = control.start(settings)
    (settings.data / CLIENT_SECRET).write_text("of no use")
    with pytest.raises(StartError, match=r"does not answer \(POST /.*/oauth2/v2.0/token: HTTP 401\)"):
        control.status(settings.data)
    told_before = started.to_json() | {"alive": True, "version": None, "commit": None}

    class Before(http_server.Handler):
        def do_GET(self) -> None:
            assert (self.path, self.headers["Authorization"]) == ("/health", None)
            self.answer(200, json.dumps(told_before).encode())

    with localcloud_at(settings.data, Before):
        status = control.status(settings.data)
    assert (status.pid, status.subscription, status.version) == (started.pid, started.subscription, UNTOLD)


@contextmanager
def localcloud_at(data: Path, handler: type[http_server.Handler]) -> Iterator[None]:
    """A server in the place of the one that runs, with its certificate, and ports that say so."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        context = server_context(data / "server.pem", data / "server.key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        file = data / ports.PORTS_FILE
        kept = file.read_text()
        file.write_text(json.dumps(json.loads(kept) | {"https": server.server_port}))
        try:
            yield
        finally:
            file.write_text(kept)
            server.shutdown()
            thread.join()


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
