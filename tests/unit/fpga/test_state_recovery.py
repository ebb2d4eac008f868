"""A state that is torn in its folder: which copy takes its place, and where none may."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from fpga.errors import CommandError
from fpga.project import Project
from fpga.stacks import backend, recovery

TORN = [b"", b'{"version":3,"checkpoint":{"stack"', bytes(300), b"[]", b'{"version":3}']


def state_of(*names: str) -> bytes:
    latest = {"resources": [{"urn": name} for name in names]}
    return json.dumps({"version": 3, "checkpoint": {"stack": "s", "latest": latest}}).encode()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name in [name for name in os.environ if name.startswith("PULUMI_")]:
        monkeypatch.delenv(name)
    return Project(tmp_path, tmp_path / ".local")


def write(project: Project, name: str, content: bytes, age_s: int = 0) -> Path:
    """A file of the state of the stack `local`, written so many seconds ago."""
    file = project.local / "state" / ".pulumi" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    os.utime(file, (1_800_000_000 - age_s,) * 2)
    return file


def told(project: Project) -> str:
    lines: list[str] = []
    recovery.recover(project, "local", lines.append)
    return "\n".join(lines)


@pytest.mark.parametrize("torn", TORN)
def test_the_newest_whole_copy_takes_its_place(project: Project, torn: bytes) -> None:
    file = write(project, "stacks/fpga-web-service/local.json", torn)
    write(project, "backups/fpga-web-service/local/local.1.json", state_of("older"), 30)
    write(project, "history/fpga-web-service/local/local-2.checkpoint.json", state_of("a", "b"), 20)
    write(project, "history/fpga-web-service/local/local-2.history.json", b'{"kind": "update"}', 10)
    write(project, "stacks/fpga-web-service/local.json.bak", torn, 5)
    write(project, "backups/fpga-web-service/other/other.9.json", state_of("another's"))

    said = told(project)

    assert file.read_bytes() == state_of("a", "b")
    assert file.with_name("local.json.torn").read_bytes() == torn
    assert said.startswith(
        "Taken: history/fpga-web-service/local/local-2.checkpoint.json, of 2027-01-15 07:59:40 UTC, with 2 "
        "resources.\n"
    )
    assert "`fpga adopt -s local`" in said


def test_the_state_of_one_step_before_is_the_newest(project: Project) -> None:
    file = write(project, "stacks/fpga-web-service/local.json", b"")
    write(project, "stacks/fpga-web-service/local.json.bak", state_of("a"), 5)
    write(project, "backups/fpga-web-service/local/local.1.json", state_of(), 30)
    told(project)
    assert file.read_bytes() == state_of("a")


@pytest.mark.parametrize("whole", [state_of("a"), b'{"version":3,"checkpoint":{"stack":"s"}}'])
def test_a_whole_state_stays(project: Project, whole: bytes) -> None:
    file = write(project, "stacks/fpga-web-service/local.json", whole)
    write(project, "stacks/fpga-web-service/local.json.bak", state_of("older"))
    assert told(project) == "The state of the stack local is whole: there is nothing to recover."
    assert file.read_bytes() == whole
    assert not file.with_name("local.json.torn").exists()


def refused(project: Project, stack: str = "local") -> str:
    with pytest.raises(CommandError) as caught:
        recovery.recover(project, stack, lambda line: None)
    return str(caught.value)


def test_without_a_whole_copy_it_says_what_else_there_is(project: Project) -> None:
    assert refused(project).startswith("There is no state of the stack local: ")
    file = write(project, "stacks/fpga-web-service/local.json", b"")
    write(project, "stacks/fpga-web-service/local.json.bak", b"{")
    said = refused(project)
    assert said.startswith(f"{file} is torn, and so is each copy beside it: ")
    assert "`fpga adopt -s local`" in said
    assert file.read_bytes() == b""


def test_nothing_is_taken_while_a_run_may_be_at_work(project: Project) -> None:
    file = write(project, "stacks/fpga-web-service/local.json", b"")
    write(project, "stacks/fpga-web-service/local.json.bak", state_of("a"))
    holder = {"pid": os.getpid(), "hostname": socket.gethostname()}
    write(project, "locks/organization/fpga-web-service/local/x.json", json.dumps(holder).encode())
    said = refused(project)
    assert said.startswith(
        f"The stack local is locked by someone@{socket.gethostname()}, process {os.getpid()}"
    )
    assert "`fpga state unlock -s local`" in said
    assert file.read_bytes() == b""


def test_in_blob_storage_nothing_is_torn(project: Project) -> None:
    settings = "url: azblob://state?storage_account=contoso\npassphraseFile: .local/passphrase\n"
    file = backend.backend_file(project, "dev")
    file.parent.mkdir()
    file.write_text(settings)
    assert refused(project, "dev").startswith("The state of the stack dev is in blob storage, where what is ")
