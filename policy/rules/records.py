"""DNS records: how long resolvers keep them, and whether they lead to the service."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from policy.rules.rule import UNKNOWN, Context, Resource, ResourceRule, StackRule
from policy.rules.tokens import ENDPOINT, RECORD_SET

_ADDRESSES: Final = "aRecords"
_TTL: Final = {"type": "integer", "minimum": 1, "maximum": 2_147_483_647}  # RFC 2181, section 8


def _is_kept_too_short_or_too_long(resource: Resource, context: Context) -> Iterator[str]:
    """A TTL that is not known yet is left to the update, which asks again before it writes the record."""
    low, high = (int(context.settings[name]) for name in ("minimumSeconds", "maximumSeconds"))
    ttl = resource.props.get("ttl")
    if low > high:
        yield (
            f"no TTL can be from {low} to {high} seconds. "
            "Set minimumSeconds below maximumSeconds in the pack's configuration."
        )
    elif ttl is UNKNOWN:
        return
    elif ttl is None:
        yield f"it has no TTL. Set fpga-web-service:recordTtl to {low} to {high} seconds."
    elif not low <= int(ttl) <= high:
        yield (
            f"its TTL is {int(ttl)} seconds, not {low} to {high}: {_why(int(ttl), low)}. "
            f"Set fpga-web-service:recordTtl to {low} to {high}."
        )


def _why(ttl: int, low: int) -> str:
    if ttl < low:
        return "nearly every call would ask the zone's servers first"
    return "callers would go on to a service's old address for as long"


def _points_elsewhere(resources: Sequence[Resource], _: Context) -> Iterator[tuple[str, str]]:
    """Addresses that are not known yet are judged by what they are made from: the endpoint, or not."""
    everywhere = [one for one in resources if one.type == ENDPOINT]
    for record in resources:
        addresses = record.props.get(_ADDRESSES)
        if record.type != RECORD_SET or not addresses:
            continue
        # one that is of no service may lead to any of them
        endpoints = [one for one in everywhere if record.service in ("", one.service)]
        known = [one.props.get("ip") for one in endpoints]
        listed = _listed(addresses)
        if not endpoints:
            yield (
                record.urn,
                "it leads to an address, and the stack has no service's endpoint that it could be held "
                "against. Declare the endpoint, or remove the record.",
            )
        elif UNKNOWN in listed or any(ip in (UNKNOWN, None) for ip in known):
            made_from = record.depends_on.get(_ADDRESSES, frozenset())
            if not made_from & {one.urn for one in endpoints}:
                yield (
                    record.urn,
                    "its address is not made from the service's endpoint, whose address is not known yet. "
                    "Declare the record at the endpoint's ip.",
                )
        elif strays := sorted({str(address) for address in listed if address not in known}):
            yield (
                record.urn,
                f"it leads to {', '.join(strays)}; the service is at {', '.join(map(str, known))}. "
                "Declare the record at the endpoint's ip, or `pulumi refresh` where the service has moved.",
            )


def _listed(addresses: Any) -> list[Any]:
    if addresses is UNKNOWN:
        return [UNKNOWN]
    return [UNKNOWN if one is UNKNOWN else one.get("ipv4Address") for one in addresses]


RECORD_TTL_BOUNDS: Final = ResourceRule(
    name="record-ttl-bounds",
    description="Resolvers keep a record for long enough to be of use, and not for too long.",
    types=frozenset({RECORD_SET}),
    check=_is_kept_too_short_or_too_long,
    settings={"minimumSeconds": {**_TTL, "default": 60}, "maximumSeconds": {**_TTL, "default": 3600}},
)
RECORD_POINTS_AT_SERVICE: Final = StackRule(
    name="record-points-at-service",
    description="An A record leads to the service, and nowhere else.",
    types=frozenset({RECORD_SET, ENDPOINT}),
    check=_points_elsewhere,
)
