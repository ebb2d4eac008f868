"""URLs of states that are folders: whatever the folder is called, the CLI reads that very one."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine import activation, state_url
from tests.support.odd_folders import ODD

NAMES = [
    "plain",
    "my dir",
    "c#1",
    "a%2Fb",
    "100%",
    "what?",
    "q?metadata=skip",
    "ünï",
    "a:b",
    "~",
    "n\nl",
    "\udcff",
    ODD,
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_folder_comes_back_out_of_its_url(name: str) -> None:
    folder = Path("/srv") / name / "state"
    url = state_url.url_of(folder)
    assert state_url.folder_of(url) == folder
    assert state_url.folder_of(state_url.url_of(folder, "?no_tmp_dir=true")) == folder
    # nothing but what RFC 3986 has for letters of a path
    path, _, parameters = url.removeprefix("file://").rpartition("?")
    assert parameters == "metadata=skip"
    assert path.isascii()
    assert not set(path) & set(" #?\"'<>\\^`{|}$&;:\n")


@pytest.mark.parametrize(
    ("parameters", "wanted"),
    [
        ("", "?metadata=skip"),
        ("?no_tmp_dir=true", "?no_tmp_dir=true&metadata=skip"),
        ("?metadata=skip", "?metadata=skip"),
        ("?create_dir=1&metadata=", "?create_dir=1&metadata="),
    ],
)
def test_no_attributes_are_written_unless_they_are_asked_for(parameters: str, wanted: str) -> None:
    """The path is the one that earlier versions made."""
    url = state_url.url_of(Path("/srv/my-state_1.0~x"), parameters)
    assert url == f"file:///srv/my-state_1.0~x{wanted}"


@pytest.mark.parametrize(
    ("written", "path", "parameters"),
    [
        ("file:///srv/state", "/srv/state", ""),
        ("file://.local/state", ".local/state", ""),
        ("file:///srv/my%20dir", "/srv/my dir", ""),
        ("file:///srv/my dir", "/srv/my dir", ""),
        ("file:///srv/ünï", "/srv/ünï", ""),
        ("file:///srv/%C3%BC", "/srv/ü", ""),
        ("file:///srv/c%231", "/srv/c#1", ""),
        ("file:///srv/c#1", "/srv/c#1", ""),
        ("file:///srv/100%/x", "/srv/100%/x", ""),
        ("file:///srv/100%25/x", "/srv/100%/x", ""),
        ("file:///srv/what?/x", "/srv/what?/x", ""),
        ("file:///srv/what?x=1", "/srv/what?x=1", ""),
        ("file:///srv/state?metadata=skip", "/srv/state", "?metadata=skip"),
        ("file:///srv/w?/s?no_tmp_dir=true&create_dir=1", "/srv/w?/s", "?no_tmp_dir=true&create_dir=1"),
    ],
)
def test_what_a_person_writes_is_taken_in_the_one_way_that_it_can_be_meant(
    written: str, path: str, parameters: str
) -> None:
    assert state_url.split(written) == (path, parameters)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("/srv/c#1/state", "/srv/c"),
        ("/srv/a%2Fb/state", "/srv/a/b/state"),
        ("/srv/what?/state", "/srv/what"),
        ("/srv/100%/state", None),
        ("/srv/my dir/ünï", None),
        ("/srv/state", None),
    ],
)
def test_where_earlier_versions_have_led_is_known(name: str, read: str | None) -> None:
    assert state_url.read_unencoded(Path(name)) == (None if read is None else Path(read))


def test_the_engine_s_variables_have_such_a_url(tmp_path: Path) -> None:
    folder = tmp_path / ODD
    url = state_url.url_of(folder / "state")
    assert activation.environment(folder)["PULUMI_BACKEND_URL"] == url
    assert activation.settings(folder)["PULUMI_BACKEND_URL"] == url
