"""The certificate that the service answers with: SSL is on, callers trust it, and it lasts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from policy.rules.rule import UNKNOWN, Context, Resource, ResourceRule
from policy.rules.tokens import DEVELOPMENT_CA, SERVICE

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_TRUSTED_SOURCES: Final = "files, pfx, config or acme"
_REMEDY: Final = "Look at it with `fpga certs check`, and give the service a whole one."


def _is_without_ssl(resource: Resource, context: Context) -> Iterator[str]:
    """Where it is not known yet whether SSL is on, the update asks again before it changes the service."""
    if not context.production or resource.props.get("ssl_enabled") is UNKNOWN:
        return
    if not resource.props.get("ssl_enabled"):
        yield (
            "SSL is off on a production stack: anyone who reaches the service may call it, without a key. "
            "Set fpga-web-service:sslEnabled to true."
        )


def _is_self_signed(resource: Resource, context: Context) -> Iterator[str]:
    """A chain that is not known yet (this very update has it issued) is left to the update, which asks again
    before it changes the service. A development authority is refused whatever is known of it.
    """
    if not context.production:
        return
    if resource.type == DEVELOPMENT_CA:
        yield (
            "a development authority issues the certificate of a production stack, and no caller trusts it. "
            f"Set fpga-web-service:certificateSource to {_TRUSTED_SOURCES}."
        )
        return
    chain = _chain(resource)
    if chain is None:
        yield f"its chain cannot be read, so nobody knows whether it is signed with its own key. {_REMEDY}"
    if not chain:
        yield from _lacking(resource)
        return
    from certs.chain import is_self_signed, name_of

    if is_self_signed(chain[0]):
        yield (
            f"the certificate {name_of(chain[0])} of a production stack is signed with its own key, and no "
            "caller trusts it. Take one from a certification authority: "
            f"fpga-web-service:certificateSource {_TRUSTED_SOURCES}."
        )


def _is_about_to_expire(resource: Resource, context: Context) -> Iterator[str]:
    """A chain that is not known yet (this very update has it issued) is left to the update, which asks again
    before it changes the service.
    """
    chain = _chain(resource)
    if chain is None:
        yield f"its chain cannot be read, so nobody knows when it expires. {_REMEDY}"
    if not chain:
        yield from _lacking(resource)
        return
    from certs.chain import name_of
    from certs.renewal import days_left

    first = min(chain, key=lambda one: one.not_valid_after_utc)
    left, wanted = days_left(first.not_valid_after_utc, context.now), int(context.settings["minimumDays"])
    if left < wanted:
        when = f"{first.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
        how_long = f"in {left} days" if left >= 0 else f"{-left} days ago"
        yield (
            f"the certificate {name_of(first)} expires at {when}, {how_long}; {wanted} days are asked for. "
            "Give the service a renewed one (of one that the stack has issued, raise "
            "fpga-web-service:certificateGeneration), or lower minimumDays in the pack's configuration."
        )


def _lacking(resource: Resource) -> Iterator[str]:
    """With SSL off there is no certificate to judge; with it on, none is no certificate without a fault."""
    is_on, chain = (resource.props.get(name) for name in ("ssl_enabled", "ssl_certificate"))
    if is_on and is_on is not UNKNOWN and not chain:
        yield "SSL is on, and it is given no certificate. Set fpga-web-service:certificateSource."


def _chain(resource: Resource) -> list[Certificate] | None:
    """The chain that the service is given, leaf first; empty: none, or not known; None: not readable."""
    text = resource.props.get("ssl_certificate")
    if text is UNKNOWN or not text:
        return []
    from certs.formats import UNPARSABLE, parse_chain

    try:
        return parse_chain(str(text))
    except UNPARSABLE:
        return None


SSL_ENABLED_IN_PRODUCTION: Final = ResourceRule(
    name="ssl-enabled-in-production",
    description="A production service answers with SSL, to holders of a key alone.",
    types=frozenset({SERVICE}),
    check=_is_without_ssl,
)
NO_SELF_SIGNED_IN_PRODUCTION: Final = ResourceRule(
    name="no-self-signed-in-production",
    description="A production service has a certificate that its callers trust.",
    types=frozenset({SERVICE, DEVELOPMENT_CA}),
    check=_is_self_signed,
)
MINIMUM_DAYS_TO_EXPIRY: Final = ResourceRule(
    name="minimum-days-to-expiry",
    description="The service is given no certificate that is about to expire.",
    types=frozenset({SERVICE}),
    check=_is_about_to_expire,
    settings={
        "minimumDays": {
            "type": "integer",
            "minimum": 0,
            "maximum": 3650,
            # a certificate of 47 days, which is all there is from 2029-03-15, is renewed with 15 days left
            "default": 14,
        }
    },
)
