"""A certificate that the library does not read as it stands, and that TLS stacks take all the same.

The library decodes the extensions of a certificate all or none, takes texts beyond ASCII for damage, warns of
serial numbers that RFC 5280 forbids, and does not load an ECDSA signature whose identifier has NULL for
parameters. What a handshake decides by is read here all the same, each extension for itself; what was not as
it should be is kept for the rule that tells of it (`certs.rules.encoding`).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509 import ObjectIdentifier
from cryptography.x509.oid import ExtensionOID

from certs.der import elements, in_ascii, in_utf8, tlv
from certs.pem import Block

UNPARSABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    CryptographyDeprecationWarning,
)
"""All that the library raises for DER that is not what it should be."""

_ECDSA_SIGNATURES = bytes.fromhex("2a8648ce3d04")  # 1.2.840.10045.4, of RFC 5758
_NULL = b"\x05\x00"
_ONE = b"\x02\x01\x01"
_DECIDING = {
    x509.BasicConstraints.oid: "basic constraints",
    x509.KeyUsage.oid: "key usage",
    x509.ExtendedKeyUsage.oid: "extended key usage",
    x509.SubjectKeyIdentifier.oid: "subject key identifier",
    x509.AuthorityKeyIdentifier.oid: "authority key identifier",
    x509.SubjectAlternativeName.oid: "subject alternative name",
    x509.NameConstraints.oid: "name constraints",
    x509.CRLDistributionPoints.oid: "CRL distribution points",
    x509.CertificatePolicies.oid: "certificate policies",
    x509.PolicyConstraints.oid: "policy constraints",
    x509.InhibitAnyPolicy.oid: "inhibit any-policy",
    ExtensionOID.POLICY_MAPPINGS: "policy mappings",
}
"""Extensions that BoringSSL decodes, critical or not, before it trusts a certificate, in words."""
_GENERAL_NAMES = (0xA0, 0x81, 0x82, 0xA3, 0xA4, 0xA5, 0x86, 0x87, 0x88)
_ADDRESS = 0x87


@asn1.sequence
class _Extension:
    identifier: ObjectIdentifier
    critical: bool | None
    octets: bytes


@asn1.sequence
class _Body:  # RFC 5280 section 4.1: TBSCertificate
    version: Annotated[int | None, asn1.Explicit(0)]
    serial_number: asn1.TLV
    algorithm: asn1.TLV
    issuer: asn1.TLV
    validity: asn1.TLV
    subject: asn1.TLV
    public_key: asn1.TLV
    issuer_identifier: Annotated[bytes | None, asn1.Implicit(1)]
    subject_identifier: Annotated[bytes | None, asn1.Implicit(2)]
    extensions: Annotated[list[_Extension] | None, asn1.Explicit(3)]


@asn1.sequence
class _Certificate:
    body: _Body
    algorithm: asn1.TLV
    signature: asn1.TLV


@asn1.sequence
class _AuthorityKey:  # section 4.2.1.1
    key: Annotated[bytes | None, asn1.Implicit(0)]
    issuer: Annotated[list[asn1.TLV] | None, asn1.Implicit(1)]
    serial_number: Annotated[int | None, asn1.Implicit(2)]


class UndecodableError(ValueError):
    """An extension by which clients decide, and that cannot be decoded."""


class OddCertificate:
    """A certificate that the library does not read as it stands, with all of `cryptography.x509.Certificate`.

    Attributes:
        malformed_names: its subject's or issuer's name has characters that its type of text does not allow.
        null_parameters: the ECDSA signature's identifier has NULL for parameters.
        malformed: extensions with a text that is not ASCII or a name of no known form, or that cannot be
            decoded and decide nothing: their value is then an `UnrecognizedExtension`.
    """

    def __init__(self, der: bytes) -> None:
        """Reads `der`.

        Raises:
            UNPARSABLE: one of these; it is no certificate.
        """
        self._der = der
        whole = asn1.decode_der(_Certificate, der)
        self.tbs_certificate_bytes = asn1.encode_der(whole.body)
        self.null_parameters = _has_null(whole.algorithm)
        self.malformed_names = not _has_readable_names(whole)
        if self.malformed_names:
            names = {"subject": whole.body.subject, "issuer": whole.body.issuer}
            mended = {what: in_utf8(asn1.encode_der(name)) for what, name in names.items()}
            whole = _with(whole, **{what: asn1.decode_der(asn1.TLV, name) for what, name in mended.items()})
        self._readable = x509.load_der_x509_certificate(_encode(whole))
        self.serial_number = _integer(bytes(whole.body.serial_number.data))
        self.malformed: list[ObjectIdentifier] = []
        written = whole.body.extensions or []
        for one in written:
            if sum(other.identifier == one.identifier for other in written) > 1:
                raise x509.DuplicateExtension(f"Duplicate {one.identifier} extension found", one.identifier)
        self.extensions = x509.Extensions(
            [x509.Extension(one.identifier, bool(one.critical), self._value(whole, one)) for one in written]
        )

    def _value(self, whole: _Certificate, written: _Extension) -> x509.ExtensionType:
        identifier, octets = written.identifier, written.octets
        value = _decode(whole, identifier, octets)
        if value is not None:
            return value
        if identifier == x509.AuthorityKeyIdentifier.oid:
            value = _authority_key(octets)
        else:
            value = _decode(whole, identifier, in_ascii(octets))
        if value is None and identifier == x509.SubjectAlternativeName.oid:
            value = _alternative_names(whole, octets)
        if value is None and identifier in _DECIDING:
            raise UndecodableError(f"its {_DECIDING[identifier]} cannot be decoded, which clients must")
        self.malformed.append(identifier)
        return x509.UnrecognizedExtension(identifier, octets) if value is None else value

    def public_bytes(self, encoding: Encoding) -> bytes:
        """The certificate as it was given, in DER or PEM."""
        return self._der if encoding is Encoding.DER else Block("CERTIFICATE", self._der, 0).pem()

    def fingerprint(self, algorithm: hashes.HashAlgorithm) -> bytes:
        """The digest of the certificate's DER."""
        digest = hashes.Hash(algorithm)
        digest.update(self._der)
        return digest.finalize()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OddCertificate) and self._der == other._der

    def __hash__(self) -> int:
        return hash(self._der)

    def __getattr__(self, name: str) -> Any:
        # names, dates, key and signature are what the library reads of them
        return getattr(self._readable, name)


