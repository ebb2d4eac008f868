"""A certificate chain and key, in the form that gRPC takes."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from localcloud.scoring.errors import TlsError

if TYPE_CHECKING:
    import grpc
    from cryptography.hazmat.primitives.asymmetric import rsa

RSA_BITS = range(2048, 8192 + 1)
_BOUNDARY = re.compile(r"-----(BEGIN|END) ([A-Z0-9 ]+)-----")


@dataclass(frozen=True)
class TlsMaterial:
    """The chain that a service shows and the key that it signs with; canonical PEM, as `read_material` writes
    it.

    Attributes:
        certificate_pem: the chain, leaf first.
        key_pem: the leaf's private key, PKCS8, not encrypted.
    """

    certificate_pem: bytes
    key_pem: bytes = field(repr=False)

    def configuration(self) -> grpc.ServerCertificateConfiguration:
        """The certificate and key as gRPC's server takes them."""
        import grpc

        return grpc.ssl_server_certificate_configuration([(self.key_pem, self.certificate_pem)])


def read_material(certificate: str, key: str) -> TlsMaterial:
    """The chain and key that a caller of the data plane sent, written again in the form that gRPC takes.

    gRPC reads PEM more strictly than others: byte order marks or lone carriage returns make it fail without
    words, and a block that breaks off is dropped in silence. So everything is parsed here.

    Args:
        certificate: `sslCertificate`, PEM, the leaf first.
        key: `sslKey`, PEM, not encrypted.

    Raises:
        TlsError: one of them cannot be read, they do not belong together, or the key is of a kind with which
            no handshake succeeds (not RSA of 2048 to 8192 bits, P-256 or P-384).
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    from localcloud.scoring import certificate_text

    labels = _blocks(certificate, "sslCertificate")
    if not labels or set(labels) != {"CERTIFICATE"}:
        found = ", ".join(labels) or "no PEM block"
        raise TlsError(f"sslCertificate must hold -----BEGIN CERTIFICATE----- blocks alone; it has: {found}.")
    # OpenSSL writes the curve's parameters before an EC key.
    labels = [label for label in _blocks(key, "sslKey") if label != "EC PARAMETERS"]
    if len(labels) != 1:
        raise TlsError(f"sslKey must hold one PEM block, the private key; it has: {len(labels)}.")
    try:
        chain = certificate_text.read_chain(certificate)
        public = certificate_text.public_key(chain[0])
    except (ValueError, UnsupportedAlgorithm) as error:
        raise TlsError(f"sslCertificate cannot be read: {error}") from None
    try:
        # The library would try whether the numbers are primes: seconds to minutes, in which no thread runs.
        private = serialization.load_pem_private_key(
            key.encode(), password=None, unsafe_skip_rsa_key_validation=True
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The error's own words could quote the key.
        raise TlsError("sslKey cannot be read as an unencrypted private key in PEM.") from None
    if isinstance(private, rsa.RSAPrivateKey):
        good = private.key_size in RSA_BITS
    else:
        good = isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name in (
            "secp256r1",
            "secp384r1",
        )
    if not good:
        raise TlsError(
            f"sslKey must be RSA of at least {RSA_BITS[0]} bits, or ECDSA on P-256 or P-384; RSA of more "
            f"than {RSA_BITS[-1]} bits is refused by callers."
        )
    if isinstance(private, rsa.RSAPrivateKey) and not is_whole(private.private_numbers()):
        raise TlsError("sslKey is damaged: the numbers of its RSA key do not belong together.")
    spki = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*spki) != public.public_bytes(*spki):
        raise TlsError(
            "sslKey does not belong to the first certificate of sslCertificate; put the leaf first."
        )
    return TlsMaterial(
        certificate_text.write_chain(chain),
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )


def is_whole(key: rsa.RSAPrivateNumbers) -> bool:
    """Whether the numbers of an RSA key belong together (RFC 8017 section 3.2): gRPC's TLS stack asks no
    more.

    That two of them are primes is not tried: a key whose owner made it otherwise fails in handshakes.
    """
    p, q, d, public = key.p, key.q, key.d, key.public_numbers
    return (
        min(p, q) > 2
        and p * q == public.n
        and (d * public.e) % (p - 1) == (d * public.e) % (q - 1) == 1
        and (key.dmp1, key.dmq1) == (d % (p - 1), d % (q - 1))
        and (key.iqmp * q) % p == 1
    )


def check_served(material: TlsMaterial) -> None:
    """Has gRPC bind a port that nobody knows with the material; takes a few milliseconds.

    A server that runs ignores a new certificate that gRPC cannot take, and only logs it.

    Raises:
        TlsError: gRPC does not take the material.
    """
    import grpc

    server = grpc.server(ThreadPoolExecutor(1), options=[("grpc.so_reuseport", 0)])
    credentials = grpc.ssl_server_credentials([(material.key_pem, material.certificate_pem)])
    try:
        server.add_secure_port("127.0.0.1:0", credentials)
    except RuntimeError:
        raise TlsError(
            "gRPC cannot serve with this certificate and key: they must be PEM, and belong together."
        ) from None
    finally:
        server.start()  # one that never ran keeps its port when it is stopped
        server.stop(None).wait()


def _blocks(text: str, name: str) -> list[str]:
    """The labels of the PEM blocks; every one that begins must end."""
    labels: list[str] = []
    begun: str | None = None
    for kind, label in _BOUNDARY.findall(text):
        if (kind == "BEGIN") != (begun is None) or (kind == "END" and label != begun):
            raise TlsError(f"{name} has a PEM block that breaks off, near -----{kind} {label}-----.")
        begun = label if kind == "BEGIN" else None
        labels.extend([label] if kind == "BEGIN" else [])
    if begun is not None:
        raise TlsError(f"{name} has a PEM block that breaks off: {begun} begins and does not end.")
    return labels
