"""Rules of trust: the chain reaches a root that callers hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice, pairwise

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from certs.chain import (
    Link,
    is_authority,
    is_identified,
    is_same_authority,
    is_self_signed,
    is_taken_for_root,
    link,
    name_of,
)
from certs.findings import Finding, error, errors_in, printable, warning
from certs.paths import longest_first
from certs.rules.name_constraints import check_name_constraints
from certs.rules.policies import check_policies
from certs.rules.usage import extension

MAXIMUM_WAYS = 64
"""Ways that clients might go up which are looked at."""


def anchor_of(
    chain: tuple[x509.Certificate, ...], root: x509.Certificate | None, roots: Sequence[x509.Certificate]
) -> x509.Certificate | None:
    """The one of `roots` on which `chain` stands, or None. `root` is the root that the file held.

    Callers go up the chain no further than to the first certificate that one of their roots issued.
    """
    for known in roots:
        if root is not None and is_same_authority(known, root):
            return known
    for top in reversed(chain):
        for known in sorted(roots, key=longest_first):
            if known == top or link(top, known).holds:
                return known
    return None


def check_complete(
    chain: tuple[x509.Certificate, ...],
    root: x509.Certificate | None,
    anchor: x509.Certificate | None,
    roots: Sequence[x509.Certificate] | None,
    subject: str,
) -> Iterator[Finding]:
    """Findings about the end of the chain, which stands on `anchor` where that is known.

    Where `roots` is None nobody knows what callers hold: a chain is then taken as complete when it holds
    its root, or at least one intermediate; a lone certificate of another's issue is not, for public
    authorities never issue from a root.
    """
    top = chain[-1]
    if roots is not None:
        if anchor is None or anchor not in roots:
            yield _untrusted(top, root, roots, subject)
    elif anchor is None and len(chain) == 1:
        yield _incomplete(top, subject, "or, if that is a root which callers hold, name it as the root")
    if len(chain) == 1 and anchor == top and is_self_signed(top) and not is_authority(top):
        message = "is self-signed: callers trust it only if they are given this very certificate as a root."
        yield warning("leaf-self-signed", subject, message, "Use it for development alone.")


def check_choice(
    chain: tuple[x509.Certificate, ...], roots: Sequence[x509.Certificate], subject: str, now: datetime
) -> Iterator[Finding]:
    """Findings about what callers make of a `chain` that is good, with all of `roots`.

    Go tries every way up. BoringSSL takes, by names and identifiers alone, the first certificate that it
    holds for an issuer, goes on up among those that it holds, and does not turn back.
    """
    ways = list(islice(_ways_of_clients(chain, roots), MAXIMUM_WAYS))
    problems = [problem for way in ways for problem in [_problem(way, now)] if problem]
    if problems:
        reach = "always" if len(problems) == len(ways) else "may"
        message = f"is good, and with the roots that were given gRPC clients {reach} go up to one that "
        remedy = "Give callers the one root of that name that is in force."
        make = error if len(problems) == len(ways) else warning
        yield make("roots-ambiguous", subject, f"{message}{problems[0]}; they do not turn back.", remedy)


def _ways_of_clients(
    chain: tuple[x509.Certificate, ...], roots: Sequence[x509.Certificate]
) -> Iterator[tuple[x509.Certificate, ...]]:
    for place, top in enumerate(chain, 1):
        taken = [known for known in roots if _is_taken_for_issuer(known, top)]
        for known in taken:
            yield from _ways_on((*chain[:place], known), roots)
        if taken:
            return


def _ways_on(
    path: tuple[x509.Certificate, ...], roots: Sequence[x509.Certificate]
) -> Iterator[tuple[x509.Certificate, ...]]:
    top = path[-1]
    above = [known for known in roots if known not in path and _is_taken_for_issuer(known, top)]
    if is_taken_for_root(top) or not above or len(path) > MAXIMUM_WAYS:
        yield path
        return
    for known in above:
        yield from _ways_on((*path, known), roots)


def _is_taken_for_issuer(authority: x509.Certificate, child: x509.Certificate) -> bool:
    if link(child, authority) is Link.NONE or not is_identified(child, authority):
        return False
    usage = extension(authority, x509.KeyUsage)
    return usage is None or usage.key_cert_sign


def _problem(way: tuple[x509.Certificate, ...], now: datetime) -> str:
    for child, issuer in pairwise(way):
        if not link(child, issuer).holds:
            return f"bears the name of {name_of(issuer)}, and holds another key"
        if not issuer.not_valid_before_utc <= now <= issuer.not_valid_after_utc:
            return f"bears the name of {name_of(issuer)}, and is not valid now"
    if errors_in([*check_name_constraints(way, ""), *check_policies(way, "")]):
        return f"bears the name of {name_of(way[-1])}, and may not issue for these names or policies"
    return ""


def _untrusted(
    top: x509.Certificate, root: x509.Certificate | None, roots: Sequence[x509.Certificate], subject: str
) -> Finding:
    if root is not None or is_self_signed(top):
        message = f"ends in {name_of(root or top)}, which is not among the roots that were given."
        return error(
            "chain-untrusted", subject, message, "Give that root to callers, or use a certificate of one."
        )
    namesake = next((known for known in roots if link(top, known) is not Link.NONE), None)
    if namesake is not None:
        message = (
            f"ends in {name_of(top)}, which was not signed by the root {name_of(namesake)} that was given"
        )
        if link(top, namesake) is Link.DISOWNED:
            message += ", going by its authority key identifier, as clients do"
        return error(
            "chain-untrusted", subject, f"{message}.", "Give the root of that name which is in force."
        )
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
    """The address at which the authority publishes the issuer's certificate (RFC 5280 section 4.2.2.1)."""
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
