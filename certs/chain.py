"""The certificates of a file, set in order: who issued whom, by name and by signature.

RFC 8446 section 4.4.2: the server's certificate first, each following one certifying the one before it; the
root may be left out, and is: callers trust the root that they hold, never the one that is sent. A root that
is all there is (a self-signed certificate) stays, being the leaf.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from certs.findings import Finding, Origin, error, mended, printable
from certs.keys import belongs_to, encode_public, public_key


class Link(Enum):
    """Whether one certificate was issued by another."""

    NONE = "the issuer's name is another"
    VERIFIED = "the signature is the issuer's"
    FORGED = "the issuer's name fits, the signature does not"
    UNVERIFIABLE = "the issuer's name fits, the signature's algorithm is out of use"


@dataclass(frozen=True)
class Arrangement:
    """``chain`` leaf first and without the root, the ``root`` where the file held it, and what was found."""

    chain: tuple[x509.Certificate, ...]
    root: x509.Certificate | None
    findings: tuple[Finding, ...]


def link(child: x509.Certificate, issuer: x509.Certificate) -> Link:
    """Whether ``issuer`` issued ``child``."""
    if child.issuer != issuer.subject:
        return Link.NONE
    try:
        child.verify_directly_issued_by(issuer)
    except (InvalidSignature, TypeError):
        return Link.FORGED
    except (UnsupportedAlgorithm, ValueError):
        # Either the issuer's key is of another kind than the signature, or the library has given the hash up.
        return Link.FORGED if _has_known_hash(child) else Link.UNVERIFIABLE
    return Link.VERIFIED


def _has_known_hash(certificate: x509.Certificate) -> bool:
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return False
    return algorithm is None or algorithm.name not in ("md5", "sha1")


def is_self_signed(certificate: x509.Certificate) -> bool:
    """Whether ``certificate`` is signed with its own key."""
    return link(certificate, certificate) in (Link.VERIFIED, Link.UNVERIFIABLE)


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether ``certificate`` says that it may issue others (RFC 5280 section 4.2.1.9)."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def name_of(certificate: x509.Certificate) -> str:
    """What a person knows ``certificate`` by: its common name, else its first DNS name, else its serial
    number.
    """
    common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    if common:
        return f"{printable(str(common[0].value))!r}"
    names = dns_names(certificate)
    return f"{printable(names[0])!r}" if names else f"serial {certificate.serial_number:x}"


def dns_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """The DNS names in the subject alternative name of ``certificate``, as they are written there."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(names.get_values_for_type(x509.DNSName))


def arrange(
    certificates: tuple[x509.Certificate, ...], key: PrivateKeyTypes | None, origin: Origin
) -> Arrangement:
    """Sets ``certificates`` (at least one, in the file's order) in the order in which a server sends them."""
    findings: list[Finding] = []
    rest = list(dict.fromkeys(certificates))
    if len(rest) < len(certificates):
        findings.append(mended("chain-duplicate", origin.label, "held a certificate twice; it is sent once."))
    given = tuple(rest)
    leaf = _leaf(rest, key)
    rest.remove(leaf)
    path = [leaf]
    while rest and not is_self_signed(path[-1]):
        issuer = _issuer(path[-1], rest, origin, findings)
        if issuer is None:
            break
        rest.remove(issuer)
        path.append(issuer)
    if [certificate for certificate in given if certificate in path] != path:
        order = " <- ".join(map(name_of, path))
        findings.append(
            mended("chain-order", origin.label, f"was not in order; it is sent leaf first: {order}.")
        )
    findings += [_left_over(certificate, path, origin) for certificate in rest]
    root = path.pop() if len(path) > 1 and is_self_signed(path[-1]) else None
    if root is not None:
        message = (
            f"held the root {name_of(root)}, which is not sent: callers trust only the one that they hold."
        )
        findings.append(mended("chain-root-left-out", origin.label, message))
    return Arrangement(tuple(path), root, tuple(findings))


def _leaf(certificates: list[x509.Certificate], key: PrivateKeyTypes | None) -> x509.Certificate:
    def rank(certificate: x509.Certificate) -> tuple[bool, bool, bool, float]:
        issued_another = any(
            link(other, certificate) is not Link.NONE for other in certificates if other is not certificate
        )
        matches = key is not None and belongs_to(key, certificate)
        # Of two renewals with one key the later is meant.
        age = -certificate.not_valid_after_utc.timestamp() if matches else 0.0
        return is_authority(certificate), not matches, issued_another, age

    return min(certificates, key=rank)


def _issuer(
    child: x509.Certificate, candidates: list[x509.Certificate], origin: Origin, findings: list[Finding]
) -> x509.Certificate | None:
    links = {candidate: link(child, candidate) for candidate in candidates}
    for wanted in (Link.VERIFIED, Link.UNVERIFIABLE):
        for candidate, found in links.items():
            if found is wanted:
                return candidate
    for candidate, found in links.items():
        if found is Link.FORGED:
            findings.append(
                error(
                    "chain-signature-invalid",
                    origin.label,
                    f"has a certificate {name_of(candidate)} that bears the name of the issuer of "
                    f"{name_of(child)}, but did not sign it: it holds another key.",
                    "Put the authority's current certificate of that name in its place.",
                )
            )
            return candidate
    return None


def _left_over(certificate: x509.Certificate, path: list[x509.Certificate], origin: Origin) -> Finding:
    if not is_authority(certificate):
        return error(
            "two-leaves",
            origin.label,
            f"holds a second server certificate, {name_of(certificate)}, beside {name_of(path[0])}.",
            "Keep one: a service has one certificate.",
        )
    public = public_key(certificate)
    for used in path:
        used_key = public_key(used)
        if (
            used.subject == certificate.subject
            and public
            and used_key
            and encode_public(public) == encode_public(used_key)
        ):
            return mended(
                "chain-alternate",
                origin.label,
                f"held a second certificate of the authority {name_of(certificate)}, which is not needed.",
            )
    return error(
        "chain-unrelated",
        origin.label,
        f"holds a certificate {name_of(certificate)}, which issued nothing in this chain.",
        "Remove it, or put the missing link between it and the others in.",
    )
