"""The making of the files by which machines of a cluster know each other: a folder with one for each machine.

    FOLDER/ca.crt, ca.key, token                       of the cluster; ca.key leaves this folder for nobody
    FOLDER/ADDRESS/ca.crt, tls.crt, tls.key, token     what the machine of that address is given

Done again it adds machines, and makes certificates anew that have a third of their life left, or less.
"""

from __future__ import annotations

import datetime
import os
import secrets
from collections.abc import Sequence
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from localcloud.authority import make_ca
from localcloud.cluster.credentials import CA, CERTIFICATE, TOKEN, Credentials
from localcloud.errors import StartError
from localcloud.files import write_private

CA_KEY: Final = "ca.key"
LIFE: Final = datetime.timedelta(days=825)
_BACKDATE: Final = datetime.timedelta(minutes=5)  # for a clock that is set back a little
_TOKEN_BYTES: Final = 32


class Made(NamedTuple):
    """A machine's files.

    Attributes:
        address: the machine's.
        credentials: where its files are.
        expires: when its certificate does.
        is_new: whether the certificate was made now.
    """

    address: str
    credentials: Credentials
    expires: datetime.datetime
    is_new: bool


class _Issuer(NamedTuple):
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    pem: bytes


def make(folder: Path, addresses: Sequence[str], names: Sequence[str] = ()) -> list[Made]:
    """Makes what is missing of a cluster's files, and what expires: the machines' files, in their order.

    Args:
        folder: of the cluster.
        addresses: IPv4 addresses of machines in the cluster; those that have a folder there come with them.
        names: DNS names by which each of them is called, beside its address.

    Raises:
        StartError: an address is none that other machines reach, or a file that is there cannot be used.
        OSError: a file cannot be written.
    """
    for address in addresses:
        _require_address(address)
    _private_folder(folder)
    issuer = _load_or_make_ca(folder)
    token = _load_or_make_token(folder)
    there = [path.name for path in sorted(folder.iterdir()) if (path / CERTIFICATE).is_file()]
    return [_machine(folder, one, issuer, token, names) for one in dict.fromkeys([*addresses, *there])]


def of_machine(folder: Path) -> Credentials:
    """The credentials in a machine's folder."""
    return Credentials(folder / TOKEN, folder)


def _machine(folder: Path, address: str, issuer: _Issuer, token: bytes, names: Sequence[str]) -> Made:
    own = folder / address
    _private_folder(own)
    found = of_machine(own)
    for path, content in ((found.token_file, token), (found.ca_file, issuer.pem)):
        if not path.exists() or path.read_bytes() != content:
            write_private(path, content)
    standing = _standing(found, issuer)
    if standing is not None:
        return Made(address, found, standing, is_new=False)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _issue(address, key, issuer, names)
    write_private(found.key_file, _pem(key))
    write_private(found.certificate_file, certificate.public_bytes(serialization.Encoding.PEM))
    return Made(address, found, certificate.not_valid_after_utc, is_new=True)


def _standing(found: Credentials, issuer: _Issuer) -> datetime.datetime | None:
    """When the certificate expires that a machine has; None: another is to be made."""
    try:
        certificate = x509.load_pem_x509_certificate(found.certificate_file.read_bytes())
        key = serialization.load_pem_private_key(found.key_file.read_bytes(), None)
        certificate.verify_directly_issued_by(issuer.certificate)
    except Exception:  # missing, damaged, or of another CA
        return None
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    # one that ends with its CA cannot be made to last longer
    due = end if end == issuer.certificate.not_valid_after_utc else end - (end - begin) / 3
    fits = key.public_key() == certificate.public_key() and begin <= datetime.datetime.now(datetime.UTC) < due
    return end if fits else None


def _issue(
    address: str, key: ec.EllipticCurvePrivateKey, issuer: _Issuer, names: Sequence[str]
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)])
    known = [
        x509.IPAddress(IPv4Address(address)),
        # Ray's processes of one machine call each other here
        x509.IPAddress(IPv4Address("127.0.0.1")),
        x509.DNSName("localhost"),
        *map(x509.DNSName, names),
    ]
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    return (
        x509.CertificateBuilder(
            issuer.certificate.subject, subject, key.public_key(), x509.random_serial_number()
        )
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(min(now + LIFE, issuer.certificate.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage(both), critical=False)
        .add_extension(x509.SubjectAlternativeName(known), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False
        )
        .sign(issuer.key, hashes.SHA256())
    )


def _load_or_make_ca(folder: Path) -> _Issuer:
    certificate_file, key_file = folder / CA, folder / CA_KEY
    if not certificate_file.exists():
        made = make_ca()
        # The certificate last: while it is missing nobody has seen this CA.
        write_private(key_file, made.key)
        write_private(certificate_file, made.certificate)
    try:
        pem = certificate_file.read_bytes()
        certificate = x509.load_pem_x509_certificate(pem)
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        raise StartError(
            f"{certificate_file} or {key_file} is missing or damaged: restore both, or name another folder, "
            "which is another cluster."
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise StartError(
            f"{key_file} is not the key of {certificate_file}: restore both, or name another folder, which "
            "is another cluster."
        )
    return _Issuer(certificate, key, pem)


def _load_or_make_token(folder: Path) -> bytes:
    file = folder / TOKEN
    if not file.exists():
        write_private(file, secrets.token_hex(_TOKEN_BYTES).encode() + b"\n")
    return file.read_bytes()


def _require_address(address: str) -> None:
    try:
        parsed = IPv4Address(address)
    except AddressValueError:
        parsed = None
    if parsed is None or parsed.is_loopback or parsed.is_unspecified or parsed.is_multicast:
        raise StartError(
            f"{address} is no IPv4 address at which other machines reach one: give one of its interface."
        )


def _private_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o077 and not any(folder.iterdir()):
        folder.chmod(0o700)  # made beforehand, for this
    if folder.stat().st_mode & 0o077 and folder.stat().st_uid == os.geteuid():
        raise StartError(f"{folder} may be read by others: `chmod 700 {folder}`, or name another folder.")


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
