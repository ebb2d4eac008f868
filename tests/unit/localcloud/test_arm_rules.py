"""Resource Manager's pure parts: filters, locations, names, api-versions, conditions."""

from __future__ import annotations

import pytest

from localcloud.arm.api import check_api_version
from localcloud.arm.checks import plain_location
from localcloud.arm.dns.record_sets import _next_serial
from localcloud.arm.dns.records import parse_properties
from localcloud.arm.lists import parse_filter
from localcloud.arm.providers import unknown_type
from localcloud.dns.names import record_set_problem, target_problem, zone_problem
from localcloud.errors import CloudError
from localcloud.http.frame import normal_path


@pytest.mark.parametrize("spelling", ["East US 2", "eastus2", "EASTUS2", " east us\t2 "])
def test_locations_in_any_spelling(spelling: str) -> None:
    assert plain_location(spelling) == "eastus2"


@pytest.mark.parametrize(
    ("path", "normal"),
    [("/a//b/", "/a/b"), ("//", "/"), ("", "/"), ("/a/b", "/a/b"), ("a", "/a")],
)
def test_empty_segments_are_dropped(path: str, normal: str) -> None:
    assert normal_path(path) == normal


@pytest.mark.parametrize(
    ("text", "admitted"),
    [
        ("", True),
        ("resourceType eq 'MICROSOFT.network/dnszones'", True),
        ("resourceType eq 'other'", False),
        ("resourceType ne 'other' and name eq 'ZONE.com'", True),
        ("name ne 'zone.com'", False),
        ("location eq 'Glo bal'", True),
        ("tagName eq 'TEAM'", True),
        ("tagName eq 'team' and tagValue eq 'o''hara'", True),
        ("tagName eq 'team' and tagValue eq 'O''HARA'", False),
        ("tagName eq 'other' and tagValue eq 'o''hara'", False),
    ],
)
def test_filters(text: str, admitted: bool) -> None:
    resource = {"type": "microsoft.network/dnszones", "name": "zone.com", "location": "global"}
    assert parse_filter(text).admits(**resource, tags={"team": "o'hara"}) is admitted


@pytest.mark.parametrize(
    "text", ["name", "name eq zone", "name gt 'a'", "name eq 'a' or name eq 'b'", "name eq 'a' name eq 'b'"]
)
def test_filters_that_are_not_understood(text: str) -> None:
    with pytest.raises(CloudError, match="Invalid \\$filter") as refused:
        parse_filter(text)
    assert (refused.value.status, refused.value.code) == (400, "InvalidFilterInQueryString")


@pytest.mark.parametrize("version", ["2017-09-01-preview", "2018-05-01", "2026-09-01", "2020-01-01-alpha.2"])
def test_api_versions(version: str) -> None:
    check_api_version(version)


@pytest.mark.parametrize("version", ["2023-02-30", "0001-01-01", "9999-01-01", "2023-01-01-", "2023-1-1"])
def test_absurd_api_versions(version: str) -> None:
    with pytest.raises(CloudError, match="it is a date such as 2024-03-01") as refused:
        check_api_version(version)
    assert (refused.value.status, refused.value.code) == (400, "InvalidApiVersionParameter")


@pytest.mark.parametrize("name", ["@", "*", "*.dev", "www", "_acme-challenge.www", "WWW", "1"])
def test_record_set_names(name: str) -> None:
    assert record_set_problem(name, "contoso.com") is None


@pytest.mark.parametrize("name", ["", ".", "a.", ".a", "a.*", "**", "@.a", "-a", "a-", "a b", "ä", "a\\046b"])
def test_bad_record_set_names(name: str) -> None:
    assert record_set_problem(name, "contoso.com") is not None


@pytest.mark.parametrize("name", ["com", "a" * 64 + ".com", ".".join("a" * 35), "a..com", "a.com.", ""])
def test_bad_zone_names(name: str) -> None:
    assert zone_problem(name) is not None


def test_zone_and_target_names() -> None:
    assert zone_problem("contoso.com") is None
    assert zone_problem(".".join("a" * 34)) is None
    assert [target_problem(name) for name in ("a.com", "a.com.", ".", "_sip._tcp.a.com")] == [None] * 4
    assert target_problem(None) == "a domain name is expected"


@pytest.mark.parametrize(
    ("kept", "asked", "result"),
    [
        (1, None, 2),
        (2**32 - 1, None, 0),
        (5, 9, 9),
        (5, 5, 6),
        (5, 4, 6),
        (2**32 - 1, 3, 3),
        (5, 5 + 2**31, 6),
    ],
)
def test_serial_numbers_only_rise(kept: int, asked: int | None, result: int) -> None:
    assert _next_serial(kept, asked) == result


RECORDS = [
    ("AAAA", "AAAARecords", [{"ipv6Address": "2001:db8::1"}]),
    ("CAA", "caaRecords", [{"flags": 0, "tag": "issue", "value": "ca.example"}]),
    ("CNAME", "CNAMERecord", {"cname": "a.example."}),
    ("NS", "NSRecords", [{"nsdname": "ns.example"}]),
    ("PTR", "PTRRecords", [{"ptrdname": "host.example"}]),
    ("SRV", "SRVRecords", [{"priority": 1, "weight": 2, "port": 443, "target": "."}]),
    ("TXT", "TXTRecords", [{"value": ["", "x" * 255]}]),
]


@pytest.mark.parametrize(("kind", "key", "records"), RECORDS)
def test_every_type_keeps_its_records(kind: str, key: str, records: object) -> None:
    properties = {"ttl": 5, key.upper(): records, "ARecords": [], "fqdn": "ignored"}
    assert parse_properties(kind, {"properties": properties}) == {"TTL": 5, key: records}


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/subscriptions/s/providers", "NotFound"),
        ("/elsewhere", "NotFound"),
        ("/subscriptions/s/providers/Microsoft.Web/sites", "InvalidResourceNamespace"),
        ("/subscriptions/s/resourceGroups/g/providers/microsoft.STORAGE/disks/d", "InvalidResourceType"),
    ],
)
def test_unknown_types(path: str, code: str) -> None:
    assert (unknown_type(path).status, unknown_type(path).code) == (404, code)
