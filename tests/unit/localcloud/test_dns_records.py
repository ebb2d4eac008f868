"""Record sets as Resource Manager holds them, read into DNS data."""

from __future__ import annotations

from typing import Any

import dns.name
import dns.rdatatype
import pytest

from localcloud.dns.records import RecordSet, rdataset_from, zone_from

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
