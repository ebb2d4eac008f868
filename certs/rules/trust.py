"""Does the chain reach a root that callers hold?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.x509 import verification
from cryptography.x509.oid import AuthorityInformationAccessOID

from certs.chain import Link, is_authority, is_self_signed, link, name_of
from certs.findings import Finding, error, printable, warning
from certs.keys import encode_public, public_key


def anchor_of(
    chain: tuple[x509.Certificate, ...], root: x509.Certificate | None, roots: Sequence[x509.Certificate]
) -> x509.Certificate | None:
    """The one of ``roots`` on which ``chain`` stands (``root`` is the root that the file held), or None."""
    top = chain[-1]
    for known in roots:
        if known == top or (root is not None and _same_authority(known, root)):
            return known
    return next((known for known in roots if link(top, known) in (Link.VERIFIED, Link.UNVERIFIABLE)), None)


def _same_authority(one: x509.Certificate, other: x509.Certificate) -> bool:
    a, b = public_key(one), public_key(other)
    return (
        one.subject == other.subject
        and a is not None
        and b is not None
        and encode_public(a) == encode_public(b)
    )


def check_complete(
    chain: tuple[x509.Certificate, ...],
    root: x509.Certificate | None,
    roots: Sequence[x509.Certificate] | None,
    subject: str,
) -> Iterator[Finding]:
    """Findings about the end of the chain.

    Where ``roots`` is None nobody knows what callers hold: a chain is then taken as complete when it holds
    its root, or at least one intermediate; a lone certificate of another's issue is not, for public
    authorities never issue from a root.
    """
    top = chain[-1]
    if roots is not None:
        if anchor_of(chain, root, roots) is None:
            yield _untrusted(top, root, roots, subject)
    elif root is None and not is_self_signed(top) and len(chain) == 1:
        yield _incomplete(top, subject, "or, if that is a root which callers hold, name it as the root")
    if len(chain) == 1 and root is None and is_self_signed(top) and not is_authority(top):
        message = "is self-signed: callers trust it only if they are given this very certificate as a root."
        yield warning("leaf-self-signed", subject, message, "Use it for development alone.")


def _untrusted(
    top: x509.Certificate, root: x509.Certificate | None, roots: Sequence[x509.Certificate], subject: str
) -> Finding:
    if root is not None or is_self_signed(top):
        message = f"ends in {name_of(root or top)}, which is not among the roots that were given."
        return error(
            "chain-untrusted", subject, message, "Give that root to callers, or use a certificate of one."
        )
    namesake = next((known for known in roots if known.subject == top.issuer), None)
    if namesake is not None:
        message = (
            f"ends in {name_of(top)}, which was not signed by the root {name_of(namesake)} that was given."
        )
        return error("chain-untrusted", subject, message, "Give the root of that name which is in force.")
    return _incomplete(top, subject, "or give its root among the roots")


def _incomplete(top: x509.Certificate, subject: str, alternative: str) -> Finding:
    issuer = printable(top.issuer.rfc4514_string())
    remedy = f"Append that certificate to the chain, {alternative}."
    address = _issuer_address(top)
    if address:
        remedy += f" It is at {address}: openssl x509 -inform DER -in DOWNLOADED >> chain.pem"
    return error(
        "chain-incomplete",
        subject,
        f"lacks the intermediate {issuer!r}, which issued {name_of(top)}.",
        remedy,
    )


def _issuer_address(certificate: x509.Certificate) -> str | None:
    """Where the authority publishes the issuer's certificate (RFC 5280 section 4.2.2.1)."""
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return None
    for description in access:
        location = description.access_location
        if description.access_method == AuthorityInformationAccessOID.CA_ISSUERS and isinstance(
            location, x509.UniformResourceIdentifier
        ):
            return printable(location.value)
    return None


def check_path(
    chain: tuple[x509.Certificate, ...], anchor: x509.Certificate, subject: str, fqdn: str, now: datetime
) -> Iterator[Finding]:
    """What a second opinion finds: path validation by the library, above all name constraints (RFC 5280,
    6.1).

    To be asked about a chain in which nothing else is wrong: its words are about the first fault alone.
    """
    if chain[-1] == anchor and len(chain) == 1:
        return  # a certificate that is its own anchor has no path
    # The rules have judged the extensions one by one; these two the library wants to see for itself.
    permit, either = verification.ExtensionPolicy.permit_all(), verification.Criticality.AGNOSTIC
    authorities = permit.require_present(x509.BasicConstraints, either, None)
    leaves = permit.require_present(x509.SubjectAlternativeName, either, None)
    verifier = (
        verification.PolicyBuilder()
        .store(verification.Store([anchor]))
        .time(now)
        .extension_policies(ca_policy=authorities, ee_policy=leaves)
        .build_server_verifier(x509.DNSName(fqdn))
    )
    try:
        verifier.verify(chain[0], list(chain[1:]))
    except verification.VerificationError as why:
        words = printable(str(why), 300)
        if "name constraint" in words.lower():
            message = (
                f"is outside of the names that its authorities may issue for (name constraints): {words}."
            )
            yield error("name-constraints", subject, message, "Have it issued by an authority that may.")
        else:
            yield error(
                "path-invalid",
                subject,
                f"is refused by path validation: {words}.",
                "Have the chain put right.",
            )
