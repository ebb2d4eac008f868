"""The CAA records that are configured, held against an authority's names (RFC 8555, caaIdentities)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from certs.acme import caa
from certs.errors import AcmeError
from certs.findings import error

SETTING: Final = "fpga-web-service:caaIssuers"


def refusal(declared: Sequence[str], identities: Sequence[str]) -> str | None:
    """The reason why an authority with these names may not issue by what is declared; None: it may.

    The text goes on from "CAA records at …".
    """
    properties = [caa.Property(0, "issue", issuer) for issuer in declared]
    return caa.refusal(properties, identities, wildcard=False)


def forbidden(at: str, reason: str, identities: Sequence[str], *, left_over: bool = False) -> AcmeError:
    """The error: where the records are, what they say, what was expected, and what would do.

    Args:
        left_over: the records may be those of a setting that is gone: the engine deletes last.
    """
    known = " or ".join(sorted(identities))
    remedy = f"Name {known} in {SETTING}, or choose another authority."
    if left_over:
        remedy += (
            f" Records of a {SETTING} that was removed last until an update is done: let it name {known} in "
            "this one, and remove it afterwards. In a zone of others (zoneExists) have its keepers name it."
        )
    message = f"{reason}; the authority issues as {known} (caaIdentities of its directory)."
    return AcmeError(
        [
            error(
                "caa-forbids",
                f"CAA records at {at}",
                message,
                remedy,
            )
        ]
    )
