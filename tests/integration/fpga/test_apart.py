"""The variable that keeps the secret of one cloud from the other, in a stack's shell and commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from fpga.project import Project
from fpga.stacks import apart, backend

BACKEND = "url: file://.local/state\nsecretsProvider: azurekeyvault://v.vault.azure.net/keys/k\n"
APART = "config:\n  fpga-web-service:managementHost: models.contoso.com\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.delenv(apart.VARIABLE, raising=False)
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "Backend.dev.yaml").write_text(BACKEND)
    (tmp_path / "stacks" / "Pulumi.dev.yaml").write_text(APART)
    return Project(tmp_path, tmp_path / ".local")


def test_it_is_empty_where_nobody_sets_it(project: Project) -> None:
    assert backend.environment(project, "dev", signed_in=False)[apart.VARIABLE] == ""
    assert f"export {apart.VARIABLE}=''\n" in backend.shell(project, "dev")


def test_what_is_set_stays_and_is_not_shown(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(apart.VARIABLE, "s3cret")
    assert backend.environment(project, "dev", signed_in=False)[apart.VARIABLE] == "s3cret"
    assert "s3cret" not in backend.shell(project, "dev")
    assert apart.VARIABLE not in backend.shell(project, "dev")


def test_where_one_cloud_has_all_there_is_none(project: Project) -> None:
    project.stack_file("dev").write_text("config: {}\n")
    assert apart.VARIABLE not in backend.environment(project, "dev", signed_in=False)
    assert apart.VARIABLE not in backend.shell(project, "dev")
