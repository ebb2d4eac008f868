"""Chains and keys in PEM, as the program reads them and as localcloud does."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from certs.bundle import Reading, read, to_pem
from certs.checks import Checked, judge
from certs.findings import errors_in
from certs.pem import MAXIMUM_SIZE, Block
from localcloud.http.frame import MAX_BODY_BYTES
from localcloud.scoring.errors import TlsError
from localcloud.scoring.tls import check_served, read_material
from tests.support.parsers.parser import Parser, require_sentence

BETWEEN: Final = b"\0KEY\0"
"""What stands between the chain and the key."""

_EC_PUBLIC_KEY: Final = bytes.fromhex("2a8648ce3d0201")
_LINE_OF_A_KEY: Final = re.compile(rb"[A-Za-z0-9+/]{40,}")


def require_fit_is_served(reading: Reading) -> None:
    """Checks that a chain and key that are said to be fit pass a real handshake."""
    from tests.support.certificates.forge import FQDN, root
    from tests.support.certificates.strict_handshake import refusal_of

    roots = [root().certificate]
    judged = judge(reading, FQDN, datetime.now(UTC), roots)
    for finding in judged.findings:
        require_sentence(str(finding))
    if not isinstance(judged, Checked):
        return
    key_pem = judged.bundle.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with tempfile.TemporaryDirectory() as folder:
        certificate_file, key_file = Path(folder, "chain.pem"), Path(folder, "key.pem")
        certificate_file.write_text(to_pem(judged.bundle.chain))
        key_file.write_bytes(key_pem)
        refused = refusal_of(certificate_file, key_file, roots, FQDN, strict=False)
    assert not refused, f"it is said to be fit, and refused in a handshake: {refused}"


def _check_bundle(data: bytes) -> None:
    """What is read is read the same again; what is fit is served; and no line of a key is said."""
    chain, _, key = data.partition(BETWEEN)
    reading = read(chain, key)
    said = "\n".join(map(str, reading.findings))
    for line in _LINE_OF_A_KEY.findall(key):
        assert line in chain or line.decode() not in said
    for finding in reading.findings:
        require_sentence(str(finding))
    if not reading.is_read():
        assert errors_in((*reading.findings, *reading.absences()))
        return
    if not errors_in(reading.chain_findings):
        bundle = reading.bundle()
        assert to_pem(read(to_pem(bundle.chain), key).bundle().chain) == to_pem(bundle.chain)
    require_fit_is_served(reading)


def _check_material(data: bytes) -> None:
    """What localcloud takes it takes again as it wrote it; gRPC binds with it, or refuses it in words."""
    chain, _, key = data.partition(BETWEEN)
    try:
        material = read_material(chain.decode("latin-1"), key.decode("latin-1"))
    except TlsError as error:
        require_sentence(str(error))
        return
    assert read_material(material.certificate_pem.decode(), material.key_pem.decode()) == material
    try:
        check_served(material)
    except TlsError as error:
        require_sentence(str(error))


def _texts() -> Iterator[bytes]:
    from tests.support.certificates import odd_encodings, odd_texts, odd_wrappings
    from tests.support.certificates.forge import chain, intermediate, key_der, leaf

    good = leaf()
    of_unknown_kind = key_der(good.key).replace(_EC_PUBLIC_KEY, _EC_PUBLIC_KEY[:-1] + b"\x7f")
    yield chain(good, intermediate()) + BETWEEN + Block("PRIVATE KEY", of_unknown_kind, 1).pem()
    for kind in ("P-256", "P-384", "RSA-2048", "Ed25519"):
        made = leaf(key_kind=kind)
        yield chain(made, intermediate()) + BETWEEN + made.key_pem
    tables = (odd_texts.UNREADABLE, odd_texts.MENDED, odd_wrappings.UNREADABLE, odd_encodings.WARNED)
    for case in (case for table in tables for case in table):
        texts = case.texts()
        if len(texts[0]) + len(texts[1]) < 20_000:
            yield texts[0] + BETWEEN + texts[1]


def _heavy() -> Iterator[bytes]:
    """A megabyte of what once took minutes, in the place of the chain, and in that of the key."""
    for part in (
        b"-----BEGIN CERTIFICATE-----" + b"\n" * (MAXIMUM_SIZE - 60) + b"-----END CERTIFICATE-----",
        b"-----BEGIN CERTIFICATE-----\n" + b"a:\n" * (MAXIMUM_SIZE // 3 - 40) + b"-----END CERTIFICATE-----",
        b"x-----END A-----" * (MAXIMUM_SIZE // 17),
        b"x -----BEGIN A-----" * (MAXIMUM_SIZE // 20),
    ):
        yield part + BETWEEN
        yield BETWEEN + part
    from tests.support.certificates.forge import key_pem, rsa_of_8676_bits, rsa_of_19630_bits
    from tests.support.certificates.odd_bundles import CHAIN

    for key in (rsa_of_8676_bits(), rsa_of_19630_bits()):
        yield CHAIN + BETWEEN + key_pem(key)


PARSERS: Final = (
    Parser(
        "pem",
        "a chain and a key in PEM, as a stack's files are read",
        _check_bundle,
        _texts,
        _heavy,
        limit_s=8.0,
        size=2 * MAXIMUM_SIZE,
    ),
    Parser(
        "ssl-certificate",
        "sslCertificate and sslKey, as localcloud takes them",
        _check_material,
        _texts,
        _heavy,
        size=MAX_BODY_BYTES,
    ),
)
