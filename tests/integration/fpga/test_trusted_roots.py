"""The bundle of roots that a stack's clouds are trusted by."""

from __future__ import annotations

from pathlib import Path

import pytest

from fpga.project import Project
from fpga.stacks import backend, trusted_roots

BACKEND = "url: file://.local/state\nsecretsProvider: azurekeyvault://v.vault.azure.net/keys/k\n"
SERVER = b"-----BEGIN CERTIFICATE-----\nthe server's\n-----END CERTIFICATE-----\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    (tmp_path / "stacks").mkdir()
    (tmp_path / ".local" / "roots").mkdir(parents=True)
    (tmp_path / ".local" / "server.pem").write_bytes(SERVER)
    (tmp_path / "stacks" / "Backend.dev.yaml").write_text(BACKEND)
    return Project(tmp_path, tmp_path / ".local")


def declare(project: Project, text: str) -> None:
    project.stack_file("dev").write_text(text)


def named(project: Project) -> Path:
    return Path(backend.environment(project, "dev", signed_in=False)["SSL_CERT_FILE"])


def test_a_management_servers_roots_stand_beside_this_machines(project: Project) -> None:
    declare(project, "config:\n  fpga-web-service:managementRoots: .local/server.pem\n")
    bundle = named(project)
    assert bundle == project.local / "roots" / "dev.both.pem"
    assert bundle.read_bytes().endswith(SERVER)
    assert bundle.read_bytes().count(b"BEGIN CERTIFICATE") > 10


def test_they_stand_beside_those_of_the_stacks_own_localcloud(project: Project) -> None:
    trusted_roots.own_file(project, "dev").write_bytes(b"of the first\n")
    declare(project, "config:\n  fpga-web-service:managementRoots: .local/server.pem\n")
    assert named(project).read_bytes() == b"of the first\n\n" + SERVER
    assert f"export SSL_CERT_FILE={named(project)}" in backend.shell(project, "dev")


def test_a_bundle_of_before_is_let_go_of(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    declare(project, "config:\n  fpga-web-service:managementRoots: .local/server.pem\n")
    monkeypatch.setenv("SSL_CERT_FILE", str(named(project)))
    declare(project, "config: {}\n")
    assert "SSL_CERT_FILE" not in backend.environment(project, "dev", signed_in=False)
    assert "unset SSL_CERT_FILE" in backend.shell(project, "dev")


@pytest.mark.parametrize(
    "text",
    [
        "config:\n  fpga-web-service:managementRoots: [\n",
        "fpga-web-service:managementRoots",
        "",
        "config:\n  fpga-web-service:managementRoots: .local/nothing.pem\n",
    ],
)
def test_what_cannot_be_read_is_left_to_the_preview(project: Project, text: str) -> None:
    declare(project, text)
    assert "SSL_CERT_FILE" not in backend.environment(project, "dev", signed_in=False)
