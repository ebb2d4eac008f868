"""The certificates of a file, set in order: which of them a server sends, and why not the others.

RFC 8446 section 4.4.2: the server's certificate first, each following one certifying the one before it; the
root may be left out, and is: callers trust the root that they hold, never the one that is sent. A root that
is all there is (a self-signed certificate) stays, being the leaf.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from certs.chain import Link, canonical_name, is_authority, is_self_issued, is_self_signed, link, name_of
from certs.findings import Finding, Origin, error, errors_in, mended
from certs.keys import belongs_to
from certs.paths import Path, every_path, longest_first
from certs.rules.path import check_path


@dataclass(frozen=True)
class Arrangement:
    """The certificates of a file, set in order.

    Attributes:
        chain: leaf first and without the root.
        anchor: the root on which it stands; None: that is not known.
        root: the root that the file held; None: it held none.
        findings: what was found on the way.
    """

    chain: tuple[x509.Certificate, ...]
    anchor: x509.Certificate | None
    root: x509.Certificate | None
    findings: tuple[Finding, ...]


def arrange(
    certificates: tuple[x509.Certificate, ...],
    key: PrivateKeyTypes | None,
    origin: Origin,
    roots: Sequence[x509.Certificate] | None = None,
    now: datetime | None = None,
) -> Arrangement:
    """Sets `certificates` (at least one, in the file's order) in the order in which a server sends them.

    Of several paths it is the one with the fewest faults at `now` (None: whatever the time), to one of
    `roots` where it is known what callers hold; never one because it stood first in the file.
    """
    findings: list[Finding] = []
    given = tuple(dict.fromkeys(certificates))
    if len(given) < len(certificates):
        findings.append(mended("chain-duplicate", origin.label, "held a certificate twice; it is sent once."))
    leaf = _leaf(given, key)
    others = [one for one in given if one != leaf]
    paths = list(every_path(leaf, others, roots))
    path = min(paths, key=lambda one: _rank(one, roots, now))
    if path.broken_by is not None:
        findings.append(_broken(path, origin))
    if [one for one in given if one in path.chain] != list(path.chain):
        order = " <- ".join(map(name_of, path.chain))
        findings.append(
            mended("chain-order", origin.label, f"was not in order; it is sent leaf first: {order}.")
        )
    root = _root(path, given)
    seen = {one for each in paths for one in (*each.chain, each.anchor) if one is not None and one != leaf}
    names = {canonical_name(one.subject) for one in seen}
    for one in others:
        if one not in path.chain and one != root:
            is_related = one in seen or canonical_name(one.subject) in names
            findings.append(_left_over(one, leaf, origin, is_related=is_related))
    if root is not None:
        message = (
            f"held the root {name_of(root)}, which is not sent: callers trust only the one that they hold."
        )
        findings.append(mended("chain-root-left-out", origin.label, message))
    return Arrangement(path.chain, path.anchor, root, tuple(dict.fromkeys(findings)))


def _leaf(certificates: Sequence[x509.Certificate], key: PrivateKeyTypes | None) -> x509.Certificate:
    issuers = Counter(canonical_name(one.issuer) for one in certificates)

    def rank(certificate: x509.Certificate) -> tuple[object, ...]:
        issued_another = issuers[canonical_name(certificate.subject)] > is_self_issued(certificate)
        matches = key is not None and belongs_to(key, certificate)
        # Of two renewals with one key the later is meant.
        return is_authority(certificate), not matches, issued_another, longest_first(certificate)

    return min(certificates, key=rank)


def _rank(path: Path, roots: Sequence[x509.Certificate] | None, now: datetime | None) -> tuple[object, ...]:
    """A path's rank among others: fewer faults, then no sooner end than the leaf's; of two without fault the
    longer one, for callers who hold an older root need what leads there.
    """
    above = [*path.chain[1:], *([] if path.anchor is None or path.anchor in path.chain else [path.anchor])]
    faults = len(errors_in(check_path(path.chain, path.anchor, "", now)))
    # Where nobody knows what callers hold, an intermediate is taken to stand on one of theirs.
    is_complete = path.anchor in roots if roots is not None else bool(path.anchor or len(path.chain) > 1)
    ends = min((one.not_valid_after_utc for one in above), default=path.chain[0].not_valid_after_utc)
    return (
        faults + (not is_complete) + (path.broken_by is not None) + path.stops_short,
        not is_complete,
        path.stops_short,
        ends < path.chain[0].not_valid_after_utc,
        -len(path.chain),
        path.anchor is None,
        *(longest_first(one) for one in above),
    )


def _broken(path: Path, origin: Origin) -> Finding:
    child, issuer = next(
        (child, issuer)
        for child, issuer in zip(path.chain, [*path.chain[1:], path.anchor], strict=True)
        if issuer is not None and not link(child, issuer).holds
    )
    bears = f"has a certificate {name_of(issuer)} that bears the name of the issuer of {name_of(child)}, but "
    remedy = "Put the authority's current certificate of that name in its place."
    if link(child, issuer) is Link.DISOWNED:
        message = bears + "is not the one that its authority key identifier names; clients pass it over."
        return error("chain-identifier-mismatch", origin.label, message, remedy)
    message = bears + "did not sign it: it holds another key."
    return error("chain-signature-invalid", origin.label, message, remedy)


def _root(path: Path, given: Sequence[x509.Certificate]) -> x509.Certificate | None:
    """The root of `path` that the file held: of its top, else of what callers reach before that."""
    selves = [one for one in given if one not in path.chain and is_self_signed(one)]
    if path.anchor in selves:
        return path.anchor
    for top in reversed(path.chain):
        issuers = [one for one in selves if link(top, one).holds]
        if issuers:
            return min(issuers, key=longest_first)
    return None


def _left_over(
    certificate: x509.Certificate, leaf: x509.Certificate, origin: Origin, *, is_related: bool
) -> Finding:
    if is_related:
        return mended(
            "chain-alternate",
            origin.label,
            f"held a second certificate of the authority {name_of(certificate)}, which is not needed.",
        )
    if not is_authority(certificate):
        return error(
            "two-leaves",
            origin.label,
            f"holds a second server certificate, {name_of(certificate)}, beside {name_of(leaf)}.",
            "Keep one: a service has one certificate.",
        )
    return error(
        "chain-unrelated",
        origin.label,
        f"holds a certificate {name_of(certificate)}, which issued nothing in this chain.",
        "Remove it, or put the missing link between it and the others in.",
    )
