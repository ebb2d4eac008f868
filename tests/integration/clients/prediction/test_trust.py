"""The bundle of roots that SSL_CERT_FILE names in an activated shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from fpga.cloud.local_cloud import trust
from fpga.project import Project

COMPANY = b"-----BEGIN CERTIFICATE-----\ncompany\n-----END CERTIFICATE-----\n"
AUTHORITY = b"-----BEGIN CERTIFICATE-----\nlocalcloud\n-----END CERTIFICATE-----\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path, tmp_path / ".local")


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    file = tmp_path / "ca.pem"
    file.write_bytes(AUTHORITY)
    return file


def test_what_the_owner_trusts_stays_trusted(
    project: Project, ca: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = project.checkout / "company.pem"
    company.write_bytes(COMPANY)
    monkeypatch.setenv("SSL_CERT_FILE", str(company))
    assert trust(project, ca)
    assert project.ca_bundle.read_bytes() == COMPANY + b"\n" + AUTHORITY
    assert not trust(project, ca)

    monkeypatch.setenv("SSL_CERT_FILE", str(project.ca_bundle))  # as in an activated shell
    assert not trust(project, ca)
    assert COMPANY in project.ca_bundle.read_bytes()


def test_a_new_authority_takes_the_old_ones_place(
    project: Project, ca: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    trust(project, ca)
    renewed = AUTHORITY.replace(b"localcloud", b"renewed")
    ca.write_bytes(renewed)
    monkeypatch.setenv("SSL_CERT_FILE", str(project.ca_bundle))
    assert trust(project, ca)
    roots = project.ca_bundle.read_bytes()
    assert renewed in roots
    assert AUTHORITY not in roots
    assert roots.count(b"BEGIN CERTIFICATE") > 50  # the machine's own
