"""Keys and signatures that both sides take.

A gRPC server binds with an Ed25519 or P-521 key, and then every handshake fails; so what decides is not what
can be loaded but what BoringSSL, Go and the Web PKI (CA/Browser Forum Baseline Requirements 6.1.5, 7.1.3)
agree on. An authority makes no handshakes: of its key, more is taken.
"""

from __future__ import annotations

from collections.abc import Iterator

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import PublicKeyAlgorithmOID, SignatureAlgorithmOID

from certs.findings import Finding, error, warning
from certs.keys import kind, kind_of, public_key

MINIMUM_RSA_BITS = 2048
MAXIMUM_RSA_BITS = 8192
"""Go refuses chains with longer moduli (crypto/tls, since 1.20.7)."""
_CURVES = ("secp256r1", "secp384r1")
_OF_AUTHORITIES = ("P-521", "Ed25519")
"""Keys with which no handshake succeeds, and whose signatures in certificates all these verify."""
_HASHES = ("sha256", "sha384", "sha512")
_WANTED = "Use RSA of 2048 to 8192 bits, P-256 or P-384"
_NEW_KEY = f"{_WANTED}: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem"


def check_certificate(
    certificate: x509.Certificate, subject: str, *, is_leaf: bool, signed: bool
) -> Iterator[Finding]:
    """Findings about the key of `certificate` and, where somebody verifies it (`signed`), its
    signature.
    """
    remedy = (
        f"{_NEW_KEY}, and have a certificate issued for it." if is_leaf else f"{_WANTED} for that authority."
    )
    found = kind_of(certificate)
    if not is_leaf and found in _OF_AUTHORITIES:
        message = f"has a key of the kind {found}, which gRPC takes of an authority, and not every client."
        yield warning("authority-key-unusual", subject, message, remedy)
    else:
        yield from _check_key(found, _fault(certificate), subject, remedy)
    if signed:
        yield from _check_signature(certificate, subject)


def check_private_key(key: PrivateKeyTypes, subject: str) -> Iterator[Finding]:
    """Findings about a private key for which there is no certificate to judge it by."""
    public = key.public_key()
    yield from _check_key(kind(public), _fault_of_key(public), subject, f"{_NEW_KEY}.")


def _check_key(found: str, fault: str | None, subject: str, remedy: str) -> Iterator[Finding]:
    messages = {
        "rsa-too-short": f"has an RSA key of too few bits ({found}), which clients refuse.",
        "rsa-too-long": f"has an RSA key of too many bits ({found}), which clients refuse.",
        "curve-unsupported": f"has a key on the curve {found}, with which TLS handshakes fail.",
        "key-type-unsupported": f"has a key of the kind {found}, with which TLS handshakes fail.",
    }
    if fault:
        yield error(fault, subject, messages[fault], remedy)


def _fault(certificate: x509.Certificate) -> str | None:
    if certificate.public_key_algorithm_oid == PublicKeyAlgorithmOID.RSASSA_PSS:
        return "key-type-unsupported"  # bound to PSS by its certificate: BoringSSL does not know that kind
    return _fault_of_key(public_key(certificate))


def _fault_of_key(key: object) -> str | None:
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < MINIMUM_RSA_BITS:
            return "rsa-too-short"
        return "rsa-too-long" if key.key_size > MAXIMUM_RSA_BITS else None
    if isinstance(key, ec.EllipticCurvePublicKey):
        return None if key.curve.name in _CURVES else "curve-unsupported"
    return "key-type-unsupported"


def _check_signature(certificate: x509.Certificate, subject: str) -> Iterator[Finding]:
    remedy = "Have it issued anew with SHA-256 (openssl: -sha256)."
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        identifier = certificate.signature_algorithm_oid.dotted_string
        message = f"is signed with the algorithm {identifier}, which is not known."
        yield error("signature-algorithm-unsupported", subject, message, remedy)
        return
    if algorithm is None:  # Ed25519 or Ed448; the first is told of where its key is
        if certificate.signature_algorithm_oid != SignatureAlgorithmOID.ED25519:
            message = "is signed with Ed448, which TLS clients do not take."
            yield error("signature-algorithm-unsupported", subject, message, remedy)
    elif algorithm.name not in _HASHES:
        message = f"is signed with {algorithm.name.upper().replace('SHA', 'SHA-')}, which clients refuse."
        yield error("signature-hash-weak", subject, message, remedy)