@lru_cache(maxsize=1024)
def written_extensions(certificate: x509.Certificate) -> Mapping[str, bytes]:
    """The octets of each extension of `certificate` as they are written, by identifier (dotted)."""
    body = asn1.decode_der(_Body, certificate.tbs_certificate_bytes)
    return {one.identifier.dotted_string: one.octets for one in body.extensions or []}


def says_its_algorithm_twice(certificate: x509.Certificate) -> bool:
    """Whether the signed part of `certificate` names the signature's algorithm as the rest of it does
    (RFC 5280 section 4.1.1.2).
    """
    whole = asn1.decode_der(_Certificate, certificate.public_bytes(Encoding.DER))
    return bytes(whole.algorithm.data) == bytes(whole.body.algorithm.data)


def has_whole_signature(certificate: x509.Certificate) -> bool:
    """Whether the signature of `certificate` is whole octets, as every algorithm has it (RFC 3279 section
    2.2): a bit string that leaves bits of its last octet out is refused unread by OpenSSL and BoringSSL.
    """
    whole = asn1.decode_der(_Certificate, certificate.public_bytes(Encoding.DER))
    return bytes(whole.signature.data).startswith(b"\x00")


def decode_name(certificate: x509.Certificate, der: bytes) -> x509.Name:
    """The directory name in `der`, which `certificate` holds.

    Raises:
        ValueError: it is none.
    """
    whole = asn1.decode_der(_Certificate, certificate.public_bytes(Encoding.DER))
    subject = asn1.decode_der(asn1.TLV, in_utf8(der))
    return x509.load_der_x509_certificate(_encode(_with(whole, subject=subject))).subject


