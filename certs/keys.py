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


def encode_public(key: PublicKeyTypes) -> bytes:
    """The SubjectPublicKeyInfo of `key` in DER."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def encode_private(key: PrivateKeyTypes) -> str:
    """`key` as PKCS#8 in PEM, not encrypted: what the service and gRPC take. A secret."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode("ascii")
