"""DNS zones and record sets over the bare wire: conditions, refusals, serial numbers, and what DNS says."""

from __future__ import annotations

import uuid
from typing import Any

import dns.message
import dns.query
import pytest

from localcloud.dns.record_types import TYPES, Field, RecordType, number_problem
from tests.support.localcloud.arm_caller import ArmCaller, refusal


class ZoneUnderTest:
    """A zone of its own, in a group of its own."""

    def __init__(self, arm: ArmCaller, group: str) -> None:
        self.arm = arm
        self.name = f"z{uuid.uuid4().hex[:8]}.com"
        self.path = f"{group}/providers/Microsoft.Network/dnsZones/{self.name}"

    def put(self, kind: str, name: str, properties: Any, **headers: str) -> Any:
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.arm("PUT", f"{self.path}/{kind}/{name}", {"properties": properties}, headers=named)

    def serial(self) -> int:
        found = self.arm("GET", f"{self.path}/SOA/@").json()
        return int(found["properties"]["SOARecord"]["serialNumber"])

    def answer(self, name: str, kind: str) -> list[str]:
        """What the name server says, as text."""
        host, _, port = str(self.arm.status.dns).rpartition(":")
        query = dns.message.make_query(f"{name}.{self.name}".removeprefix("@."), kind)
        response = dns.query.udp(query, host, port=int(port), timeout=5)
        return [item.to_text() for rrset in response.answer for item in rrset]


@pytest.fixture
def zone(arm: ArmCaller, group: str) -> ZoneUnderTest:
    made = ZoneUnderTest(arm, group)
    assert arm("PUT", made.path, {"location": "global"}).status_code == 201
    return made


A = {"TTL": 60, "ARecords": [{"ipv4Address": "203.0.113.7"}]}


def test_zone_verbs(zone: ZoneUnderTest) -> None:
    arm = zone.arm
    found = arm("GET", zone.path)
    body = found.json()
    assert found.headers["ETag"] == f'"{body["etag"]}"'
    assert body["type"] == "Microsoft.Network/dnsZones"
    assert body["properties"]["numberOfRecordSets"] == 2
    assert arm("PUT", zone.path, {"location": "Global", "tags": {"a": "b"}}).status_code == 200
    assert arm("PATCH", zone.path, {"tags": {"c": "d"}}).json()["tags"] == {"c": "d"}
    assert arm("GET", zone.path).json()["etag"] != body["etag"]
    assert arm("GET", f"{zone.path}/recordsets", query="$top=1").json()["nextLink"]
    assert arm("DELETE", zone.path).status_code == 200
    assert arm("DELETE", zone.path).status_code == 204


def test_a_new_zone_answers_for_itself(zone: ZoneUnderTest) -> None:
    servers = zone.arm("GET", zone.path).json()["properties"]["nameServers"]
    assert sorted(zone.answer("@", "NS")) == servers
    assert zone.answer("@", "SOA")[0].startswith(f"{servers[0]} hostmaster.azure-dns.localhost. 1 ")


def test_record_set_verbs(zone: ZoneUnderTest) -> None:
    path = f"{zone.path}/A/www"
    made = zone.put("A", "www", A | {"metadata": {"who": "test"}})
    assert made.status_code == 201
    body = made.json()
    assert made.headers["ETag"] == f'"{body["etag"]}"'
    assert (body["name"], body["type"]) == ("www", "Microsoft.Network/dnsZones/A")
    assert body["properties"]["fqdn"] == f"www.{zone.name}."
    assert body["properties"]["metadata"] == {"who": "test"}
    assert zone.answer("www", "A") == ["203.0.113.7"]
    changed = zone.put("A", "www", A | {"ARecords": [{"ipv4Address": "203.0.113.8"}]})
    assert changed.status_code == 200
    assert changed.json()["etag"] != body["etag"]
    assert "metadata" not in changed.json()["properties"]
    patched = zone.arm("PATCH", path, {"properties": {"TTL": 5}}).json()["properties"]
    assert (patched["TTL"], patched["ARecords"]) == (5, [{"ipv4Address": "203.0.113.8"}])
    emptied = zone.arm("PATCH", path, {"properties": {"ARecords": []}}).json()["properties"]
    assert emptied["ARecords"] == []
    assert zone.answer("www", "A") == []
    assert zone.arm("DELETE", path).status_code == 200
    assert zone.arm("DELETE", path).status_code == 204
    assert refusal(zone.arm("GET", path)) == (
        404,
        "ResourceNotFound",
        f"The resource record 'A/www' does not exist in zone '{zone.name}'.",
    )
    assert refusal(zone.arm("PATCH", path, {}))[:2] == (404, "ResourceNotFound")


