"""What an install puts into `.local`, and what a shell makes of it."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine import azure_native_plugin, go, pulumi_cli, release, state_url
from engine.install import install
from engine.pulumi_cli import Way
from tests.support.engine.heard import Heard
from tests.support.odd_folders import ODD

MakeCli = Callable[..., Path]
SHELLS = [shell for shell in ("sh", "dash", "bash", "zsh") if shutil.which(shell)]


@pytest.fixture(autouse=True)
def _only_a_build(
    cache_folder: Path, bare_path: Path, cli_in_miniature: MakeCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(release.BASE_VARIABLE, raising=False)
    monkeypatch.delenv("PULUMI_HOME", raising=False)
    monkeypatch.setenv("HOME", str(cache_folder.parent / "home"))
    monkeypatch.setattr(azure_native_plugin, "DOWNLOADS", "http://127.0.0.1:1")
    cli_in_miniature(cache_folder / go.cli_entry(pulumi_cli.pinned()), host=False)


@pytest.fixture
def local(tmp_path: Path) -> Path:
    return tmp_path / ODD / ".local"


def modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def test_build_gets_this_project_s_host_and_plugin(local: Path, heard: Heard) -> None:
    engine = install(local, heard)
    assert (engine.way, engine.version, engine.stand_in) == (Way.BUILD, pulumi_cli.pinned(), True)
    assert sorted(path.name for path in (local / "bin").iterdir()) == [
        "pulumi",
        "pulumi-language-python",
        "pulumi-language-python-exec",
        "pulumi-resource-pulumi-python",
    ]
    host = (local / "bin" / "pulumi-language-python").read_text()
    assert f"{shlex.quote(sys.executable)} -E -P -X utf8 -u -m engine.language_host" in host
    # Beside its language host as a file of its own, or the CLI warns at each run.
    assert not (local / "bin" / "pulumi").is_symlink()
    plugin = local / "pulumi-home/plugins/resource-azure-native-v3.29.0/pulumi-resource-azure-native"
    assert f"{shlex.quote(sys.executable)} -E -P -X utf8 -u -m engine.azure_native" in plugin.read_text()


def test_state_and_passphrase_are_their_owner_s_alone(local: Path, heard: Heard) -> None:
    before = os.umask(0o022)
    try:
        install(local, heard)
    finally:
        os.umask(before)
    assert stat.S_IMODE(local.stat().st_mode) == 0o700
    found = modes(local)
    assert found["state"] == found["pulumi-home"] == 0o700
    assert found["passphrase"] == 0o600
    assert len((local / "passphrase").read_text()) >= 43


def test_second_install_changes_nothing(local: Path, heard: Heard) -> None:
    install(local, heard)

    def snapshot() -> dict[Path, tuple[int, int]]:
        files = (path for path in local.rglob("*") if path.is_file())
        return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}

    before = snapshot()
    install(local, heard)
    assert snapshot() == before


def test_own_cli_has_nothing_of_this_project_in_its_way(
    local: Path,
    bare_path: Path,
    heard: Heard,
    cli_in_miniature: MakeCli,
    write_executable: Callable[[Path, str], Path],
) -> None:
    install(local, heard)  # a build, at first
    own = cli_in_miniature(bare_path)
    home = Path(os.environ["HOME"]) / ".pulumi/plugins/resource-azure-native-v3.29.0"
    write_executable(home / "pulumi-resource-azure-native", "the official plugin")
    engine = install(local, heard)
    assert (engine.way, engine.stand_in) == (Way.OWN, False)
    assert [path.name for path in (local / "bin").iterdir()] == ["pulumi"]
    assert (local / "bin" / "pulumi").resolve() == own
    plugin = local / "pulumi-home/plugins/resource-azure-native-v3.29.0/pulumi-resource-azure-native"
    assert plugin.read_text() == "the official plugin"
    assert "azure-native 3.29.0: yours, from your Pulumi home." in heard.text
    # And it stays.
    assert not install(local, heard).stand_in


def test_own_cli_gets_the_stand_in_where_the_plugin_cannot_be_had(
    local: Path, bare_path: Path, heard: Heard, cli_in_miniature: MakeCli
) -> None:
    cli_in_miniature(bare_path)
    engine = install(local, heard)
    assert (engine.way, engine.stand_in) == (Way.OWN, True)
    assert "No official azure-native plugin (ConnectionError); the stand-in takes its place." in heard.text


SHOW = """\
. "$1/activate"
. "$1/activate"
printf '%s\\n' "$PATH" "$PULUMI_HOME" "$PULUMI_BACKEND_URL" "$PULUMI_CONFIG_PASSPHRASE_FILE" \\
    "${SSL_CERT_FILE-none}" "$(command -v pulumi)" "$(umask)"
"""


@pytest.mark.parametrize("shell", SHELLS)
def test_shell_that_sources_it_twice_has_the_engine_once(
    local: Path, heard: Heard, shell: str, tmp_path: Path
) -> None:
    install(local, heard)
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    flags = ["-f"] if shell == "zsh" else []

    def lines() -> list[str]:
        command = ["/usr/bin/env", shell, *flags, "-euc", "umask 022\n" + SHOW, shell, str(local)]
        done = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=True)
        assert done.stderr == ""
        return done.stdout.splitlines()

    assert lines() == [
        f"{local}/bin:{Path(sys.executable).parent}:/usr/bin:/bin",
        f"{local}/pulumi-home",
        state_url.url_of(local / "state"),
        f"{local}/passphrase",
        "none",
        f"{local}/bin/pulumi",
        "0022" if shell in ("sh", "dash", "bash") else "022",
    ]
    (local / "ca-bundle.pem").touch()
    assert lines()[4] == f"{local}/ca-bundle.pem"
