"""Which checkout a command works in."""

from __future__ import annotations

from pathlib import Path

import pytest

from fpga.project import Project

INSTALLED_FROM = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _no_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FPGA_LOCAL", raising=False)


def test_a_clone_at_or_above_the_working_directory_is_worked_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: fpga-web-service\nruntime: python\n")
    below = tmp_path / "infra" / "clients"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert Project.here() == Project(tmp_path, tmp_path / ".local")


def test_another_project_is_not_taken_for_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: fpga-web-service-website\nruntime: python\n")
    monkeypatch.chdir(tmp_path)
    assert Project.here() == Project(INSTALLED_FROM, INSTALLED_FROM / ".local")


def test_the_folder_of_its_state_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FPGA_LOCAL", "elsewhere")
    assert Project.here() == Project(INSTALLED_FROM, tmp_path / "elsewhere")


def test_every_localcloud_of_the_checkout_is_known(tmp_path: Path) -> None:
    project = Project(tmp_path, tmp_path / ".local")
    assert project.clouds == []
    for name in ("cloud", "clouds/staging", "clouds/dev", "story/clouds/prod", "state"):
        (project.local / name).mkdir(parents=True)
    names = [str(data.relative_to(project.local)) for data in project.clouds]
    assert names == ["cloud", "clouds/dev", "clouds/staging", "story/clouds/prod"]


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (".local/passphrases/dev", "/made/passphrases/dev"),
        ("stacks/x.pem", "/checkout/stacks/x.pem"),
        (".locale/x", "/checkout/.locale/x"),
        ("/etc/x", "/etc/x"),
    ],
)
def test_paths_of_committed_files_start_at_the_checkout(written: str, found: str) -> None:
    assert Project(Path("/checkout"), Path("/made")).path(written) == Path(found)
