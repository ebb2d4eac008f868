"""How long resolvers keep a record, and where it leads."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from policy.rules.records import RECORD_POINTS_AT_SERVICE, RECORD_TTL_BOUNDS
from policy.rules.rule import UNKNOWN, Resource
from policy.rules.tokens import ENDPOINT, RECORD_SET
from tests.support.policy_resources import context, messages, resource

IP = "203.0.113.7"


@pytest.mark.parametrize("ttl", [60, 300.0, 3600, UNKNOWN])
def test_a_ttl_inside_its_bounds_or_not_known_passes(ttl: object) -> None:
    assert messages(RECORD_TTL_BOUNDS, resource(RECORD_SET, {"ttl": ttl})) == []


@pytest.mark.parametrize(
    ("ttl", "why"),
    [
        (59.0, "nearly every call would ask the zone's servers first"),
        (3601, "callers would go on to a service's old address for as long"),
    ],
)
def test_a_ttl_out_of_its_bounds_is_refused(ttl: float, why: str) -> None:
    assert messages(RECORD_TTL_BOUNDS, resource(RECORD_SET, {"ttl": ttl})) == [
        f"its TTL is {int(ttl)} seconds, not 60 to 3600: {why}. Set fpga-web-service:recordTtl to 60 to 3600."
    ]


def test_the_bounds_are_the_pack_s_configuration() -> None:
    about = resource(RECORD_SET, {"ttl": 7200})
    assert messages(RECORD_TTL_BOUNDS, about, maximumSeconds=86400) == []
    (message,) = messages(RECORD_TTL_BOUNDS, about, minimumSeconds=10_000, maximumSeconds=86400)
    assert "not 10000 to 86400" in message


def test_no_ttl_is_refused() -> None:
    (message,) = messages(RECORD_TTL_BOUNDS, resource(RECORD_SET))
    assert message == "it has no TTL. Set fpga-web-service:recordTtl to 60 to 3600 seconds."


@pytest.mark.parametrize("ttl", [300, UNKNOWN])
def test_bounds_that_no_ttl_can_keep_are_told(ttl: object) -> None:
    about = resource(RECORD_SET, {"ttl": ttl})
    (message,) = messages(RECORD_TTL_BOUNDS, about, minimumSeconds=600, maximumSeconds=60)
    assert message.startswith("no TTL can be from 600 to 60 seconds. Set minimumSeconds below maximumSeconds")


def endpoint(ip: object = IP, name: str = "endpoint") -> Resource:
    return resource(ENDPOINT, {"ip": ip} if ip is not None else {}, name=name)


def record(addresses: object, made_from: Resource | None = None) -> Resource:
    depends_on = {"aRecords": frozenset({made_from.urn})} if made_from else {}
    return resource(RECORD_SET, {"aRecords": addresses}, depends_on=depends_on, name="record")


def found(*resources: Resource) -> Sequence[tuple[str, str]]:
    return list(RECORD_POINTS_AT_SERVICE.check(resources, context(RECORD_POINTS_AT_SERVICE)))


def test_a_record_at_the_endpoint_passes() -> None:
    assert found(record([{"ipv4Address": IP}]), endpoint()) == []


def test_a_record_elsewhere_is_refused() -> None:
    strays = record([{"ipv4Address": "192.0.2.1"}, {"ipv4Address": IP}], made_from=endpoint())
    assert found(strays, endpoint()) == [
        (
            strays.urn,
            f"it leads to 192.0.2.1; the service is at {IP}. "
            "Declare the record at the endpoint's ip, or `pulumi refresh` where the service has moved.",
        )
    ]


@pytest.mark.parametrize("addresses", [UNKNOWN, [UNKNOWN], [{"ipv4Address": UNKNOWN}]])
@pytest.mark.parametrize("ip", [UNKNOWN, None, IP])
def test_an_address_that_is_not_known_is_judged_by_what_it_is_made_from(
    addresses: object, ip: object
) -> None:
    where = endpoint(ip)
    assert found(record(addresses, made_from=where), where) == []
    ((urn, message),) = found(record(addresses, made_from=endpoint(name="another")), where)
    assert urn.endswith("::record")
    assert "its address is not made from the service's endpoint" in message
    assert "Declare the record at the endpoint's ip." in message


@pytest.mark.parametrize("ip", [UNKNOWN, None])
def test_a_literal_address_is_refused_while_the_endpoint_is_not_known(ip: object) -> None:
    assert len(found(record([{"ipv4Address": IP}]), endpoint(ip))) == 1


def test_records_of_other_kinds_and_stacks_without_a_record_pass() -> None:
    alias = resource(RECORD_SET, {"cnameRecord": {"cname": "a.contoso.test"}})
    assert found(alias, endpoint()) == []
    assert found(alias) == []
    assert found(endpoint()) == []
    assert found() == []


@pytest.mark.parametrize("addresses", [[{"ipv4Address": IP}], [UNKNOWN], UNKNOWN])
def test_an_address_in_a_stack_without_an_endpoint_is_refused(addresses: object) -> None:
    ((urn, message),) = found(record(addresses))
    assert urn.endswith("::record")
    assert "has no service's endpoint that it could be held against. Declare the endpoint" in message
