"""Keys of certificates: what kind they are, whether two are one, how they are written."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import (
    CertificatePublicKeyTypes,
    PrivateKeyTypes,
    PublicKeyTypes,
)

_TRIED_BITS = 16384
"""Longer RSA keys are refused for their length, by the certificate's rules."""
_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


def kind(key: PublicKeyTypes) -> str:
    """The key in words: `RSA-2048`, `P-256`, `secp256k1`, `Ed25519`."""
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA-{key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _CURVES.get(key.curve.name, key.curve.name)
    return type(key).__name__.lstrip("_").removesuffix("PublicKey")


def kind_of(certificate: x509.Certificate) -> str:
    """The kind of the key in `certificate`, or the identifier of its algorithm where that is not known."""
    key = public_key(certificate)
    return f"algorithm {certificate.public_key_algorithm_oid.dotted_string}" if key is None else kind(key)


def public_key(certificate: x509.Certificate) -> CertificatePublicKeyTypes | None:
    """The public key in `certificate`, or None where its algorithm or curve is not known."""
    try:
        return certificate.public_key()
    except (UnsupportedAlgorithm, ValueError):
        return None


def belongs_to(key: PrivateKeyTypes, certificate: x509.Certificate) -> bool:
    """Whether `key` is the private half of the key in `certificate`."""
    public = public_key(certificate)
    return public is not None and encode_public(public) == encode_public(key.public_key())


def load_private(pem: bytes, password: bytes | None) -> PrivateKeyTypes:
    """The private key in `pem`.

    The library would try whether an RSA key's numbers are primes: of a key that is long enough, for minutes.
    gRPC's TLS stack asks no more than what is asked here.

    Raises:
        ValueError, TypeError: it is none, is damaged, or the password does not fit.
        cryptography.exceptions.UnsupportedAlgorithm: it is of a kind that is not known.
    """
    key = serialization.load_pem_private_key(pem, password, unsafe_skip_rsa_key_validation=True)
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size <= _TRIED_BITS:
        _require_whole(key.private_numbers())
    return key


def _require_whole(key: rsa.RSAPrivateNumbers) -> None:
    """Checks that the numbers of an RSA key belong together (RFC 8017 section 3.2). Raises ValueError."""
    p, q, d, public = key.p, key.q, key.d, key.public_numbers
    if (
        min(p, q) <= 2
        or p * q != public.n
        or not (d * public.e) % (p - 1) == (d * public.e) % (q - 1) == 1
        or (key.dmp1, key.dmq1) != (d % (p - 1), d % (q - 1))
        or (key.iqmp * q) % p != 1
    ):
        raise ValueError("the numbers of the RSA key do not belong together")


def encode_public(key: PublicKeyTypes) -> bytes:
    """The SubjectPublicKeyInfo of `key` in DER."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def encode_private(key: PrivateKeyTypes) -> str:
    """`key` as PKCS#8 in PEM, not encrypted: what the service and gRPC take. A secret."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode("ascii")
