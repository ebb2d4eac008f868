"""The secrets of a data folder, and a search for each of them in every byte of files."""

from __future__ import annotations

import base64
import binascii
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from localcloud.datafolder.encryption import SECRETS


def of_folder(data: Path) -> dict[str, str]:
    """The secrets of a folder in which they are in clear, by what they are."""
    found: dict[str, str] = {}
    with closing(sqlite3.connect(data / "localcloud.db")) as db:
        for column in SECRETS:
            rows = db.execute(f"SELECT {column.key}, {column.name} FROM {column.table}")  # noqa: S608
            found |= {str(column.place(row)): value for row, value in rows if value is not None}
    for path in data.rglob("*"):
        if path.is_file() and (path.name.startswith("client-secret") or ".key" in path.name):
            found[str(path.relative_to(data))] = path.read_text()
    return found


def found_in(folder: Path, secrets: dict[str, str]) -> list[str]:
    """Where a secret is in clear, in whatever form: the file and the secret's name."""
    searched = {name: forms(secret) for name, secret in secrets.items()}
    found = []
    for path in [folder] if folder.is_file() else folder.rglob("*"):
        content = _content(path) if path.is_file() and not path.is_symlink() else b""
        found += [
            f"{path}: {name}" for name, written in searched.items() if any(one in content for one in written)
        ]
    return found


def _content(path: Path) -> bytes:
    """The bytes of a file, read elsewhere: who closes a file of a database loses the locks on it."""
    return subprocess.run(["cat", path], check=True, capture_output=True).stdout


def forms(secret: str) -> set[bytes]:
    """A secret as it could be written: itself, and of a key PEM, DER, base64 and its numbers."""
    found = {secret.encode()}
    begin = secret.find("-----BEGIN PRIVATE KEY-----")
    if begin >= 0:
        pem = secret[begin:].replace("\\n", "\n").encode()
        key = serialization.load_pem_private_key(pem[: pem.index(b"-----END PRIVATE KEY-----") + 26], None)
        der = key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        joined = base64.b64encode(der)
        found |= {der, joined, joined[:64]}
        numbers = []
        if isinstance(key, ec.EllipticCurvePrivateKey):
            numbers = [key.private_numbers().private_value]
        elif isinstance(key, rsa.RSAPrivateKey):
            numbers = [key.private_numbers().d, key.private_numbers().p, key.private_numbers().q]
        found |= {number.to_bytes((number.bit_length() + 7) // 8, "big") for number in numbers}
    else:
        try:
            found.add(base64.b64decode(secret, validate=True))
        except binascii.Error:
            found.add(base64.b64encode(secret.encode()).rstrip(b"="))
    assert all(len(one) >= 16 for one in found), "too short to be told from chance"
    return found
