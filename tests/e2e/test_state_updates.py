"""Updates at once, killed and cut off, with the state in a folder and in the real Azurite: it stays whole."""

from __future__ import annotations

import getpass
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Set
from pathlib import Path

import pytest

from engine.install import Engine
from fpga.stacks import attributes
from tests.support import waits
from tests.support.servers.relay import Relay
from tests.support.stacks import blob_backend, interruption
from tests.support.stacks.blob_backend import BlobBackend
from tests.support.stacks.held_update import WORD, HeldUpdate
from tests.support.waiting import PATIENCE_S, wait_until

TRIES = 5
LOCKED = (
    "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or "
    "delete the lock file with `pulumi cancel`."
)


@pytest.fixture(scope="module")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlobBackend]:
    backend = blob_backend.start(tmp_path_factory.mktemp("azurite") / "data")
    yield backend
    backend.service.stop()


@pytest.fixture(params=["file", "azblob"])
def project(request: pytest.FixtureRequest, engine: Engine, tmp_path: Path) -> HeldUpdate:
    """A project whose state is in a folder, then in blob storage."""
    if request.param == "file":
        return HeldUpdate(engine, tmp_path)
    azurite: BlobBackend = request.getfixturevalue("azurite")
    return HeldUpdate(engine, tmp_path, environment=azurite.environment(tmp_path.name))


def test_of_two_updates_at_once_one_runs_and_the_other_says_why_not(project: HeldUpdate) -> None:
    """Both write their lock, then look: neither may run, and then both are tried again. Both never."""
    for _ in range(TRIES):
        with project.starting() as one, project.starting() as two:
            if runs_alone(project, one, two):
                break
    else:
        pytest.fail(f"in {TRIES} tries neither of two updates ran")

    began, ended = (line.split() for line in project.log())
    assert (began[0], ended[0]) == ("begin", "end")
    assert began[1] == ended[1]
    assert_whole(project)


def runs_alone(project: HeldUpdate, *runs: subprocess.Popen[str]) -> bool:
    """Waits for both to come to their ends: whether one of them ran. The other is refused by name."""
    wait_until(lambda: project.is_held or all(run.poll() is not None for run in runs))
    if not project.is_held:
        for run in runs:
            message = refusal(run)
            # the second: the other one's lock was given back between being listed and being read
            assert message.startswith(LOCKED) or ("NotFound" in message and "/.pulumi/locks/" in message)
        return False
    wait_until(lambda: any(run.poll() is not None for run in runs))
    running, refused = sorted(runs, key=lambda run: run.poll() is not None)
    message = refusal(refused)
    assert message.startswith(LOCKED), message
    assert f"created by {getpass.getuser()}@{socket.gethostname()} (pid {running.pid}) at 20" in message
    project.let_go()
    stdout, stderr = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 0, stdout + stderr
    assert "4 created" in stdout
    return True


def refusal(run: subprocess.Popen[str]) -> str:
    """What an update says that does not run."""
    stdout, stderr = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 1, stdout + stderr
    return stderr


def test_a_killed_update_leaves_a_lock_with_a_remedy(project: HeldUpdate) -> None:
    with project.starting() as run:
        wait_until(lambda: project.is_held)
        interruption.kill(run)
    assert project.resources()[-1]["urn"].endswith("::first")
    assert pending(project) == ["second: creating"]

    refused = project.up(code=1)
    assert waits.without(refused.stderr).startswith(LOCKED)
    assert f"(pid {run.pid}) at 20" in refused.stderr
    assert refused.changes == {}

    project.run("cancel", "--yes", project.stack)
    again = project.up()
    assert again.operations["first"] == "same"
    assert again.operations["second"] == again.operations["third"] == "create"
    assert any("second, interrupted while creating" in one for one in again.complaints)
    assert pending(project) == ["second: creating"]  # an update tells of it; a refresh strikes it out

    project.refresh("--clear-pending-creates")
    assert_whole(project)


