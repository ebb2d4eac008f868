"""Another key takes the place of one, or none does; rotations of what is encrypted go on."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from localcloud import control, rotation
from localcloud.access import administration
from localcloud.access.roles import WORDS
from localcloud.datafolder import operator_key
from localcloud.errors import StartError
from localcloud.server import Cloud
from tests.support.localcloud import data_folders, secrets_in_clear
from tests.support.localcloud.arm_caller import ArmCaller
from tests.support.localcloud.data_plane import endpoint, opens, running
from tests.support.localcloud.encrypted_folders import (
    Given,
    make_key,
    quietly,
    refused,
    settings,
)


def test_rotations_and_principals_go_on(given: Given, data: Path, key: Path, tmp_path: Path) -> None:
    secrets = dict(given.secrets)
    control.start(settings(data, key))
    try:
        for at_once in (False, True):
            rotation.sign_in(data, at_once=at_once)
            secrets[f"secret {at_once}"] = (data / "client-secret").read_text()
            assert control.status(data).running  # signed in by it
            rotation.ca(data, at_once=at_once)
            assert control.status(data).running
        administration.add(data, "reader", [WORDS["reader"]], None, quietly)
        assert [one.principal.name for one in administration.listing(data)] == ["owner", "reader"]
        assert secrets_in_clear.found_in(data, secrets) == []
    finally:
        control.stop(data)
    with pytest.raises(StartError, match="and none is given: name its file with --encryption-key-file"):
        rotation.sign_in(data, at_once=True)
    with pytest.raises(StartError, match="and none is given"):
        rotation.ca(data, at_once=True)
    administration.remove(data, "reader")
    rotation.sign_in(data, at_once=True, key_file=key)
    rotation.ca(data, at_once=True, key_file=key)
    assert secrets_in_clear.found_in(data, secrets) == []
    with Cloud(settings(data, key)) as cloud, closing(ArmCaller(cloud)) as caller:
        assert caller.sign_in().ok
        assert caller.secret not in secrets.values()


@pytest.mark.parametrize("runs", [False, True])
def test_another_key_takes_the_place_of_one_at_once(
    given: Given, encrypted: Path, key: Path, tmp_path: Path, runs: bool
) -> None:
    other = make_key(tmp_path / "other")
    if runs:
        control.start(settings(encrypted, key))
    try:
        for _ in range(2):  # once it has there is nothing to do
            made = rotation.encryption_key(encrypted, other, None if runs else key)
            assert made == operator_key.read(other, "").id
        if runs:
            assert control.status(encrypted).running
            rotation.sign_in(encrypted, at_once=True, key_file=other)
            assert control.status(encrypted).running
    finally:
        control.stop(encrypted)
    assert "name the file of that one" in refused(encrypted, key)
    with running(encrypted, encryption_key_file=other) as plane:
        assert opens(endpoint(plane.service(given.service)), given.root, plane.keys(given.service)[0])


def test_a_key_is_not_rotated_by_who_has_another(
    encrypted: Path, data: Path, key: Path, tmp_path: Path
) -> None:
    other, third = make_key(tmp_path / "other"), make_key(tmp_path / "third")
    before = data_folders.content(encrypted)
    for given_key, words in (
        (other, "name the file of that one. Nothing was changed"),
        (None, "and none is given"),
    ):
        with pytest.raises(StartError, match=words):
            rotation.encryption_key(encrypted, third, given_key)
    third.chmod(0o604)
    with pytest.raises(StartError, match=r"^--new .*third may be read or written by others"):
        rotation.encryption_key(encrypted, third, key)
    assert data_folders.content(encrypted) == before


def test_a_folder_in_clear_has_no_key_to_rotate(data: Path, tmp_path: Path) -> None:
    with pytest.raises(
        StartError, match="are not encrypted: start it with --encryption-key-file, and they are"
    ):
        rotation.encryption_key(data, make_key(tmp_path / "other"), None)


def test_it_is_in_clear_again_by_a_command_alone(given: Given, data: Path, key: Path) -> None:
    control.start(settings(data, key))
    try:
        with pytest.raises(StartError, match=r"runs, and needs the key. Nothing was changed: stop it with"):
            rotation.decrypt(data, key)
        assert control.status(data).running
        assert secrets_in_clear.found_in(data, given.secrets) == []
        secret = (data / "client-secret").read_text()
    finally:
        control.stop(data)
    with pytest.raises(StartError, match="and none is given"):
        rotation.decrypt(data, None)
    for _ in range(2):  # once it is there is nothing to do
        rotation.decrypt(data, key)
    with running(data) as plane:
        assert (data / "client-secret").read_text() == secret
        assert not (data / "client-secret").is_symlink()
        assert opens(endpoint(plane.service(given.service)), given.root, plane.keys(given.service)[0])
