"""Record sets as Resource Manager holds them, read into DNS data."""

from __future__ import annotations

from typing import Any

import dns.name
import dns.rdata
import dns.rdatatype
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from localcloud.arm.dns.records import parse_properties
from localcloud.dns.record_types import TYPES
from localcloud.dns.records import RecordSet, rdataset_from, zone_from
from localcloud.errors import CloudError

GOOD = RecordSet("good", "A", {"TTL": 60, "ARecords": [{"ipv4Address": "192.0.2.1"}]})


def test_records_keep_their_order_and_their_ttl() -> None:
    addresses = ["192.0.2.9", "192.0.2.1", "192.0.2.5"]
    record_set = RecordSet("www", "a", {"TTL": 17, "ARecords": [{"ipv4Address": one} for one in addresses]})
    rdataset = rdataset_from(record_set)
    assert [rdata.address for rdata in rdataset] == addresses
    assert rdataset.ttl == 17
    assert rdataset.rdtype == dns.rdatatype.A


def test_a_text_of_several_parts_stays_in_parts() -> None:
    record_set = RecordSet(
        "@", "TXT", {"TTL": 1, "TXTRecords": [{"value": ["a" * 255, "b"]}, {"value": ["é"]}]}
    )
    assert [rdata.strings for rdata in rdataset_from(record_set)] == [(b"a" * 255, b"b"), ("é".encode(),)]


def test_targets_are_absolute_with_or_without_their_last_dot() -> None:
    for target in ("www.example.org", "www.example.org."):
        rdataset = rdataset_from(RecordSet("x", "CNAME", {"TTL": 1, "CNAMERecord": {"cname": target}}))
        assert rdataset[0].target == dns.name.from_text("www.example.org.")


@pytest.mark.parametrize(
    ("kind", "properties", "text"),
    [
        ("PTR", {"PTRRecords": [{"ptrdname": "www.example.org"}]}, "www.example.org."),
        (
            "SRV",
            {"SRVRecords": [{"priority": 1, "weight": 2, "port": 50051, "target": "www.example.org"}]},
            "1 2 50051 www.example.org.",
        ),
    ],
)
def test_other_records_are_read_in_their_order(kind: str, properties: dict[str, Any], text: str) -> None:
    rdataset = rdataset_from(RecordSet("x", kind, {"TTL": 1, **properties}))
    assert [rdata.to_text() for rdata in rdataset] == [text]


@pytest.mark.parametrize("absent", [{}, {"ARecords": None}, {"ARecords": []}])
def test_a_set_without_records_makes_no_node(absent: dict[str, Any]) -> None:
    zone = zone_from("contoso.com", [RecordSet("www", "A", {"TTL": 60, **absent})])
    assert list(zone.nodes) == [dns.name.from_text("contoso.com")]


def test_names_between_a_record_and_its_zone_exist() -> None:
    zone = zone_from("contoso.com", [RecordSet("a.b", "A", GOOD.properties)])
    assert sorted(str(name) for name in zone.nodes) == ["a.b.contoso.com.", "b.contoso.com.", "contoso.com."]
    assert not zone.nodes[dns.name.from_text("b.contoso.com")]


@pytest.mark.parametrize(
    "broken",
    [
        RecordSet("bad", "A", {"TTL": 60, "ARecords": [{"ipv4Address": "192.0.2.256"}]}),
        RecordSet("bad", "A", {"TTL": 60, "ARecords": [{}]}),
        RecordSet("bad", "A", {"ARecords": [{"ipv4Address": "192.0.2.1"}]}),
        RecordSet("bad", "TXT", {"TTL": 60, "TXTRecords": [{"value": ["x" * 256]}]}),
        RecordSet("bad", "CNAME", {"TTL": 60, "CNAMERecord": {"cname": "x" * 64}}),
        RecordSet("b" * 64, "A", GOOD.properties),
        RecordSet("bad", "HINFO", {"TTL": 60}),
    ],
)
def test_a_set_that_dns_cannot_express_is_left_out_and_logged(
    broken: RecordSet, caplog: pytest.LogCaptureFixture
) -> None:
    zone = zone_from("contoso.com", [broken, GOOD])
    assert [str(name) for name in zone.nodes] == ["contoso.com.", "good.contoso.com."]
    assert f"{broken.type} {broken.name} of zone contoso.com is not served" in caplog.text


TEXTS = st.text(max_size=300)
# what is drawn for a field, by its name: as likely to be taken as to be refused
VALUES = {
    "ipv4Address": st.ip_addresses(v=4).map(str) | TEXTS,
    "ipv6Address": st.ip_addresses(v=6).map(str) | st.just("fe80::1%eth0"),
    "tag": st.sampled_from(["issue", "iodef", "x" * 15, "x" * 16, "", "a-b", "é"]),
    "value": TEXTS | st.lists(TEXTS, max_size=20),
}
NAMES = st.sampled_from([".", "a", "a.b.", "_x._tcp.y", "x" * 63, "x" * 64, "a..b", "é", ".".join("a" * 130)])
NUMBERS = st.sampled_from([0, 1, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32, -1, 0.5, True])


@given(kind=st.sampled_from(sorted(TYPES)), data=st.data())
def test_all_that_resource_manager_takes_is_served(kind: str, data: st.DataObject) -> None:
    """No check of the API is laxer than DNS: a record that is taken has a wire form, and it is read back."""
    shape = TYPES[kind]
    record = {
        one.name: data.draw(VALUES.get(one.name, NAMES if one.rdata is dns.name.from_text else NUMBERS))
        for one in shape.fields
    }
    assume(not any(one.problem(record[one.name]) for one in shape.fields))
    records: Any = record if shape.single else [record]
    try:
        taken = parse_properties(kind, {"properties": {"TTL": 60, shape.property: records}})
    except CloudError:
        raise AssertionError("each of its fields is taken") from None

    (rdata,) = rdataset_from(RecordSet("x", kind, taken))

    wire = rdata.to_wire()
    read: Any = dns.rdata.from_wire("IN", kind, wire, 0, len(wire))
    assert read == rdata
