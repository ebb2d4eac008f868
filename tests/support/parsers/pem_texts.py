"""Chains and keys in PEM, as the program reads them and as localcloud does."""

from __future__ import annotations

import re
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from certs.bundle import read, to_pem
from certs.findings import errors_in
from localcloud.scoring.errors import TlsError
from localcloud.scoring.tls import read_material
from surroundings.tls import server_context
from tests.support.parsers.parser import Parser

BETWEEN: Final = b"\0KEY\0"
"""What stands between the chain and the key."""

_LINE_OF_A_KEY: Final = re.compile(rb"[A-Za-z0-9+/]{40,}")


def _check_bundle(data: bytes) -> None:
    """What is read is read the same again from what would be kept of it; no word of a key is said."""
    chain, _, key = data.partition(BETWEEN)
    reading = read(chain, key)
    said = "\n".join(map(str, reading.findings))
    for line in _LINE_OF_A_KEY.findall(key):
        assert line in chain or line.decode() not in said
    if not reading.is_read() or errors_in(reading.chain_findings):
        assert errors_in((*reading.findings, *reading.absences()))
        return
    bundle = reading.bundle()
    again = read(to_pem(bundle.chain), key).bundle()
    assert to_pem(again.chain) == to_pem(bundle.chain)


def _check_material(data: bytes) -> None:
    """What localcloud takes, OpenSSL serves."""
    chain, _, key = data.partition(BETWEEN)
    try:
        material = read_material(chain.decode("latin-1"), key.decode("latin-1"))
    except TlsError:
        return
    with tempfile.TemporaryDirectory() as folder:
        certificate_file, key_file = Path(folder, "chain.pem"), Path(folder, "key.pem")
        certificate_file.write_bytes(material.certificate_pem)
        key_file.write_bytes(material.key_pem)
        try:
            server_context(certificate_file, key_file)
        except ssl.SSLError as error:
            raise AssertionError(f"OpenSSL does not serve it: {error}") from error


def _texts() -> Iterator[bytes]:
    from tests.support.certificates import odd_encodings, odd_texts, odd_wrappings
    from tests.support.certificates.forge import chain, intermediate, leaf

    for kind in ("P-256", "P-384", "RSA-2048", "Ed25519"):
        made = leaf(key_kind=kind)
        yield chain(made, intermediate()) + BETWEEN + made.key_pem
    tables = (odd_texts.UNREADABLE, odd_texts.MENDED, odd_wrappings.UNREADABLE, odd_encodings.WARNED)
    for case in (case for table in tables for case in table):
        texts = case.texts()
        if len(texts[0]) + len(texts[1]) < 20_000:
            yield texts[0] + BETWEEN + texts[1]


PARSERS: Final = (
    Parser("pem", "a chain and a key in PEM, as a stack's files are read", _check_bundle, _texts),
    Parser("ssl-certificate", "sslCertificate and sslKey, as localcloud takes them", _check_material, _texts),
)
