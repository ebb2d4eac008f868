"""localcloud's certificate authority and the certificate of its HTTPS listeners (APIs and blob service).

Made at first start and kept: who trusted `ca.pem` once trusts it after every restart, until another CA takes
its place (`localcloud/rotation.py`). The server's certificate is made anew where callers would not take it
(its key, its issuer, its names, its dates), or where a third of its life or less is left.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from localcloud.datafolder import sealed_file
from localcloud.datafolder.aside import Aside
from localcloud.datafolder.vault import IN_CLEAR, Vault
from localcloud.errors import StartError
from localcloud.files import write_private
from localcloud.settings import CA_CERTIFICATE

CA_KEY = "ca.key"
NEXT_CA_KEY = "ca-next.key"
"""The key of the last CA in `ca.pem`, as long as callers learn of it and `ca.key` still issues."""
SERVER_CERTIFICATE = "server.pem"
SERVER_KEY = "server.key"
CA_LIFE = datetime.timedelta(days=3650)
SERVER_LIFE = datetime.timedelta(days=825)  # the longest that Apple's verifier takes from a private CA
_BACKDATE = datetime.timedelta(minutes=5)  # for a clock that is set back a little


@dataclass(frozen=True)
class Authority:
    """Paths of PEM files: the CAs that callers trust, the server's certificate and key."""

    ca: Path
    certificate: Path
    key: Path


