from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine import cache
from engine.errors import EngineError


@pytest.fixture(autouse=True)
def _no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FPGA_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/someone")


def test_cache_is_under_the_home_folder() -> None:
    assert cache.root() == Path("/home/someone/.cache/fpga-web-service")


def test_xdg_cache_home_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/someone")
    assert cache.root() == Path("/var/cache/someone/fpga-web-service")


def test_relative_xdg_cache_home_is_ignored_as_its_specification_asks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    assert cache.root() == Path("/home/someone/.cache/fpga-web-service")


def test_own_setting_goes_before_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/someone")
    monkeypatch.setenv("FPGA_CACHE", "~/elsewhere")
    assert cache.root() == Path("/home/someone/elsewhere")


def test_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_001)
    with pytest.raises(EngineError, match=r"^This user has no home folder: set HOME to one, or FPGA_CACHE "):
        cache.root()
