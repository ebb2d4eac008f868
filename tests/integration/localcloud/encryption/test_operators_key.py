"""The operator's key: where it may be, who may have it, and what is none."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from localcloud import rotation
from localcloud.datafolder import operator_key
from localcloud.errors import StartError
from tests.support.localcloud import secrets_in_clear
from tests.support.localcloud.data_plane import endpoint, opens, running
from tests.support.localcloud.encrypted_folders import (
    Given,
    make_key,
    refused,
)


def written(content: bytes, mode: int = 0o600) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_bytes(content)
        path.chmod(mode)

    return make


GOOD = base64.b64encode(bytes(range(32)))


BAD_KEYS: dict[str, tuple[Callable[[Path], None], str]] = {
    "missing": (lambda path: path.unlink(missing_ok=True), "cannot be read (No such file or directory)"),
    "folder": (Path.mkdir, "cannot be read (Is a directory)"),
    "pipe": (lambda path: os.mkfifo(path, 0o600), "is no file: name the file of the key."),
    "empty": (
        written(b""),
        "holds no key of 32 random bytes, in base64 or as they are, but something of 0 b",
    ),
    "truncated": (written(GOOD[:-5]), "holds no key of 32 random bytes"),
    "truncated bytes": (written(os.urandom(31)), "holds no key of 32 random bytes"),
    "a passphrase": (
        written(b"correct horse battery staple 123"),
        "A passphrase is none: `(umask 077; openssl",
    ),
    "a private key": (written(b"-----BEGIN PRIVATE KEY-----\n" * 9), "holds no key of 32 random bytes"),
    "zeros": (written(bytes(32)), "holds a key that is not random"),
    "readable": (written(GOOD, 0o640), "may be read or written by others (mode 0640): `chmod 600 "),
    "another": (written(GOOD), "name the file of that one. Nothing was changed."),
    "another in hexadecimal": (written(bytes(range(32)).hex().encode()), "name the file of that one."),
    "another as bytes": (written(os.urandom(32)), "name the file of that one."),
}


@pytest.mark.parametrize("case", BAD_KEYS)
def test_what_is_not_the_key_is_refused(encrypted: Path, tmp_path: Path, case: str) -> None:
    make, words = BAD_KEYS[case]
    other = tmp_path / "other"
    make(other)
    told = refused(encrypted, other)
    assert told.startswith(f"--encryption-key-file {other} ")
    assert words in told
    content = other.read_bytes() if other.is_file() else b""
    assert not content or content.decode("latin-1") not in told


_READ = """
import pathlib, sys
from localcloud.datafolder import operator_key
from localcloud.errors import StartError
try:
    print(operator_key.read(pathlib.Path(sys.argv[1]), "KEY").id)
except StartError as error:
    print(error)
"""


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None,
    reason="only root may run a process as somebody else",
)
@pytest.mark.parametrize(("owner", "is_taken"), [(65534, True), (0, True), (12345, False)])
def test_a_key_of_another_user_is_refused(key: Path, owner: int, is_taken: bool) -> None:
    """As nobody, with the right to read what its mode keeps from others."""
    os.chown(key, owner, owner)
    right = "-all,+dac_read_search"
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    command += [f"--inh-caps={right}", f"--ambient-caps={right}", f"--bounding-set={right}"]
    said = subprocess.run(
        [*command, sys.executable, "-c", _READ, key], capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()
    assert said == (
        operator_key.read(key, "").id
        if is_taken
        else "KEY belongs to another user, who may read and change it: have it belong to the user who runs "
        "localcloud, or to root."
    )


def test_without_the_key_it_is_refused_by_the_name_of_the_setting(encrypted: Path, key: Path) -> None:
    assert refused(encrypted, None) == (
        f"The secrets of {encrypted} are encrypted with the key {operator_key.read(key, '').id}, and none is "
        "given: name its file with --encryption-key-file (encryptionKeyFile); `fpga cloud up "
        "--encryption-key-file FILE` starts it. Nothing was changed."
    )


def test_a_key_in_the_data_folder_is_refused(data: Path, encrypted: Path, key: Path) -> None:
    inside = make_key(data / "aside" / "key")
    words = (
        "key lies in the data folder, and would be taken together with what is encrypted: keep it elsewhere."
    )
    assert words in refused(data, inside)
    assert words in refused(data, data / ".." / data.name / "aside" / "key")
    with pytest.raises(StartError, match=r"keep it elsewhere\. Nothing was changed"):
        rotation.encryption_key(encrypted, inside, key)


def test_the_credential_of_systemd_is_the_key(
    given: Given, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials_folder = tmp_path / "credentials"
    credentials_folder.mkdir(mode=0o700)
    make_key(credentials_folder / "encryption-key").chmod(0o440)  # an ACL shows as the group's right
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials_folder))
    with running(data) as plane:
        assert opens(endpoint(plane.service(given.service)), given.root, plane.keys(given.service)[0])
    assert secrets_in_clear.found_in(data, given.secrets) == []
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    assert "none is given" in refused(data, None)
