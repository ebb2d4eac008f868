"""Vaults and the operator's key: any secret comes back from its place, and from no other one."""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from localcloud.datafolder import operator_key, sealed_file
from localcloud.datafolder.operator_key import OperatorKey
from localcloud.datafolder.vault import IN_CLEAR, Place, Sealing, is_sealed
from localcloud.errors import StartError

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
PLACES = st.builds(Place, TEXT, TEXT, TEXT)
VAULT = Sealing(os.urandom(32))
PLACE = Place("services", "private_key", "7")


@given(PLACES, TEXT)
def test_a_secret_comes_back_from_its_place(place: Place, secret: str) -> None:
    sealed = VAULT.seal(place, secret)
    assert is_sealed(sealed)
    assert len(secret) < 4 or secret not in sealed
    assert VAULT.unseal(place, sealed) == secret
    assert VAULT.seal(place, secret) != sealed, "a nonce is used once"


@given(PLACES, PLACES, TEXT)
@example(Place("a", "b", "c"), Place("a", "bc", ""), "secret")
@example(Place("a", 'b", "c', "d"), Place("a", "b", 'c", "d'), "secret")
def test_a_secret_in_another_place_is_refused(place: Place, other: Place, secret: str) -> None:
    assume(place != other)
    with pytest.raises(StartError, match="or was written for another place"):
        VAULT.unseal(other, VAULT.seal(place, secret))


@given(TEXT, st.data())
def test_a_byte_changed_anywhere_is_refused(secret: str, data: st.DataObject) -> None:
    sealed = bytearray(base64.b64decode(VAULT.seal(PLACE, secret).removeprefix("sealed:")))
    position = data.draw(st.integers(0, len(sealed) - 1))
    sealed[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(StartError) as caught:
        VAULT.unseal(PLACE, "sealed:" + base64.b64encode(sealed).decode())
    assert len(secret) < 12 or secret not in str(caught.value)


@given(TEXT)
@example("sealed:")
@example("sealed:====")
@example("sealed:AQ==")
@example("sealed:ä")
def test_what_was_not_sealed_is_refused(written: str) -> None:
    with pytest.raises(StartError, match=r"The secret in services.private_key of 7 cannot be decrypted"):
        VAULT.unseal(PLACE, written)


def test_what_another_folder_has_sealed_is_refused() -> None:
    with pytest.raises(StartError, match="cannot be decrypted"):
        Sealing(os.urandom(32)).unseal(PLACE, VAULT.seal(PLACE, "secret"))


@given(st.binary())
def test_a_file_holds_any_bytes(tmp_path_factory: pytest.TempPathFactory, secret: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "ca.key"
    for vault in (VAULT, IN_CLEAR):
        sealed_file.write(path, secret, vault)
        assert sealed_file.read(path, vault) == secret
        assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes() == secret


def test_a_key_that_takes_the_place_of_another_is_read_behind_the_rename(tmp_path: Path) -> None:
    sealed_file.write(tmp_path / "ca-next.key", b"key", VAULT)
    (tmp_path / "ca-next.key").replace(tmp_path / "ca.key")
    assert sealed_file.read(tmp_path / "ca.key", VAULT) == b"key"
    (tmp_path / "ca.key").replace(tmp_path / "server.key")
    with pytest.raises(StartError, match=r"file.content of server\.key cannot be decrypted"):
        sealed_file.read(tmp_path / "server.key", VAULT)


KEYS = st.binary(min_size=32, max_size=32).filter(lambda key: len(set(key)) >= 16)


@given(KEYS, st.binary(min_size=32, max_size=32), TEXT, TEXT)
def test_a_data_key_is_unwrapped_for_its_folder_by_its_key(
    key: bytes, data_key: bytes, folder: str, other: str
) -> None:
    operator = OperatorKey("the key", key)
    wrapped = operator.wrap(data_key, folder)
    assert operator.unwrap(wrapped, folder) == data_key
    assert data_key not in wrapped
    if folder != other:
        with pytest.raises(StartError, match="or was taken from another folder"):
            operator.unwrap(wrapped, other)
    with pytest.raises(StartError, match="it is damaged"):
        OperatorKey("another", bytes(32)).unwrap(wrapped, folder)
    assert operator.id == OperatorKey("a copy", key).id
    assert key.hex() not in repr(operator)
    assert repr(key) not in repr(operator)


@settings(max_examples=50)
@given(KEYS)
def test_a_key_is_the_same_in_each_form(tmp_path_factory: pytest.TempPathFactory, key: bytes) -> None:
    assume(not operator_key._is_text(key))
    path = tmp_path_factory.getbasetemp() / "key"
    for content in (
        key,
        base64.b64encode(key),
        base64.b64encode(key) + b"\n",
        binascii.hexlify(key) + b"\r\n",
    ):
        path.write_bytes(content)
        path.chmod(0o400)
        assert operator_key.read(path, "").key == key
        path.unlink()


@given(st.binary(max_size=200))
def test_what_is_no_key_is_refused_without_a_word_of_it(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "no-key"
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    path.chmod(0o600)
    assume(len(content) != 32)
    with pytest.raises(StartError, match=r"^--new FILE holds ") as caught:
        operator_key.read(path, "--new FILE")
    assert len(content) < 12 or content.decode("latin-1") not in str(caught.value)


def test_a_key_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key"
    path.write_bytes(os.urandom(32))
    path.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(path, 4711, -1)
    monkeypatch.setattr(os, "geteuid", lambda: 4712)
    with pytest.raises(StartError, match="belongs to another user, who may read and change it"):
        operator_key.read(path, f"--new {path}")
