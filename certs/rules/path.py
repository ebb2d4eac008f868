"""Rules of the path: the authorities between a server and its root are fit to vouch for it, each and
together.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cryptography import x509

from certs.chain import is_self_issued, is_self_signed, is_taken_for_root, name_of
from certs.findings import Finding, error
from certs.rules import algorithms, encoding, usage, validity
from certs.rules.name_constraints import check_name_constraints
from certs.rules.policies import check_policies

MAXIMUM_AUTHORITIES = 8
"""Those that are sent. rustls and Firefox take six, OpenSSL a hundred; no public authority comes near."""


def check_path(
    chain: tuple[x509.Certificate, ...], anchor: x509.Certificate | None, label: str, now: datetime | None
) -> Iterator[Finding]:
    """Findings about the authorities above the leaf of `chain`, up to its root `anchor` if it is known.

    Args:
        label: names what the certificates come from.
        now: when they are to be valid; None: whenever.
    """
    above = [*chain[1:], *([] if anchor is None or anchor in chain else [anchor])]
    below = 0
    for authority in above:
        subject = f"{label}, authority {name_of(authority)}"
        yield from encoding.check_encoding(authority, subject)
        if now is not None:
            yield from validity.check_dates(authority, subject, now, is_authority=True)
        yield from algorithms.check_certificate(
            authority, subject, is_leaf=False, signed=not is_self_signed(authority)
        )
        yield from usage.check_authority(authority, subject, below, is_anchor=authority == anchor)
        if authority != anchor and is_taken_for_root(authority):
            message = (
                "bears its own name as its issuer's, and no authority key identifier tells the keys apart: "
                "gRPC clients take it for a root, and go no further up."
            )
            yield error("authority-taken-for-root", subject, message, "Have it issued anew with one.")
        # One that an authority issued to itself (for a new key) does not count: RFC 5280 section 6.1.4.
        below += not is_self_issued(authority)
    path = [*chain[:1], *above]
    yield from check_name_constraints(path, label)
    # A root that is not known asks for nothing; what stands below it does.
    yield from check_policies(path if anchor is not None else [*path, path[-1]], label)
    if len(chain) - 1 > MAXIMUM_AUTHORITIES:
        yield error(
            "path-invalid",
            f"{label}, certificate {name_of(chain[0])}",
            f"is refused by path validation: {len(chain) - 1} authorities are sent with it, where clients "
            f"take {MAXIMUM_AUTHORITIES} at most (max depth).",
            "Have it issued by an authority that is nearer to its root.",
        )
