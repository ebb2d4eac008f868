"""The source `self_signed`: a development authority of one's own, and server certificates that it issues.

The authority lives ten years and stays: callers are given its certificate once, and every renewal below it
leaves that root as it is. Leaves live 90 days: what public authorities may still issue from March 2027 on
(100 days), so that a development stack renews as often as a production one will.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certs.bundle import Bundle, Reading, read, to_pem
from certs.chain import is_authority, is_self_signed
from certs.errors import AuthorityError, unreadable
from certs.findings import Origin, error, errors_in
from certs.keys import belongs_to, encode_private, kind
from certs.names import check_pattern
from certs.sources.source import Obtained

AUTHORITY_LIFETIME = timedelta(days=3652)
LEAF_LIFETIME = timedelta(days=90)
BACKDATED = timedelta(minutes=5)
"""Certificates begin this long before they are made: the clock of a caller may be behind."""
_MAXIMUM_COMMON_NAME = 64  # characters, RFC 5280 appendix A.1 (ub-common-name)


@dataclass(frozen=True)
class Authority:
    """A development authority: its self-signed certificate and its private key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = field(repr=False, compare=False)

    @property
    def certificate_pem(self) -> str:
        """The root certificate in PEM: what callers must be given."""
        return to_pem([self.certificate])

    @property
    def key_pem(self) -> str:
        """The private key in PEM (PKCS#8, not encrypted). A secret."""
        return encode_private(self.key)

    @classmethod
    def from_pem(cls, certificate_pem: str | bytes, key_pem: str | bytes) -> Authority:
        """The authority that `certificate_pem` and `key_pem` were written from.

        Raises:
            certs.errors.UnreadableError: they cannot be read.
            certs.errors.AuthorityError: they are not one self-signed authority and its key.
        """
        origin = Origin("certificate of the development authority", "ca.pem")
        key_origin = Origin("key of the development authority", "ca.key")
        reading = read(certificate_pem, key_pem, certificate_origin=origin, key_origin=key_origin)
        if errors_in(reading.findings) or reading.key is None:
            raise unreadable(reading.findings)
        certificate, key = reading.chain[0], reading.key
        if not is_authority(certificate) or not is_self_signed(certificate):
            raise AuthorityError(
                [error("authority-invalid", origin.label, "is not that of a self-signed authority.")]
            )
        if not belongs_to(key, certificate):
            message = "is not the key of its certificate."
            raise AuthorityError([error("key-mismatch", key_origin.label, message)])
        if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            message = f"is of the kind {kind(key.public_key())}; only RSA and elliptic curves sign here."
            raise AuthorityError([error("key-type-unsupported", key_origin.label, message)])
        return cls(certificate, key)


@dataclass(frozen=True)
class SelfSignedSource:
    """A source that issues a new certificate at each call, below `authority`."""

    authority: Authority
    lifetime: timedelta = LEAF_LIFETIME

    def obtain(self, dns_names: Sequence[str], now: datetime) -> Obtained:
        """A new bundle for `dns_names`, and the authority's root.

        Raises:
            certs.errors.DomainNameError, certs.errors.AuthorityError: as `issue`.
        """
        bundle = issue(self.authority, dns_names, now, self.lifetime)
        return Obtained(Reading.of(bundle, self.authority.certificate), self.authority.certificate_pem)


def new_authority(common_name: str, now: datetime, lifetime: timedelta = AUTHORITY_LIFETIME) -> Authority:
    """A new authority with a P-256 key, which may issue server certificates and no further authorities.

    Args:
        common_name: 1 to 64 characters.
        now: with a time zone.

    Raises:
        certs.errors.AuthorityError: the name is not of that length.
    """
    if not 1 <= len(common_name) <= _MAXIMUM_COMMON_NAME:
        message = f"has {len(common_name)} characters; 1 to {_MAXIMUM_COMMON_NAME} are allowed (RFC 5280)."
        raise AuthorityError([error("authority-name", "common name of the development authority", message)])
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    certificate = (
        _builder(name, name, key.public_key(), now - BACKDATED, now + lifetime)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(key_cert_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key)


def issue(
    authority: Authority, dns_names: Sequence[str], now: datetime, lifetime: timedelta = LEAF_LIFETIME
) -> Bundle:
    """A new server certificate with a P-256 key. It ends with its authority at the latest.

    Args:
        dns_names: FQDNs; the first label may be `*`.

    Raises:
        certs.errors.DomainNameError: one of them is none.
        certs.errors.AuthorityError: the authority is not valid at `now`, or `dns_names` is empty.
    """
    root = authority.certificate
    if not dns_names:
        raise AuthorityError(
            [error("no-names", "certificate to be issued", "has no DNS name.", "Give the FQDN.")]
        )
    names = list(dict.fromkeys(check_pattern(name) for name in dns_names))
    if not root.not_valid_before_utc <= now < root.not_valid_after_utc:
        end = root.not_valid_after_utc.strftime("%Y-%m-%d")
        message = f"cannot issue: it is valid from {root.not_valid_before_utc:%Y-%m-%d} to {end}."
        remedy = "Replace it, and give callers the new root."
        raise AuthorityError([error("authority-expired", "development authority", message, remedy)])
    key = ec.generate_private_key(ec.SECP256R1())
    # The common name is for people; a name too long for it is in the subject alternative name alone.
    common = [
        x509.NameAttribute(NameOID.COMMON_NAME, name)
        for name in names[:1]
        if len(name) <= _MAXIMUM_COMMON_NAME
    ]
    begin = max(now - BACKDATED, root.not_valid_before_utc)
    end_of_life = min(now + lifetime, root.not_valid_after_utc)
    alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    certificate = (
        _builder(x509.Name(common), root.subject, key.public_key(), begin, end_of_life)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(alternative, critical=not common)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_issuer_identifier(authority), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    return Bundle((certificate,), key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, begin: datetime, end: datetime
) -> x509.CertificateBuilder:
    return x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=key,
        serial_number=x509.random_serial_number(),
        not_valid_before=begin,
        not_valid_after=end,
    )


def _issuer_identifier(authority: Authority) -> x509.AuthorityKeyIdentifier:
    try:
        identifier = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:  # an authority of another make
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _key_usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=key_cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
