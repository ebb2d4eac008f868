"""What a rotation tells: the stacks of the checkout that sign in to that localcloud, and how they go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from fpga.cloud import rotation
from fpga.project import Project
from localcloud import control
from localcloud import rotation as rotations
from localcloud.status import Status

HOST = "127.0.0.1:20001"
FILES = {
    "local": f"azure-native:metadataHost: {HOST}",
    "team": f"azure-native:metadataHost: {HOST}",
    "two": f"azure-native:metadataHost: management.azure.com\n  fpga-web-service:managementHost: {HOST}",
    "azure": "azure-native:metadataHost: management.azure.com",
    "other": "azure-native:metadataHost: 127.0.0.1:20002",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A checkout with stacks, and a localcloud in its `.local` that is asked for nothing."""
    found = Project(tmp_path, tmp_path / ".local")
    (tmp_path / "stacks").mkdir()
    for name, text in FILES.items():
        found.stack_file(name).write_text(f"config:\n  {text}\n")
    found.stack_file("broken").write_text("config: [")
    found.stack_file("deep").write_text("[" * 5000)
    status = Status(
        https=f"https://{HOST}",
        ca=found.cloud / "ca.pem",
        tenant="tenant",
        subscription="subscription",
        client_id="client",
        client_secret_file=found.cloud / "client-secret",
        dns="127.0.0.1:20003",
        blob=None,
    )
    monkeypatch.setattr(control, "status", lambda _: status)
    monkeypatch.setattr(rotations, "sign_in", lambda _, at_once, key_file: 0.0 if at_once else 3600.0)
    return found


def test_each_stack_is_named_with_its_way_to_go_on(project: Project) -> None:
    secret = project.cloud / "client-secret"
    told = list(rotation.sign_in(project, project.cloud, at_once=False))
    assert told == [
        f"The client's secret is new, in {secret}, and so is the key that signs tokens.",
        "The secret of before opens until 1970-01-01 01:00 UTC, and no token of before longer.",
        "What signs in with it needs the new one:",
        f"  local: `fpga up`, or `pulumi config set -s local --secret azure-native:clientSecret < {secret}`",
        f'  team: `export ARM_CLIENT_SECRET="$(cat {secret})"`, or `pulumi config set -s team --secret '
        f"azure-native:clientSecret < {secret}`",
        f'  two: `export FPGA_MANAGEMENT_CLIENT_SECRET="$(cat {secret})"`, or `pulumi config set -s two '
        f"--secret fpga-web-service:managementClientSecret < {secret}`",
    ]


def test_at_once_is_told(project: Project) -> None:
    told = list(rotation.sign_in(project, project.cloud, at_once=True))
    assert told[1] == "The secret of before opens nothing any more, and no token of before does."