def test_keys_are_taken_in_any_case_and_floats_as_numbers(zone: ZoneUnderTest) -> None:
    made = zone.put("mx", "@", {"ttl": 300.0, "mxRecords": [{"Preference": 10.0, "exchange": "mail.x.com"}]})
    properties = made.json()["properties"]
    assert properties["TTL"] == 300
    assert properties["MXRecords"] == [{"preference": 10, "exchange": "mail.x.com"}]


def test_conditions(zone: ZoneUnderTest) -> None:
    path = f"{zone.path}/A/www"
    assert refusal(zone.put("A", "www", A, If_Match="*"))[:2] == (412, "PreconditionFailed")
    etag = zone.put("A", "www", A, If_None_Match="*").json()["etag"]
    status, code, words = refusal(zone.put("A", "www", A, If_None_Match="*"))
    assert (status, code) == (412, "PreconditionFailed")
    assert (
        f"The condition '*' in the If-None-Match header was not satisfied. The current etag is '{etag}'"
        in words
    )
    for headers in ({"If-Match": "stale"}, {"If-Match": '"stale"'}):
        for method, body in (("PUT", {"properties": A}), ("PATCH", {}), ("DELETE", None)):
            status, code, words = refusal(zone.arm(method, path, body, headers=headers))
            assert (status, code) == (412, "PreconditionFailed")
            assert "in the If-Match header was not satisfied" in words
    etag = zone.put("A", "www", A, If_Match=etag).json()["etag"]
    patched = zone.arm("PATCH", path, {"properties": {"TTL": 9}}, headers={"If-Match": f'"{etag}"'})
    assert patched.status_code == 200
    assert zone.arm("DELETE", path, headers={"If-Match": patched.json()["etag"]}).status_code == 200

    assert refusal(zone.arm("PUT", zone.path, {"location": "global"}, headers={"If-None-Match": "*"}))[
        :2
    ] == (412, "PreconditionFailed")
    assert refusal(zone.arm("DELETE", zone.path, headers={"If-Match": "stale"}))[0] == 412
    assert zone.arm("GET", zone.path).status_code == 200


def test_serial_number_rises_with_every_change(zone: ZoneUnderTest) -> None:
    seen = [zone.serial()]

    def changed() -> bool:
        seen.append(zone.serial())
        return seen[-1] > seen[-2] and f" {seen[-1]} " in zone.answer("@", "SOA")[0]

    zone.put("A", "www", A)
    assert changed()
    zone.arm("PATCH", f"{zone.path}/A/www", {"properties": {"TTL": 5}})
    assert changed()
    zone.arm("DELETE", f"{zone.path}/A/www")
    assert changed()
    zone.arm("PATCH", f"{zone.path}/SOA/@", {"properties": {"SOARecord": {"minimumTTL": 30}}})
    assert changed()
    zone.arm("PATCH", f"{zone.path}/SOA/@", {"properties": {"SOARecord": {"serialNumber": 2026112201}}})
    assert zone.serial() == 2026112201
    zone.put("A", "www", A, If_Match="stale")
    zone.arm("DELETE", f"{zone.path}/A/none")
    assert zone.serial() == 2026112201