def test_a_folder_has_no_file_that_is_not_put_in_place_whole(engine: Engine, tmp_path: Path) -> None:
    """One that is written in place is read half by who comes meanwhile, and by all after a kill."""
    project = HeldUpdate(engine, tmp_path)
    project.up()
    state = tmp_path / "state" / ".pulumi"
    assert list(state.rglob("*.json"))
    assert list(state.rglob("*.attrs")) == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", " EOF\n"),
        ('{"user.cache_con', " unexpected EOF\n"),
        ("\0" * 64, r"invalid character '\x00' looking for beginning of value" "\n"),
    ],
    ids=["empty", "half", "zeros"],
)
def test_attributes_that_a_killed_run_left_torn_are_nothing_to_the_next_one(
    engine: Engine, tmp_path: Path, content: str, told: str
) -> None:
    """As runs of before leave them, and those of a shell that names the folder by itself."""
    project = HeldUpdate(engine, tmp_path)
    url = project.environment["PULUMI_BACKEND_URL"]
    project.environment["PULUMI_BACKEND_URL"] = url.replace("metadata=skip", "metadata=")
    project.up()
    state = tmp_path / "state" / ".pulumi"
    (torn,) = state.glob("stacks/*/test.json.attrs")
    torn.write_text(content)
    refused = project.run("cancel", "--yes", project.stack, code=1)
    assert waits.without(refused.stderr).startswith("error: failed to load checkpoint: ")
    assert refused.stderr.endswith(told)
    (state / "meta.yaml.attrs").write_text(content)

    attributes.remove_torn(tmp_path / "state", project.stack)

    project.environment["PULUMI_BACKEND_URL"] = url
    assert_whole(project, {"after", "before", "gated"})
    assert not torn.exists()


def test_an_update_outlives_the_end_of_its_blob_service(
    engine: Engine, azurite: BlobBackend, tmp_path: Path
) -> None:
    """Azurite is killed with the update in the middle, and comes again on the same data."""
    project = HeldUpdate(engine, tmp_path, environment=azurite.environment(tmp_path.name))
    with project.starting() as run:
        wait_until(lambda: project.is_held)
        killed = azurite.service.pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        project.let_go()
        stdout, stderr = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 0, stdout + stderr
    assert azurite.service.pid not in (killed, None)
    assert_whole(project)


def test_a_cut_network_is_ridden_out_or_told(engine: Engine, azurite: BlobBackend, tmp_path: Path) -> None:
    relay = Relay(azurite.port)
    project = HeldUpdate(engine, tmp_path, environment=azurite.environment(tmp_path.name, relay.port))
    with project.starting() as run:
        wait_until(lambda: project.is_held)
        relay.cut()
        project.let_go()
        wait_until(lambda: relay.hung_up > 0)
        relay.mend()
        stdout, stderr = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 0, stdout + stderr
    assert_whole(project)

    relay.close()
    refused = project.run("stack", "ls", code=1)
    assert f"127.0.0.1:{relay.port}: connect: connection refused" in refused.stderr
    assert azurite.key not in refused.text


def test_a_state_moves_from_a_folder_to_a_container(
    engine: Engine, azurite: BlobBackend, tmp_path: Path
) -> None:
    project = HeldUpdate(engine, tmp_path)
    project.up()
    file, settings = tmp_path / "state.json", project.folder / f"Pulumi.{project.stack}.yaml"
    project.run("stack", "export", "--stack", project.stack, "--file", str(file))
    before = settings.read_text()

    project.environment |= azurite.environment(tmp_path.name)
    project.run("stack", "init", project.stack)
    project.run("stack", "import", "--stack", project.stack, "--file", str(file))

    assert settings.read_text() == before, "the passphrase and its salt stay"
    assert_whole(project, {"after", "before", "gated"})


def test_no_secret_is_plain_in_any_blob(azurite: BlobBackend) -> None:
    """Of all the updates above: states, backups, history, locks."""
    blobs = azurite.blobs()
    kinds = {
        kind for kind in ("stacks", "backups", "history") for name in blobs if f".pulumi/{kind}/" in name
    }
    assert kinds == {"stacks", "backups", "history"}
    assert not [name for name in blobs if ".pulumi/locks/" in name], "every run has given its lock back"
    for name, content in blobs.items():
        assert WORD.encode() not in content, name
        assert azurite.key.encode() not in content, name


def pending(project: HeldUpdate) -> list[str]:
    """The operations of which the state does not know how they ended."""
    deployment = project.export()["deployment"]
    return [
        f"{one['resource']['urn'].split('::')[-1]}: {one['type']}"
        for one in deployment.get("pending_operations") or []
    ]


def assert_whole(
    project: HeldUpdate, made: Set[str] = frozenset({"after", "before", "gated", "log"})
) -> None:
    """Every resource once, in the state and where it was made; and the engine takes what it gives out."""
    exported = project.run("stack", "export", "--stack", project.stack).stdout
    names = sorted(one["urn"].split("::")[-1] for one in json.loads(exported)["deployment"]["resources"])
    assert names == ["default", "first", "project-test", "second", "third"]
    assert {file.name for file in project.things.iterdir()} == made
    file = project.folder / "exported.json"
    file.write_text(exported)
    project.run("stack", "import", "--stack", project.stack, "--file", str(file))  # checks its integrity
    assert project.preview("--expect-no-changes").complaints == []
    assert project.outputs(show_secrets=True) == {"word": WORD}
    assert pending(project) == []
