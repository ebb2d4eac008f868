"""Certificates and keys as callers send them."""

from __future__ import annotations

import datetime
import ssl
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from localcloud.scoring.errors import TlsError
from localcloud.scoring.tls import TlsMaterial, check_served, read_material
from tests.support.certificates import odd_encodings
from tests.support.certificates.forge import key, key_der, key_pem, make, rsa_of_8676_bits
from tests.support.certificates.odd_bundles import Case

DAY = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
P256, P384, P521, RSA_2048, RSA_1024, ED25519 = map(
    key, ("P-256", "P-384", "P-521", "RSA-2048", "RSA-1024", "Ed25519")
)


def _pem(key: Any, *, traditional: bool = False, password: bytes | None = None) -> str:
    return key_pem(key, traditional=traditional, password=password).decode()


def _certificate(key: Any, name: str = "scoring.example.com") -> str:
    end = DAY + datetime.timedelta(days=1)
    return make(name, None, key, begin=DAY, end=end, basic=None, identifiers=False).pem.decode()


LEAF = _certificate(P256)


def _damaged() -> str:
    """An RSA key with a private exponent that is not its own."""
    whole = RSA_2048.private_numbers()
    numbers = rsa.RSAPrivateNumbers(
        whole.p, whole.q, whole.d + 2, whole.dmp1, whole.dmq1, whole.iqmp, whole.public_numbers
    )
    return _pem(numbers.private_key(unsafe_skip_rsa_key_validation=True))


def _of_unknown_kind() -> str:
    """A key on P-256 with an identifier in the place of "elliptic curve" that nobody has given away."""
    der = key_der(P256).replace(bytes.fromhex("2a8648ce3d0201"), bytes.fromhex("2a8648ce3d027f"))
    return ssl.DER_cert_to_PEM_cert(der).replace("CERTIFICATE", "PRIVATE KEY")


@pytest.mark.parametrize("key", [P256, P384, RSA_2048])
def test_keys_that_both_sides_take_are_taken(key: Any) -> None:
    material = read_material(_certificate(key), _pem(key, traditional=True))
    assert material.certificate_pem.decode() == _certificate_text(material.certificate_pem)
    assert material.key_pem.decode() == _pem(key)


def _certificate_text(pem: bytes) -> str:
    return x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize("odd", [LEAF.replace("\n", "\r\n"), "a comment before\n" + LEAF + "\n\n", "﻿" + LEAF])
def test_odd_ways_to_write_pem_come_out_canonical(odd: str) -> None:
    assert read_material(odd, _pem(P256).replace("\n", "\r\n")).certificate_pem.decode() == LEAF


def test_a_key_as_openssl_ecparam_writes_it_is_taken() -> None:
    parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    key = parameters + _pem(P256, traditional=True)
    assert read_material(LEAF, key).key_pem.decode() == _pem(P256)


def test_the_whole_chain_is_kept_in_its_order() -> None:
    issuer = _certificate(P384, "CA")
    assert read_material(LEAF + issuer, _pem(P256)).certificate_pem.decode() == LEAF + issuer


@pytest.mark.parametrize("case", odd_encodings.WARNED, ids=lambda case: case.name)
def test_what_grpc_serves_is_kept_as_it_is_written(case: Case) -> None:
    """A caller of the data plane is refused nothing that the service can be served with."""
    certificate, key = case.texts()
    material = read_material(certificate.decode(), key.decode())
    assert material == TlsMaterial(certificate, key)
    check_served(material)


@pytest.mark.parametrize(
    ("certificate", "key", "message"),
    [
        ("", _pem(P256), "sslCertificate must hold .* alone; it has: no PEM block"),
        (LEAF + _pem(P256), _pem(P256), "must hold .* alone; it has: CERTIFICATE, PRIVATE KEY"),
        (LEAF, "", "sslKey must hold one PEM block, the private key; it has: 0"),
        (LEAF, _pem(P256) * 2, "sslKey must hold one PEM block"),
        (LEAF + LEAF[:200], _pem(P256), "sslCertificate has a PEM block that breaks off: CERTIFICATE begins"),
        (
            LEAF[:200] + LEAF,
            _pem(P256),
            "sslCertificate has a PEM block that breaks off, near -----BEGIN",
        ),
        (LEAF[28:], _pem(P256), "sslCertificate has a PEM block that breaks off, near -----END CERT"),
        (LEAF.replace("M", "%", 3), _pem(P256), "sslCertificate cannot be read"),
        (LEAF, _pem(P256, password=b"secret"), "sslKey cannot be read as an unencrypted private key"),
        (LEAF, LEAF, "sslKey cannot be read as an unencrypted private key"),
        (
            LEAF,
            _pem(P384),
            "sslKey does not belong to the first certificate of .*; put the leaf first",
        ),
        (_certificate(P384, "CA") + LEAF, _pem(P256), "does not belong to the first certificate"),
        (
            _certificate(P521),
            _pem(P521),
            "sslKey must be RSA of at least 2048 bits, or ECDSA on P-256",
        ),
        (_certificate(ED25519), _pem(ED25519), "sslKey must be RSA of at least 2048 bits"),
        (_certificate(RSA_1024), _pem(RSA_1024), "sslKey must be RSA of at least 2048 bits"),
        (LEAF, _pem(rsa_of_8676_bits()), "RSA of more than 8192 bits is refused by callers"),
        (_certificate(RSA_2048), _damaged(), "the numbers of its RSA key do not belong together"),
        (LEAF, _of_unknown_kind(), "sslKey cannot be read as an unencrypted private key"),
    ],
)
def test_what_cannot_be_served_is_refused_and_no_key_is_quoted(
    certificate: str, key: str, message: str
) -> None:
    with pytest.raises(TlsError, match=message) as refused:
        read_material(certificate, key)
    for line in key.splitlines()[1:-1]:
        assert line not in str(refused.value)


def test_the_key_stays_out_of_the_representation() -> None:
    assert "PRIVATE KEY" not in repr(read_material(LEAF, _pem(P256)))