def _integer(content: bytes) -> int:
    if not content or (len(content) > 1 and content[0] in (0, 0xFF) and content[0] >> 7 == content[1] >> 7):
        raise ValueError("its serial number is not an integer in DER")
    return int.from_bytes(content, signed=True)


def _has_null(algorithm: Any) -> bool:
    data = bytes(algorithm.data)
    return data[2:].startswith(_ECDSA_SIGNATURES) and data.endswith(_NULL)


def _encode(whole: _Certificate, extension: _Extension | None = None) -> bytes:
    """`whole` as the library loads it, with a serial number that it does not mind; with `extension`
    alone, where that is given.
    """
    body = whole.body
    algorithms = [
        asn1.decode_der(asn1.TLV, b"\x30" + bytes([len(one.data) - 2]) + bytes(one.data)[:-2])
        if _has_null(one)
        else one
        for one in (body.algorithm, whole.algorithm)
    ]
    fields: dict[str, Any] = {"algorithm": algorithms[0], "serial_number": asn1.decode_der(asn1.TLV, _ONE)}
    if extension is not None:
        fields["extensions"] = [extension]
    return asn1.encode_der(_with(whole, outer_algorithm=algorithms[1], **fields))


def _with(whole: _Certificate, outer_algorithm: Any = None, **fields: Any) -> _Certificate:
    """`whole` with other `fields` in its body."""
    body = _Body(**(vars(whole.body) | fields))
    return _Certificate(body=body, algorithm=outer_algorithm or whole.algorithm, signature=whole.signature)


def _has_readable_names(whole: _Certificate) -> bool:
    try:
        certificate = x509.load_der_x509_certificate(_encode(whole))
        _ = certificate.subject, certificate.issuer
    except UNPARSABLE:
        return False
    return True


def _decode(whole: _Certificate, identifier: ObjectIdentifier, octets: bytes) -> x509.ExtensionType | None:
    """The value of one extension as the library reads it, alone in the certificate; None: it does not."""
    one = _Extension(identifier=identifier, critical=None, octets=octets)
    alone = x509.load_der_x509_certificate(_encode(whole, one))
    with warnings.catch_warnings():
        # What it warns of (a text that is not what its type says), it soon refuses: read as what is damaged.
        warnings.simplefilter("error", CryptographyDeprecationWarning)
        try:
            value: x509.ExtensionType = alone.extensions[0].value
        except UNPARSABLE:
            return None
    return value


def _authority_key(octets: bytes) -> x509.AuthorityKeyIdentifier | None:
    """The extension where it names the issuer's serial number without the issuer, or the other way round."""
    try:
        found = asn1.decode_der(_AuthorityKey, octets)
    except ValueError:
        return None
    issuer = None if found.serial_number is None else list[x509.GeneralName]()
    return x509.AuthorityKeyIdentifier(found.key, issuer, found.serial_number)


def _alternative_names(whole: _Certificate, octets: bytes) -> x509.SubjectAlternativeName | None:
    """The names that can be decoded; None where there is what is no name at all, or no address."""
    names: list[x509.GeneralName] = []
    try:
        ((outer, header, sequence),) = elements(octets)
        if outer != 0x30:
            return None
        for tag, _, element in elements(sequence[header:]):
            alone = tlv(0x30, in_ascii(element))
            value = _decode(whole, x509.SubjectAlternativeName.oid, alone)
            if isinstance(value, x509.SubjectAlternativeName):
                names += value
            elif tag not in _GENERAL_NAMES or tag == _ADDRESS:
                return None
    except ValueError:
        return None
    return x509.SubjectAlternativeName(names)