@dataclass(frozen=True)
class Ca:
    """A certificate authority, PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


def load_or_make(data: Path, *names: str | None, vault: Vault = IN_CLEAR) -> Authority:
    """The authority of a data folder, with a server certificate for `localhost`, `127.0.0.1`, and these
    addresses and DNS names.

    Args:
        vault: of the folder's secrets; it seals the files of keys.

    Raises:
        StartError: what is there is damaged, does not fit together, or the CA is not in force now.
    """
    authority = Authority(data / CA_CERTIFICATE, data / SERVER_CERTIFICATE, data / SERVER_KEY)
    if not authority.ca.exists():
        _keep_ca(data, make_ca(), vault)
    wanted = _general_names(names)
    if not _serves_on(authority, wanted, vault):
        _issue(data, authority, wanted, vault)
    return authority


def require_readable(data: Path) -> None:
    """Refuses a data folder whose CAs cannot be read, before a start changes anything.

    Raises:
        StartError: the file of CAs holds none.
    """
    if (data / CA_CERTIFICATE).exists():
        trusted(data / CA_CERTIFICATE)


def make_ca() -> Ca:
    """A new certificate authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    # A random part in the name: two localclouds' CAs in one bundle must not be taken for each other.
    mark = x509.random_serial_number().to_bytes(20, "big").hex()[:8]
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"localcloud CA {mark}")])
    now = _now()
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(now + CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Ca(certificate.public_bytes(serialization.Encoding.PEM), _pem(key))


def trusted(path: Path) -> list[x509.Certificate]:
    """The CAs that callers trust, in the order of the file; the last one is the newest.

    Raises:
        StartError: the file holds none.
    """
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except ValueError:
        raise StartError(f"{path} is not a certificate: {_remedy(path.parent)}") from None


def fits(certificate: x509.Certificate, key: Path, vault: Vault = IN_CLEAR) -> bool:
    """Whether a file holds the certificate's private key.

    Raises:
        StartError: the file holds no key.
    """
    return certificate.public_key() == _load_key(key, key.parent, vault).public_key()


def _keep_ca(data: Path, made: Ca, vault: Vault) -> None:
    for name in (CA_KEY, NEXT_CA_KEY):
        if (data / name).exists():  # of a first start that was cut off, or of a CA whose certificate is lost
            Aside(data).move(data / name)
    # The certificate last: while it is missing nobody has seen this CA, and a new one may be made.
    sealed_file.write(data / CA_KEY, made.key, vault)
    write_private(data / CA_CERTIFICATE, made.certificate)


def _issue(data: Path, authority: Authority, names: Sequence[x509.GeneralName], vault: Vault) -> None:
    ca_key = _load_key(data / CA_KEY, data, vault)
    ca = _issuing(authority.ca, ca_key)
    now = _now()
    _require_in_force(authority.ca, ca, now)
    key = ec.generate_private_key(ec.SECP256R1())
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
    sealed_file.write(authority.key, _pem(key), vault)
    write_private(authority.certificate, certificate.public_bytes(serialization.Encoding.PEM))


def _serves_on(authority: Authority, wanted: Sequence[x509.GeneralName], vault: Vault) -> bool:
    """Whether the server's certificate can go on: callers take it, and a third of its life is left.

    Raises:
        StartError: its CA is not in force.
    """
    try:
        certificate = x509.load_pem_x509_certificate(authority.certificate.read_bytes())
        if not fits(certificate, authority.key, vault):
            return False  # killed between the two writes of a renewal
    except (FileNotFoundError, ValueError, StartError):
        return False
    issuer = next((ca for ca in trusted(authority.ca) if _has_issued(ca, certificate)), None)
    if issuer is None or not _still_issues(authority.ca.with_name(CA_KEY), issuer, vault):
        return False  # the CA was deleted, or another one has taken its place
    now = _now()
    _require_in_force(authority.ca, issuer, now)
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    # one that ends with its CA cannot be made to last longer
    due = end if end == issuer.not_valid_after_utc else end - (end - begin) / 3
    if not begin <= now <= due:
        return False
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    return set(wanted) <= set(names)


def _general_names(names: Sequence[str | None]) -> list[x509.GeneralName]:
    """The names of a server certificate: this machine's own, and these."""
    dns, addresses = {"localhost": None}, {"127.0.0.1"}
    for name in names:
        if name is None:
            continue
        try:
            addresses.add(str(ipaddress.IPv4Address(name)))
        except ValueError:
            dns[name] = None
    return [
        *(x509.DNSName(one) for one in dns),
        *(x509.IPAddress(ipaddress.ip_address(one)) for one in sorted(addresses)),
    ]


def _still_issues(key: Path, issuer: x509.Certificate, vault: Vault) -> bool:
    """False where the key is another CA's; one that is lost is missed when something is to be issued."""
    with contextlib.suppress(StartError):
        return fits(issuer, key, vault)
    return True


def _has_issued(ca: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _issuing(path: Path, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """The CA in the file whose key it is."""
    for ca in trusted(path):
        if ca.public_key() == key.public_key():
            return ca
    raise StartError(f"{path.with_name(CA_KEY)} is not the key of {path}: {_remedy(path.parent)}")


def _require_in_force(path: Path, ca: x509.Certificate, now: datetime.datetime) -> None:
    begin, end = ca.not_valid_before_utc, ca.not_valid_after_utc
    if begin <= now < end:
        return
    problem = (
        f"expired on {end:%Y-%m-%d}" if now >= end else f"is not valid before {begin:%Y-%m-%d %H:%M} UTC"
    )
    raise StartError(
        f"The CA {path} {problem}, and this machine's clock says {now:%Y-%m-%d %H:%M} UTC. Set the clock if "
        f"it is wrong; else {_remedy(path.parent)}"
    )


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


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


def _load_key(path: Path, data: Path, vault: Vault) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(sealed_file.read(path, vault), None)
    except (FileNotFoundError, ValueError, TypeError, UnsupportedAlgorithm):
        raise StartError(f"{path} is missing or not a private key: {_remedy(data)}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise StartError(f"{path} is not an elliptic-curve key: {_remedy(data)}")
    return key


def _remedy(data: Path) -> str:
    files = ", ".join((CA_CERTIFICATE, CA_KEY, SERVER_CERTIFICATE, SERVER_KEY))
    return (
        f"delete {files} in {data}; new ones are made at the next start, and callers must trust the new CA."
    )
