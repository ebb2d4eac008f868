"""localcloud's certificate authority and the certificate of its HTTPS listeners (APIs and blob service).

Made at first start and kept: who trusted `ca.pem` once trusts it after every restart. The server certificate
is renewed at a start at which a third of its life or less is left.
"""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from localcloud.datafolder.aside import Aside
from localcloud.errors import StartError
from localcloud.files import write_private
from localcloud.settings import CA_CERTIFICATE

CA_KEY = "ca.key"
SERVER_CERTIFICATE = "server.pem"
SERVER_KEY = "server.key"
CA_LIFE = datetime.timedelta(days=3650)
SERVER_LIFE = datetime.timedelta(days=825)  # the longest that Apple's verifier takes from a private CA
_BACKDATE = datetime.timedelta(minutes=5)  # for a clock that is set back a little


@dataclass(frozen=True)
class Authority:
    """Paths of PEM files: the CA that callers trust, the server's certificate and key."""

    ca: Path
    certificate: Path
    key: Path


def load_or_make(data: Path, host: str) -> Authority:
    """The authority of a data folder, with a server certificate for `localhost`, `127.0.0.1` and `host`.

    Raises:
        StartError: what is there is damaged, or the CA is over.
    """
    authority = Authority(data / CA_CERTIFICATE, data / SERVER_CERTIFICATE, data / SERVER_KEY)
    if not authority.ca.exists():
        _make_ca(data)
    if not _serves_on(authority, host):
        _issue(data, authority, host)
    return authority


def _make_ca(data: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    # A random part in the name: two localclouds' CAs in one bundle must not be taken for each other.
    mark = x509.random_serial_number().to_bytes(20, "big").hex()[:8]
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"localcloud CA {mark}")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(now + CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    if (data / CA_KEY).exists():  # of a first start that was cut off, or of a CA whose certificate is lost
        Aside(data).move(data / CA_KEY)
    # The certificate last: while it is missing nobody has seen this CA, and a new one may be made.
    write_private(data / CA_KEY, _pem(key))
    write_private(data / CA_CERTIFICATE, certificate.public_bytes(serialization.Encoding.PEM))


def _issue(data: Path, authority: Authority, host: str) -> None:
    ca = _load_certificate(authority.ca)
    now = datetime.datetime.now(datetime.UTC)
    if ca.not_valid_after_utc <= now:
        raise StartError(
            f"The CA {authority.ca} expired on {ca.not_valid_after_utc:%Y-%m-%d}: {_remedy(data)}"
        )
    ca_key = _load_key(data / CA_KEY, data)
    key = ec.generate_private_key(ec.SECP256R1())
    names: list[x509.GeneralName] = [x509.DNSName("localhost")]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in sorted({"127.0.0.1", host})]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder(ca.subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(min(now + SERVER_LIFE, ca.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    write_private(authority.key, _pem(key))
    write_private(authority.certificate, certificate.public_bytes(serialization.Encoding.PEM))


def _serves_on(authority: Authority, host: str) -> bool:
    """Whether certificate and key are there, fit, name the host, and have a third of their life left."""
    if not (authority.certificate.exists() and authority.key.exists()):
        return False
    certificate = _load_certificate(authority.certificate)
    key = _load_key(authority.key, authority.key.parent)
    if certificate.public_key() != key.public_key():
        return False  # killed between the two writes of a renewal
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    if datetime.datetime.now(datetime.UTC) > certificate.not_valid_after_utc - life / 3:
        return False
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return ipaddress.ip_address(host) in names.get_values_for_type(x509.IPAddress)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _load_certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError:
        raise StartError(f"{path} is not a certificate: {_remedy(path.parent)}") from None


def _load_key(path: Path, data: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (FileNotFoundError, ValueError, TypeError):
        raise StartError(f"{path} is missing or not a private key: {_remedy(data)}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise StartError(f"{path} is not an elliptic-curve key: {_remedy(data)}")
    return key


def _remedy(data: Path) -> str:
    files = ", ".join((CA_CERTIFICATE, CA_KEY, SERVER_CERTIFICATE, SERVER_KEY))
    return (
        f"delete {files} in {data}; new ones are made at the next start, and callers must trust the new CA."
    )
