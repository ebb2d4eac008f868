"""The wheel has every package of the project, with its types and whatever else stands in its folder."""

from __future__ import annotations

import subprocess
import sys
import zipfile

import pytest

from tools.pins.lock import CHECKOUT

ROOMS = ("certs", "clients", "engine", "fpga", "infra", "localcloud", "policy", "surroundings")


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_it_has_every_file_of_every_room(names: set[str]) -> None:
    listed = subprocess.run(
        ["git", "ls-files", *ROOMS], cwd=CHECKOUT, check=True, capture_output=True, encoding="utf-8"
    ).stdout.splitlines()
    assert len(listed) > 200
    assert [name for name in listed if (CHECKOUT / name).exists() and name not in names] == []


def test_it_has_no_other_folder(names: set[str]) -> None:
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_its_types_are_published(names: set[str], room: str) -> None:
    assert f"{room}/py.typed" in names
