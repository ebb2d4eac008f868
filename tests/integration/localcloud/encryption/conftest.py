"""A data folder with every kind of secret, in clear and encrypted, and its key."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.localcloud.encrypted_folders import Given, enter, make_given, make_key


@pytest.fixture(scope="session")
def given(tmp_path_factory: pytest.TempPathFactory) -> Given:
    return make_given(tmp_path_factory.mktemp("given") / "data")


@pytest.fixture
def data(given: Given, tmp_path: Path) -> Path:
    """A copy of the folder in clear."""
    shutil.copytree(given.data, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return make_key(tmp_path / "key")


@pytest.fixture
def encrypted(data: Path, key: Path) -> Path:
    """A copy of the folder, encrypted."""
    enter(data, key)
    return data