def test_one_entry_adds_a_record_type(zone: ZoneUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its checks, its place in the API and its answer by DNS, of a type that Azure has by now (RFC 6698)."""
    assert refusal(zone.put("TLSA", "_443._tcp.www", {"TTL": 60}))[:2] == (404, "InvalidResourceType")
    numbers = ("usage", "selector", "matchingType")
    digest = Field(
        "certificateAssociationData",
        lambda value: None if isinstance(value, str) else "hexadecimal digits are expected",
        bytes.fromhex,
    )
    fields = (*(Field(name, lambda value: number_problem(value, 255), int) for name in numbers), digest)
    monkeypatch.setitem(TYPES, "TLSA", RecordType("TLSARecords", fields))
    record = {"usage": 3, "selector": 1, "matchingType": 1, "certificateAssociationData": "ab" * 32}

    made = zone.put("TLSA", "_443._tcp.www", {"TTL": 60, "tlsaRecords": [record]})

    assert (made.status_code, made.json()["properties"]["TLSARecords"]) == (201, [record])
    assert made.json()["type"] == "Microsoft.Network/dnsZones/TLSA"
    assert zone.answer("_443._tcp.www", "TLSA") == [f"3 1 1 {'ab' * 32}"]
    refused = refusal(zone.put("TLSA", "x", {"TTL": 60, "TLSARecords": [record | {"usage": 256}]}))
    assert "'TLSARecords[0].usage' has the value 256: a whole number from 0 to 255" in refused[2]


REFUSED: list[tuple[str, str, Any, int, str, str]] = [
    ("A", "www", {"ARecords": []}, 400, "BadRequest", "'TTL' is required"),
    ("A", "www", A | {"TTL": 0}, 400, "BadRequest", "'TTL' has the value 0"),
    ("A", "www", A | {"TTL": 2**31}, 400, "BadRequest", "from 1 to 2147483647"),
    ("A", "www", A | {"TTL": "60"}, 400, "BadRequest", "'TTL' has the value '60'"),
    (
        "A",
        "www",
        {"TTL": 1, "ARecords": [{"ipv4Address": "203.0.113.256"}]},
        400,
        "BadRequest",
        "'ARecords[0].ipv4Address' has the value '203.0.113.256': an IPv4 address",
    ),
    ("A", "www", {"TTL": 1, "ARecords": [{}]}, 400, "BadRequest", "ipv4Address' has the value None"),
    ("A", "www", {"TTL": 1, "ARecords": A["ARecords"] * 2}, 400, "BadRequest", "the same record twice"),  # type: ignore[operator]
    (
        "A",
        "www",
        {"TTL": 1, "ARecords": [{"ipv4Address": f"10.0.0.{number}"} for number in range(21)]},
        400,
        "BadRequest",
        "has 21 records; at most 20",
    ),
    (
        "A",
        "www",
        A | {"TXTRecords": [{"value": ["x"]}]},
        400,
        "BadRequest",
        "in 'ARecords', not in 'TXTRecords'",
    ),
    ("A", "www", {"TTL": 1, "targetResource": {"id": "/x"}}, 400, "BadRequest", "Alias record sets"),
    ("AAAA", "www", {"TTL": 1, "AAAARecords": [{"ipv6Address": "fe80::1%eth0"}]}, 400, "BadRequest", "IPv6"),
    (
        "TXT",
        "www",
        {"TTL": 1, "TXTRecords": [{"value": ["x" * 256]}]},
        400,
        "BadRequest",
        "a string has 256 bytes, and at most 255 fit",
    ),
    (
        "TXT",
        "www",
        {"TTL": 1, "TXTRecords": [{"value": ["x" * 255] * 17}]},
        400,
        "BadRequest",
        "at most 4096",
    ),
    ("TXT", "www", {"TTL": 1, "TXTRecords": [{"value": "x"}]}, 400, "BadRequest", "an array of strings"),
    (
        "CAA",
        "@",
        {"TTL": 1, "caaRecords": [{"flags": 256, "tag": "issue", "value": "ca.com"}]},
        400,
        "BadRequest",
        "a whole number from 0 to 255",
    ),
    ("CNAME", "@", {"TTL": 1, "CNAMERecord": {"cname": "a.com"}}, 400, "BadRequest", "cannot be at the root"),
    ("CNAME", "www", {"TTL": 1, "CNAMERecord": {"cname": "a..com"}}, 400, "BadRequest", "the label ''"),
    ("NS", "*", {"TTL": 1, "NSRecords": [{"nsdname": "a.com"}]}, 400, "BadRequest", "wildcard name"),
    ("NS", "@", {"TTL": 1, "NSRecords": [{"nsdname": "a.com"}]}, 400, "BadRequest", "must stay"),
    ("SOA", "www", {"TTL": 1, "SOARecord": {"email": "a.com"}}, 400, "BadRequest", "one SOA record set"),
    ("A", "-www", A, 400, "BadRequest", "The record set name '-www' is invalid"),
    ("A", "a.*", A, 400, "BadRequest", "the label '*'"),
    ("A", "w" * 64, A, 400, "BadRequest", "1 to 63 letters"),
    ("A", ".".join(["w" * 62] * 4), A, 400, "BadRequest", "longer than 253"),
]


@pytest.mark.parametrize(("kind", "name", "properties", "status", "code", "message"), REFUSED)
def test_refused_record_sets(
    zone: ZoneUnderTest, kind: str, name: str, properties: Any, status: int, code: str, message: str
) -> None:
    answer = refusal(zone.put(kind, name, properties))
    assert answer[:2] == (status, code)
    assert message in answer[2]
    assert zone.serial() == 1


def test_a_cname_is_alone_at_its_name(zone: ZoneUnderTest) -> None:
    cname = {"TTL": 60, "CNAMERecord": {"cname": "www.example.com"}}
    assert zone.put("CNAME", "alias", cname).status_code == 201
    status, code, words = refusal(zone.put("A", "ALIAS", A))
    assert (status, code) == (409, "Conflict")
    assert "a CNAME record with the same name already exists in this zone" in words
    assert zone.put("A", "www", A).status_code == 201
    status, code, words = refusal(zone.put("CNAME", "www", cname))
    assert (status, code) == (409, "Conflict")
    assert "another record with the same name already exists in this zone: A 'www'" in words
    assert zone.put("TXT", "www", {"TTL": 60, "TXTRecords": [{"value": ["x"]}]}).status_code == 201


BESIDE: dict[str, dict[str, Any]] = {
    "A": A,
    "AAAA": {"TTL": 60, "AAAARecords": [{"ipv6Address": "2001:db8::1"}]},
    "CAA": {"TTL": 60, "caaRecords": [{"flags": 0, "tag": "issue", "value": "ca.test"}]},
    "MX": {"TTL": 60, "MXRecords": [{"preference": 1, "exchange": "mail.example.com"}]},
    "NS": {"TTL": 60, "NSRecords": [{"nsdname": "ns.example.com"}]},
    "PTR": {"TTL": 60, "PTRRecords": [{"ptrdname": "host.example.com"}]},
    "SRV": {"TTL": 60, "SRVRecords": [{"priority": 1, "weight": 1, "port": 1, "target": "a.example.com"}]},
    "TXT": {"TTL": 60, "TXTRecords": [{"value": ["x"]}]},
}


@pytest.mark.parametrize("kind", BESIDE)
def test_a_cname_comes_where_others_went_and_goes_for_others(zone: ZoneUnderTest, kind: str) -> None:
    cname, other = {"TTL": 60, "CNAMERecord": {"cname": "www.example.com"}}, BESIDE[kind]
    assert zone.put("CNAME", "alias", cname).status_code == 201
    assert refusal(zone.put(kind, "Alias", other))[:2] == (409, "Conflict")
    assert zone.put("CNAME", "alias", cname).status_code == 200
    assert zone.arm("DELETE", f"{zone.path}/CNAME/ALIAS").status_code == 200
    assert zone.put(kind, "alias", other).status_code == 201
    assert refusal(zone.put("CNAME", "alias", cname))[:2] == (409, "Conflict")
    assert zone.arm("DELETE", f"{zone.path}/{kind}/alias").status_code == 200
    assert zone.put("CNAME", "alias", cname).status_code == 201


@pytest.mark.parametrize("kind", ["NS", "SOA"])
def test_the_root_sets_stay(zone: ZoneUnderTest, kind: str) -> None:
    assert refusal(zone.arm("DELETE", f"{zone.path}/{kind}/@")) == (
        400,
        "BadRequest",
        f"The {kind} record set at the root of zone '{zone.name}' cannot be deleted: it goes with its zone.",
    )


@pytest.mark.parametrize(
    ("name", "body", "code", "message"),
    [
        ("localhost", {"location": "global"}, "BadRequest", "it has 1 labels; a zone's name has 2 to 34"),
        ("a_b!.com", {"location": "global"}, "BadRequest", "the label 'a_b!'"),
        (
            "contoso.com",
            {"location": "eastus2"},
            "LocationNotAvailableForResourceType",
            "List of available regions for the resource type is 'global'.",
        ),
        (
            "contoso.com",
            {"location": "global", "properties": {"zoneType": "Private"}},
            "BadRequest",
            "Private zones are not available here.",
        ),
    ],
)
def test_refused_zones(arm: ArmCaller, group: str, name: str, body: Any, code: str, message: str) -> None:
    answer = refusal(arm("PUT", f"{group}/providers/Microsoft.Network/dnsZones/{name}", body))
    assert answer[:2] == (400, code)
    assert message in answer[2]


def test_a_zone_is_served_once(arm: ArmCaller, zone: ZoneUnderTest) -> None:
    other = f"{arm.subscription}/resourceGroups/rg-{uuid.uuid4().hex[:8]}"
    arm("PUT", other, {"location": "eastus2"})
    try:
        path = f"{other}/providers/Microsoft.Network/dnsZones/{zone.name.upper()}"
        status, code, words = refusal(arm("PUT", path, {"location": "global"}))
        assert (status, code) == (409, "Conflict")
        assert f"exists already as '{zone.path}'" in words
    finally:
        arm("DELETE", other)


def test_a_set_that_no_answer_can_hold_is_refused(zone: ZoneUnderTest) -> None:
    def properties(count: int) -> dict[str, Any]:
        records = [{"value": [f"{number:03}" + "x" * 252, *["y" * 255] * 15]} for number in range(count)]
        return {"TTL": 60, "TXTRecords": records}

    assert zone.put("TXT", "large", properties(15)).status_code == 201
    host, _, port = str(zone.arm.status.dns).rpartition(":")
    query = dns.message.make_query(f"large.{zone.name}", "TXT")
    assert len(dns.query.tcp(query, host, port=int(port), timeout=5).answer[0]) == 15
    status, code, message = refusal(zone.put("TXT", "large", properties(16)))
    assert (status, code) == (400, "BadRequest")
    assert message == (
        "The record set of type TXT takes 65728 bytes in an answer, of which at most 64512 fit: give fewer "
        "records, or shorter ones."
    )
