from __future__ import annotations

import sys
from pathlib import Path

import pytest

import engine
from engine import state_url

VENV_BIN = str(Path(sys.executable).parent)


def test_variables_name_the_folder_of_the_checkout(tmp_path: Path) -> None:
    variables = engine.environment(tmp_path)
    assert variables["PULUMI_HOME"] == f"{tmp_path}/pulumi-home"
    assert variables["PULUMI_BACKEND_URL"] == state_url.url_of(tmp_path / "state")
    assert variables["PULUMI_CONFIG_PASSPHRASE_FILE"] == f"{tmp_path}/passphrase"
    assert variables["PULUMI_PYTHON_CMD"] == sys.executable
    assert variables["PULUMI_SKIP_UPDATE_CHECK"] == "true"


def test_own_folders_come_first_on_the_path_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"/usr/bin:{VENV_BIN}:{tmp_path}/bin:/bin")
    assert engine.environment(tmp_path)["PATH"].split(":") == [
        f"{tmp_path}/bin",
        VENV_BIN,
        "/usr/bin",
        "/bin",
    ]


def test_passphrase_of_the_shell_does_not_go_before_the_checkout_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "another stack's")
    assert "PULUMI_CONFIG_PASSPHRASE" not in engine.environment(tmp_path)


def test_bundle_of_roots_is_named_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/ssl/company.pem")
    assert engine.environment(tmp_path)["SSL_CERT_FILE"] == "/etc/ssl/company.pem"
    (tmp_path / "ca-bundle.pem").touch()
    assert engine.environment(tmp_path)["SSL_CERT_FILE"] == f"{tmp_path}/ca-bundle.pem"


def test_relative_folder_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert engine.environment(Path(".local"))["PULUMI_HOME"] == f"{tmp_path}/.local/pulumi-home"
