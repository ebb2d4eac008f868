"""The operator's key: 32 random bytes in a file, or a credential of systemd, that wrap a folder's data key.

It does not lie in the data folder, and nothing but that data key is encrypted with it: another one takes its
place at once.
"""

from __future__ import annotations

import base64
import binascii
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from localcloud.datafolder.vault import KEY_BYTES, decrypt, derived, encrypt
from localcloud.errors import StartError

OPTION: Final = "--encryption-key-file"
CREDENTIAL: Final = "encryption-key"
"""The name of the credential in `$CREDENTIALS_DIRECTORY` (systemd.exec(5))."""
CREDENTIALS: Final = Path("/run/credentials")
"""The folder in which each unit has one with its credentials, named as the unit."""
_FOLDER: Final = "CREDENTIALS_DIRECTORY"
_MOST_BYTES: Final = 4096
_LEAST_DIFFERENT: Final = 16
"""Of 32 random bytes, fewer different ones come up once in 10^14 times."""
_HOW: Final = "`(umask 077; openssl rand -base64 32 > FILE)` makes a key"


@dataclass(frozen=True)
class OperatorKey:
    """A key that wraps others.

    Attributes:
        source: the file or credential that it was read from, in words.
    """

    source: str
    key: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """A name of the key, which tells nothing of it: the same for each copy."""
        return derived(self.key, b"localcloud key id")[:8].hex()

    def wrap(self, data_key: bytes, folder: str) -> bytes:
        """The data key of the folder of that identity, encrypted."""
        return encrypt(self._cipher(), data_key, _bound_to(folder))

    def unwrap(self, wrapped: bytes, folder: str) -> bytes:
        """The data key that `wrap` encrypted.

        Raises:
            StartError: it is damaged, or another folder's.
        """
        try:
            return decrypt(self._cipher(), wrapped, _bound_to(folder))
        except (ValueError, InvalidTag):
            raise StartError(
                f"The data key of the folder {folder} cannot be decrypted, though {self.source} is the key "
                "for it: it is damaged, or was taken from another folder. Restore a backup "
                "(`fpga cloud restore`)."
            ) from None

    def _cipher(self) -> AESGCM:
        return AESGCM(derived(self.key, b"localcloud data key"))


def find(file: Path | None, told: str = "") -> OperatorKey | None:
    """The operator's key: of the file, else the credential of systemd, where there is one; None: neither.

    Args:
        told: the setting with the file, as somebody wrote it.

    Raises:
        StartError: what is there is no key, or others may read it.
    """
    if file is not None:
        return read(file, told or f"{OPTION} {file}")
    folder = os.environ.get(_FOLDER)
    credential = Path(folder, CREDENTIAL) if folder else None
    if credential is None or not os.path.lexists(credential):
        return None
    return read(credential, f"The credential {credential}")


def credential(unit: str) -> Path:
    """The file of the key, as systemd hands it over to a unit of that name."""
    return CREDENTIALS / f"{unit}.service" / CREDENTIAL


def read(file: Path, source: str) -> OperatorKey:
    """The key in a file.

    Args:
        source: the file in words, with the setting that names it.

    Raises:
        StartError: it holds no key, or others may read it.
    """
    try:
        # not waiting for who writes into a pipe
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb", buffering=0) as opened:
            _require_private(file, os.fstat(descriptor), source)
            content = opened.read(_MOST_BYTES)
    except OSError as error:
        raise StartError(
            f"{source} cannot be read ({error.strerror}): name the file of the key, which the user who runs "
            "localcloud may read."
        ) from None
    return OperatorKey(source, _key(content, source))


def _require_private(file: Path, state: os.stat_result, source: str) -> None:
    if not stat.S_ISREG(state.st_mode):
        raise StartError(f"{source} is no file: name the file of the key.")
    # systemd gives a service's user the right to read by an ACL, which shows as its group's right
    others = stat.S_IRWXO | (stat.S_IWGRP if _is_credential(file) else stat.S_IRWXG)
    if state.st_mode & others:
        raise StartError(
            f"{source} may be read or written by others (mode {stat.S_IMODE(state.st_mode):04o}): "
            f"`chmod 600 {file}`, and make another key if somebody has read it."
        )
    # whom root reads for is known to root
    if os.geteuid() not in (0, state.st_uid) and state.st_uid != 0:
        raise StartError(
            f"{source} belongs to another user, who may read and change it: have it belong to the user who "
            "runs localcloud, or to root."
        )


def _is_credential(file: Path) -> bool:
    folders = [CREDENTIALS, *(Path(one).resolve() for one in [os.environ.get(_FOLDER)] if one)]
    return not {*folders}.isdisjoint(file.resolve().parents)


def _key(content: bytes, source: str) -> bytes:
    """The key that a file's content is: 32 bytes, or their base64 or hexadecimal digits."""
    text = content.strip()
    is_raw = len(content) == KEY_BYTES and not _is_text(content)
    try:
        if is_raw:
            found = content
        elif len(text) == 2 * KEY_BYTES:
            found = binascii.unhexlify(text)
        else:
            found = base64.b64decode(text, validate=True)
    except ValueError:
        found = b""
    if len(found) != KEY_BYTES:
        raise StartError(
            f"{source} holds no key of {KEY_BYTES} random bytes, in base64 or as they are, but something of "
            f"{len(content)} bytes. A passphrase is none: {_HOW}."
        )
    if len(set(found)) < _LEAST_DIFFERENT:
        raise StartError(f"{source} holds a key that is not random: {_HOW}.")
    return found


def _is_text(content: bytes) -> bool:
    return all(0x20 <= byte < 0x7F or byte in b"\r\n\t" for byte in content)


def _bound_to(folder: str) -> bytes:
    return f"data key of {folder}".encode()
