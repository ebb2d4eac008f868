"""What a rotation of a passphrase refuses before it asks the engine for anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from fpga.errors import CommandError
from fpga.project import Project
from fpga.stacks import backend, passphrase

VAULT = "url: file://.local/state\nsecretsProvider: azurekeyvault://contoso.vault.azure.net/keys/state\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "stacks").mkdir()
    return Project(tmp_path, tmp_path / ".local")


def test_a_stack_that_a_vault_encrypts_has_none(project: Project) -> None:
    backend.backend_file(project, "prod").write_text(VAULT)
    with pytest.raises(CommandError, match="prod has no passphrase: a key vault encrypts it"):
        passphrase.rotate(project, "prod", print)
    assert not backend.rotation_folder(project).exists()


def test_a_stack_that_is_not_there_is_named(project: Project) -> None:
    with pytest.raises(CommandError, match=r"Backend\.dev\.yaml is not there"):
        passphrase.rotate(project, "dev", print)
    assert not backend.rotation_folder(project).exists()


def test_of_two_at_once_one_is_refused(project: Project) -> None:
    with (
        passphrase._alone(backend.rotation_folder(project)),
        pytest.raises(CommandError, match="Another rotation of a passphrase runs in this checkout"),
    ):
        passphrase.rotate(project, "dev", print)


def test_a_passphrase_that_is_missing_is_told(project: Project) -> None:
    backend.backend_file(project, "dev").write_text("url: file://.local/state\npassphraseFile: .local/p\n")
    with pytest.raises(CommandError, match="The passphrase of the stack dev is missing: put it into"):
        passphrase.rotate(project, "dev", print)
    assert not backend.rotation_folder(project).exists()
