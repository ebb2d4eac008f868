"""Vaults: what seals the secrets of a data folder, each in its place, and opens them again. Pure.

A secret is sealed with the folder's own data key, by AES-256-GCM (NIST SP 800-38D) with a nonce that is made
anew each time. Its place is authenticated with it: what is moved to another place does not open there. The
data key is made once, and kept wrapped by the operator's key (`localcloud/datafolder/operator_key.py`).
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass
from typing import Final, NoReturn, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from localcloud.errors import StartError

PREFIX: Final = "sealed:"
"""Begins each sealed secret."""
KEY_BYTES: Final = 32
_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12


@dataclass(frozen=True)
class Place:
    """The place of a secret: a column of a row of a table, named by the row's key."""

    table: str
    column: str
    row: str

    def __str__(self) -> str:
        return f"{self.table}.{self.column} of {self.row}"


class Vault(Protocol):
    """What seals secrets of one data folder, and opens them.

    Attributes:
        is_sealing: whether secrets at rest are encrypted.
    """

    is_sealing: bool

    def require(self) -> None:
        """Refuses where secrets are encrypted, and their key is not given.

        Raises:
            StartError: so it is.
        """

    def seal(self, place: Place, secret: str) -> str:
        """A secret as it is to be written in its place."""

    def unseal(self, place: Place, written: str) -> str:
        """The secret that was written in a place.

        Raises:
            StartError: it is damaged, or was not written there.
        """


class _InClear:
    """The vault of a folder whose secrets are not encrypted."""

    is_sealing = False

    def require(self) -> None:
        return

    def seal(self, place: Place, secret: str) -> str:  # noqa: ARG002 - one of several vaults
        return secret

    def unseal(self, place: Place, written: str) -> str:  # noqa: ARG002
        return written


IN_CLEAR: Final[Vault] = _InClear()


class Locked:
    """The vault of a folder whose secrets are encrypted, without its key: nothing can be done with them.

    Args:
        refusal: raised by whatever needs a secret.
    """

    is_sealing = True

    def __init__(self, refusal: StartError) -> None:
        self._refusal = refusal

    def require(self) -> NoReturn:
        raise self._refusal

    def seal(self, place: Place, secret: str) -> str:  # noqa: ARG002
        self.require()

    def unseal(self, place: Place, written: str) -> str:  # noqa: ARG002
        self.require()


class Sealing:
    """The vault of a folder whose secrets are encrypted.

    Args:
        data_key: the folder's own key.
    """

    is_sealing = True

    def __init__(self, data_key: bytes) -> None:
        self._cipher = AESGCM(derived(data_key, b"localcloud secrets"))

    def require(self) -> None:
        return

    def seal(self, place: Place, secret: str) -> str:
        sealed = encrypt(self._cipher, secret.encode(), _bound_to(place))
        return PREFIX + base64.b64encode(sealed).decode()

    def unseal(self, place: Place, written: str) -> str:
        prefix, _, sealed = written.partition(":")  # what is in clear has another one, or is no base64
        try:
            encrypted = base64.b64decode(sealed, validate=True) if f"{prefix}:" == PREFIX else b""
            return decrypt(self._cipher, encrypted, _bound_to(place)).decode()
        except (ValueError, InvalidTag):
            raise StartError(
                f"The secret in {place} cannot be decrypted: it is damaged, in clear, or was written for "
                "another place. Restore a backup (`fpga cloud restore`)."
            ) from None


def is_sealed(written: str) -> bool:
    """Whether that is a sealed secret, of whatever folder."""
    return written.startswith(PREFIX)


def derived(key: bytes, purpose: bytes) -> bytes:
    """A key for one purpose, made of another key (HKDF, RFC 5869, with SHA-256)."""
    return HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=purpose).derive(key)


def encrypt(cipher: AESGCM, content: bytes, bound_to: bytes) -> bytes:
    """Content encrypted: a byte with the version of this form, the nonce, the rest."""
    nonce = os.urandom(_NONCE_BYTES)
    return _VERSION + nonce + cipher.encrypt(nonce, content, _VERSION + bound_to)


def decrypt(cipher: AESGCM, encrypted: bytes, bound_to: bytes) -> bytes:
    """The content that `encrypt` has encrypted.

    Raises:
        ValueError: it is of another version, or cut.
        InvalidTag: another key encrypted it, it is bound to something else, or it is damaged.
    """
    if encrypted[:1] != _VERSION:
        raise ValueError("it is of another version")
    begin = 1 + _NONCE_BYTES
    return cipher.decrypt(encrypted[1:begin], encrypted[begin:], _VERSION + bound_to)


def _bound_to(place: Place) -> bytes:
    return json.dumps([place.table, place.column, place.row]).encode()
