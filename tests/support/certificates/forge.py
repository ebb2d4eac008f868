"""Makes certificates, good and bad ones, at test time. Keys are made once a session: RSA ones take their
time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certs.formats import parse_certificate

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
FAR = datetime(2126, 1, 1, tzinfo=UTC)  # so that real handshakes, which know only today, take them too
FQDN = "api.example.com"
SERVER = (ExtendedKeyUsageOID.SERVER_AUTH,)
_CURVES: dict[str, ec.EllipticCurve] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
    "secp256k1": ec.SECP256K1(),
}
_OID_SHA256_ECDSA = bytes.fromhex("06082a8648ce3d040302")
_OID_SHA256_RSA = bytes.fromhex("06092a864886f70d01010b")
_WEAK = {
    # signature algorithm, DigestInfo (RFC 8017 section 9.2), hash
    "sha1": (
        bytes.fromhex("06092a864886f70d010105"),
        bytes.fromhex("3021300906052b0e03021a05000414"),
        hashes.SHA1,
    ),
    "md5": (
        bytes.fromhex("06092a864886f70d010104"),
        bytes.fromhex("3020300c06082a864886f70d020505000410"),
        hashes.MD5,
    ),
    "no known algorithm": (bytes.fromhex("06092a864886f70d01017f"), b"", hashes.SHA256),
}


@cache
def key(kind: str = "P-256", which: int = 0) -> Any:
    """A key of that kind; another one for each `which`."""
    if kind.startswith("RSA-"):
        return rsa.generate_private_key(65537, int(kind[4:]))
    if kind in _CURVES:
        return ec.generate_private_key(_CURVES[kind])
    if kind == "DSA":
        return dsa.generate_private_key(2048)
    makers: dict[str, Any] = {
        "Ed25519": ed25519.Ed25519PrivateKey,
        "Ed448": ed448.Ed448PrivateKey,
        "X25519": x25519.X25519PrivateKey,
    }
    return makers[kind].generate()


def rsa_of_8676_bits() -> rsa.RSAPrivateKey:
    """A key that would take long to find, and seconds to try."""
    return _rsa_of_mersenne(4423, 4253, 65537)


def rsa_of_19630_bits() -> rsa.RSAPrivateKey:
    """A key that would take long to find, and minutes to try."""
    return _rsa_of_mersenne(9941, 9689, 65539)


def _rsa_of_mersenne(first: int, second: int, e: int) -> rsa.RSAPrivateKey:
    p, q = 2**first - 1, 2**second - 1
    d = pow(e, -1, (p - 1) * (q - 1))
    parts = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    numbers = rsa.RSAPrivateNumbers(p, q, d, *parts, rsa.RSAPublicNumbers(e, p * q))
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


@dataclass(frozen=True)
class Made:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Any

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def key_pem(self) -> bytes:
        return key_pem(self.key)


def make(
    common_name: str | None,
    issuer: Made | None,
    key: Any,
    *,
    names: Sequence[x509.GeneralName | str] = (),
    begin: datetime = NOW - timedelta(days=10),
    end: datetime = FAR,
    basic: tuple[bool, int | None] | None = (False, None),
    usages: Sequence[str] | None = None,
    extended: Sequence[x509.ObjectIdentifier] | None = None,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    signer: Any = None,
    identifiers: bool = True,
    subject: x509.Name | None = None,
    issuer_name: x509.Name | None = None,
) -> Made:
    """A certificate with just the extensions that are asked for, and key identifiers where `extensions` has
    none. `signer` signs in place of the issuer's key; `subject` is the whole name; `issuer_name` is how
    the issuer's is written.
    """
    if subject is None:
        attributes = [] if common_name is None else [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
        subject = x509.Name(attributes)
    signing = signer or (issuer.key if issuer else key)
    builder = x509.CertificateBuilder(
        issuer_name=issuer_name or (issuer.certificate.subject if issuer else subject),
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=begin,
        not_valid_after=end,
    )
    wanted = list(extensions)
    if basic is not None:
        wanted.append((x509.BasicConstraints(*basic), True))
    if usages is not None:
        wanted.append((key_usage(*usages), True))
    if extended is not None:
        wanted.append((x509.ExtendedKeyUsage(extended), False))
    if names:
        general = [x509.DNSName(name) if isinstance(name, str) else name for name in names]
        wanted.append((x509.SubjectAlternativeName(general), common_name is None))
    if identifiers:
        of_issuer = (issuer.key if issuer else key).public_key()
        made = (
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
            x509.AuthorityKeyIdentifier.from_issuer_public_key(of_issuer),
        )
        given = {extension.oid for extension, _ in wanted}
        wanted += [(extension, False) for extension in made if extension.oid not in given]
    for extension, critical in wanted:
        builder = builder.add_extension(extension, critical)
    edwards = isinstance(signing, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
    return Made(builder.sign(signing, None if edwards else hashes.SHA256()), key)


def key_usage(*usages: str) -> x509.KeyUsage:
    every = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement "
        "key_cert_sign crl_sign encipher_only decipher_only"
    )
    return x509.KeyUsage(**{usage: usage in usages for usage in every.split()})


@cache
def root(kind: str = "P-256", which: int = 0) -> Made:
    """A root, the same one at each call."""
    return authority(f"Test Root {which}", None, key(kind, 100 + which))


@cache
def intermediate(kind: str = "P-256", which: int = 0) -> Made:
    """An intermediate below the root of that kind and number."""
    return authority(f"Test Intermediate {which}", root(kind, which), key(kind, 200 + which))


def authority(common_name: str, issuer: Made | None, key: Any, **changes: Any) -> Made:
    """A certificate that may issue others."""
    settings: dict[str, Any] = {
        "basic": (True, None),
        "usages": ["key_cert_sign", "crl_sign"],
        "begin": NOW - timedelta(days=3650),
        "end": FAR,
    }
    return make(common_name, issuer, key, **settings | changes)


def leaf(issuer: Made | None = None, key_kind: str = "P-256", **changes: Any) -> Made:
    """A server certificate for FQDN, without fault but for `changes`."""
    settings: dict[str, Any] = {
        "common_name": FQDN,
        "names": [FQDN],
        "usages": ["digital_signature"],
        "extended": SERVER,
        "key": key(key_kind),
    }
    settings |= changes
    return make(settings.pop("common_name"), issuer or intermediate(), settings.pop("key"), **settings)


def self_signed(**changes: Any) -> Made:
    """A server certificate that is signed with its own key."""
    settings: dict[str, Any] = {"names": [FQDN], "key": key("P-256", 7), "extended": SERVER} | changes
    return make(FQDN, None, settings.pop("key"), **settings)


def weakly_signed(made: Made, issuer: Made, algorithm: str) -> Made:
    """`made` signed anew with RSA and a hash that the library no longer signs with. The signature is a true
    one, but for `no known algorithm`.
    """
    identifier, digest_info, hash_type = _WEAK[algorithm]
    body = made.certificate.tbs_certificate_bytes
    assert body.count(_OID_SHA256_RSA) == 1
    body = body.replace(_OID_SHA256_RSA, identifier)
    digest = hashes.Hash(hash_type())
    digest.update(body)
    numbers = issuer.key.private_numbers()
    size = issuer.key.key_size // 8
    padded = digest_info + digest.finalize()
    encoded = b"\x00\x01" + b"\xff" * (size - len(padded) - 3) + b"\x00" + padded
    modulus = numbers.public_numbers.n
    signature = pow(int.from_bytes(encoded), numbers.d, modulus).to_bytes(size)
    der = tlv(0x30, body + tlv(0x30, identifier + b"\x05\x00") + tlv(0x03, b"\x00" + signature))
    return Made(x509.load_der_x509_certificate(der), made.key)


def rewritten(
    made: Made,
    issuer: Made,
    *,
    serial_number: bytes | None = None,
    null_parameters: bool = False,
    first_version: bool = False,
    subject: bytes | None = None,
) -> Made:
    """`made`, of an issuer with a key on P-256, signed anew with what no library writes: the content of its
    serial number, NULL for the parameters of the signature's algorithm, version 1 (without extensions),
    a `subject` in DER.
    """
    body = made.certificate.tbs_certificate_bytes
    identifier = tlv(0x30, _OID_SHA256_ECDSA)
    assert body.count(identifier) == 1
    content = body[2 if body[1] < 0x80 else 2 + (body[1] & 0x7F) :]
    if serial_number is not None:
        version, length = content[:5], content[6]
        content = version + tlv(0x02, serial_number) + content[7 + length :]
    if subject is not None:
        content = content.replace(made.certificate.subject.public_bytes(), subject, 1)
    if first_version:
        content = content[5:]
    if null_parameters:
        content = content.replace(identifier, tlv(0x30, _OID_SHA256_ECDSA + b"\x05\x00"))
        identifier = tlv(0x30, _OID_SHA256_ECDSA + b"\x05\x00")
    body = tlv(0x30, content)
    signature = issuer.key.sign(body, ec.ECDSA(hashes.SHA256()))
    return Made(parse_certificate(tlv(0x30, body + identifier + tlv(0x03, b"\x00" + signature))), made.key)


def written(identifier: str, octets: bytes, *, critical: bool = False) -> tuple[x509.ExtensionType, bool]:
    """An extension with just these octets, for `extensions` of `make`."""
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(identifier), octets), critical


def tlv(tag: int, value: bytes) -> bytes:
    """A DER value of that tag."""
    if len(value) < 0x80:
        return bytes([tag, len(value)]) + value
    length = len(value).to_bytes((len(value).bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + value


def chain(*made: Made) -> bytes:
    """The certificates in PEM, in this order."""
    return b"".join(one.pem for one in made)


def key_pem(key: Any, *, traditional: bool = False, password: bytes | None = None) -> bytes:
    """The private key in PEM."""
    how = serialization.PrivateFormat.TraditionalOpenSSL if traditional else serialization.PrivateFormat.PKCS8
    encryption: serialization.KeySerializationEncryption = (
        serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    )
    pem: bytes = key.private_bytes(serialization.Encoding.PEM, how, encryption)
    return pem


def key_der(key: Any) -> bytes:
    """The private key in DER."""
    der: bytes = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return der


@cache
def short_key(kind: str = "P-256") -> ec.EllipticCurvePrivateKey:
    """A key whose number has one octet less than most have."""
    curve = _CURVES[kind]
    return ec.derive_private_key(1 << (curve.group_order.bit_length() // 8 * 8 - 10), curve)


def ec_key_der(key: ec.EllipticCurvePrivateKey, octets: int, *, traditional: bool = False) -> bytes:
    """The private key in DER (PKCS#8 or RFC 5915), its number in so many octets."""
    identifier = {
        "secp256r1": bytes.fromhex("06082a8648ce3d030107"),
        "secp384r1": bytes.fromhex("06052b81040022"),
    }[key.curve.name]
    point = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    number = b"\x02\x01\x01" + tlv(0x04, key.private_numbers().private_value.to_bytes(octets))
    public = tlv(0xA1, tlv(0x03, b"\0" + point))
    if traditional:
        return tlv(0x30, number + tlv(0xA0, identifier) + public)
    algorithm = tlv(0x30, bytes.fromhex("06072a8648ce3d0201") + identifier)
    return tlv(0x30, b"\x02\x01\x00" + algorithm + tlv(0x04, tlv(0x30, number + public)))


def public_pem(key: Any) -> bytes:
    """The public half of `key` in PEM."""
    pem: bytes = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem


def request(key: Any) -> x509.CertificateSigningRequest:
    """A signing request."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, FQDN)])
    return x509.CertificateSigningRequestBuilder(subject_name=name).sign(key, hashes.SHA256())
