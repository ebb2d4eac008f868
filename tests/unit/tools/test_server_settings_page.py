"""The reference of localcloud's settings is that of its table."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import server_settings


def test_the_page_is_made_from_the_table() -> None:
    assert server_settings.PAGE.read_text() == server_settings.page(), "`make settings` writes it anew"


def test_a_page_that_is_out_of_date_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text("of before")
    monkeypatch.setattr(server_settings, "PAGE", page)
    assert server_settings.main(["--check"]) == 1
    assert "`make settings` writes it anew" in capsys.readouterr().err
    assert server_settings.main([]) == 0
    assert server_settings.main(["--check"]) == 0
