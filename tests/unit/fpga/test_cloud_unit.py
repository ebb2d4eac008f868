"""The text of a unit: quoted as systemd reads it, and known again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fpga.cloud import unit as units
from fpga.cloud.unit import Credential, NotOurs, Unit

UNIT = Unit(
    name="localcloud",
    user="localcloud",
    group="localcloud",
    command=["/opt/f/python", "-m", "localcloud", "serve"],
    data=Path("/var/lib/localcloud"),
    code=[Path("/opt/f")],
    encryption_key=None,
    binds_low_ports=False,
    stop_timeout_s=30,
)


def lines(**changed: Any) -> list[str]:
    return replace(UNIT, **changed).text().splitlines()


def test_the_right_to_low_ports_is_given_where_they_are_bound() -> None:
    assert "CapabilityBoundingSet=" in lines()
    assert "AmbientCapabilities=" in lines()
    low = lines(binds_low_ports=True)
    assert "CapabilityBoundingSet=CAP_NET_BIND_SERVICE" in low
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE" in low


def test_the_data_folder_is_made_or_opened() -> None:
    assert "StateDirectory=localcloud" in lines()
    elsewhere = lines(data=Path("/srv/my data"))
    assert 'ReadWritePaths="/srv/my data"' in elsewhere
    assert not [line for line in elsewhere if line.startswith("StateDirectory")]


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("plain-1.2:/x", "plain-1.2:/x"),
        ("two words", '"two words"'),
        ("50%", '"50%%"'),
        ("$HOME", '"$$HOME"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
        ("a;b", '"a;b"'),
        ("", '""'),
    ],
)
def test_words_are_written_as_systemd_reads_them(word: str, written: str) -> None:
    assert f"ExecStart=/opt/f/python {written}" in lines(command=["/opt/f/python", word])


def test_the_key_is_handed_over_by_systemd() -> None:
    plain = Credential("encryption-key", Path("/etc/the key"), is_encrypted=False)
    assert 'LoadCredential=encryption-key:"/etc/the key"' in lines(encryption_key=plain)
    encrypted = replace(plain, file=Path("/etc/key"), is_encrypted=True)
    assert "LoadCredentialEncrypted=encryption-key:/etc/key" in lines(encryption_key=encrypted)
    assert "LoadCredential" not in UNIT.text()


def test_what_is_kept_in_memory_has_a_folder_of_the_units_own() -> None:
    team = lines(name="team", data=Path("/srv/data"))
    assert "RuntimeDirectory=team" in team
    assert "RuntimeDirectoryMode=0700" in team


def test_code_in_a_home_folder_can_be_read_and_not_written() -> None:
    assert "ProtectHome=yes" in lines()
    assert "ProtectHome=read-only" in lines(code=[Path("/home/ops/f")])


def test_a_unit_is_known_again_and_an_edited_one_told() -> None:
    text = UNIT.text()
    units.require_ours(text)
    with pytest.raises(NotOurs, match="changed since"):
        units.require_ours(text.replace("TasksMax=2048", "TasksMax=9"))
    with pytest.raises(NotOurs, match="was not made by"):
        units.require_ours(text.partition("\n")[2])
