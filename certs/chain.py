"""Certificates of a chain, one by one and two by two: who issued whom, by name, identifier and signature."""

from __future__ import annotations

from enum import Enum
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

from certs.findings import printable
from certs.keys import encode_public, public_key
from certs.odd_certificate import has_whole_signature, says_its_algorithm_twice


class Link(Enum):
    """The standing of a certificate to another: issued by it, or not, and why."""

    NONE = "the issuer's name is another"
    VERIFIED = "the signature is the issuer's"
    FORGED = "the issuer's name fits, the signature does not"
    DISOWNED = "the signature is the issuer's, and the authority key identifier names another certificate"
    UNVERIFIABLE = "the issuer's name fits, the signature's algorithm is out of use"

    @property
    def holds(self) -> bool:
        """Whether callers would follow it, were it not for the algorithm."""
        return self in (Link.VERIFIED, Link.UNVERIFIABLE)


@lru_cache(maxsize=4096)
def link(child: x509.Certificate, issuer: x509.Certificate) -> Link:
    """The link between `child` and `issuer`, as TLS clients find it out (RFC 5280, 4.2.1.1 and 7.1)."""
    if canonical_name(child.issuer) != canonical_name(issuer.subject):
        return Link.NONE
    found = Link.VERIFIED
    try:
        _verify(child, issuer)
    except (InvalidSignature, TypeError):
        return Link.FORGED
    except (UnsupportedAlgorithm, ValueError):
        # Either the issuer's key is of another kind than the signature, or the library has given the hash up.
        found = Link.FORGED if _has_known_hash(child) else Link.UNVERIFIABLE
    return Link.DISOWNED if found.holds and not is_identified(child, issuer) else found


@lru_cache(maxsize=4096)
def canonical_name(name: x509.Name) -> tuple[tuple[tuple[str, str | bytes], ...], ...]:
    """`name` as it is compared: without regard to case, spaces and type of text (RFC 5280 section 7.1)."""
    return tuple(
        tuple(sorted((one.oid.dotted_string, _folded(one.value)) for one in part)) for part in name.rdns
    )


def _folded(value: str | bytes) -> str | bytes:
    if isinstance(value, bytes):
        return value
    # letters beyond ASCII are left as they are, which is what OpenSSL and its kin do
    ascii_lower = "".join(one.lower() if one.isascii() else one for one in value)
    return " ".join(part for part in ascii_lower.split(" ") if part)


def is_identified(child: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether `child`'s authority key identifier, as far as it has one, is that of `issuer`."""
    try:
        named = child.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    except x509.ExtensionNotFound:
        return True
    try:
        own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        own = None
    if named.key_identifier is not None and own is not None and named.key_identifier != own:
        return False
    serial_number = named.authority_cert_serial_number
    if serial_number is not None and serial_number != issuer.serial_number:
        return False
    names = [one.value for one in named.authority_cert_issuer or [] if isinstance(one, x509.DirectoryName)]
    return not names or canonical_name(names[0]) == canonical_name(issuer.issuer)


def _verify(child: x509.Certificate, issuer: x509.Certificate) -> None:
    if not (says_its_algorithm_twice(child) and has_whole_signature(child)):
        raise InvalidSignature
    key, parameters = public_key(issuer), child.signature_algorithm_parameters
    signature, signed, algorithm = (
        child.signature,
        child.tbs_certificate_bytes,
        child.signature_hash_algorithm,
    )
    if isinstance(key, rsa.RSAPublicKey) and algorithm is not None:
        if parameters is None:
            raise UnsupportedAlgorithm("no known padding")
        if isinstance(parameters, ec.ECDSA):
            raise TypeError("signed with a key of another kind")
        key.verify(signature, signed, parameters, algorithm)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if not isinstance(parameters, ec.ECDSA):
            raise TypeError("signed with a key of another kind")
        key.verify(signature, signed, parameters)
    elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey) and algorithm is None:
        key.verify(signature, signed)
    elif isinstance(key, dsa.DSAPublicKey) and algorithm is not None:
        key.verify(signature, signed, algorithm)
    else:
        raise ValueError("its issuer's key is not known here")


def _has_known_hash(certificate: x509.Certificate) -> bool:
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return False
    return algorithm is None or algorithm.name not in ("md5", "sha1")


def is_self_signed(certificate: x509.Certificate) -> bool:
    """Whether `certificate` is signed with its own key."""
    return link(certificate, certificate).holds


def is_self_issued(certificate: x509.Certificate) -> bool:
    """Whether an authority issued `certificate` to itself, with whatever key (RFC 5280 section 6.1)."""
    return canonical_name(certificate.issuer) == canonical_name(certificate.subject)


def is_taken_for_root(certificate: x509.Certificate) -> bool:
    """Whether gRPC clients take `certificate` for a self-signed one: by its names and identifiers alone."""
    return is_self_issued(certificate) and is_identified(certificate, certificate)


@lru_cache(maxsize=4096)
def identity(certificate: x509.Certificate) -> tuple[object, bytes]:
    """The identity of a certificate's authority: its name and its key (empty: not known)."""
    key = public_key(certificate)
    return canonical_name(certificate.subject), b"" if key is None else encode_public(key)


def is_same_authority(one: x509.Certificate, other: x509.Certificate) -> bool:
    """Whether two certificates are of one authority: they bear its name and its key."""
    return identity(one) == identity(other) and identity(one)[1] != b""


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether `certificate` says that it may issue others (RFC 5280 section 4.2.1.9)."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def name_of(certificate: x509.Certificate) -> str:
    """The name by which a person knows `certificate`: its common name, else its first DNS name, else its
    serial number.
    """
    common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    if common:
        return f"{printable(str(common[0].value))!r}"
    names = dns_names(certificate)
    return f"{printable(names[0])!r}" if names else f"serial {certificate.serial_number:x}"


def dns_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """The DNS names in the subject alternative name of `certificate`, as they are written there."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(names.get_values_for_type(x509.DNSName))
