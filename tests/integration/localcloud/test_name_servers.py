"""The names that zones have of their server: its own, as soon as it has one."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import dns.message
import dns.query

from localcloud.server import Cloud
from localcloud.settings import Settings
from localcloud.status import Status
from tests.support.localcloud import data_plane
from tests.support.localcloud.arm_caller import ArmCaller, refusal

BEFORE = ["ns1-01.azure-dns.localhost.", "ns2-01.azure-dns.localhost."]
OTHER = "ns.elsewhere.test."


def told(status: Status, path: str) -> tuple[list[str], list[str], str]:
    """The zone's name servers by Resource Manager, by its NS records, and the first one of its SOA record."""
    with closing(ArmCaller(status)) as arm:
        zone = arm("GET", path).json()["properties"]["nameServers"]
        shown = [one["nsdname"] for one in arm("GET", f"{path}/NS/@").json()["properties"]["NSRecords"]]
    port = str(status.dns).rpartition(":")[2]
    answers = {
        kind: dns.query.udp(
            dns.message.make_query("z.test", kind), "127.0.0.1", port=int(port), timeout=5
        ).answer
        for kind in ("NS", "SOA")
    }
    assert sorted(record.to_text() for rrset in answers["NS"] for record in rrset) == sorted(shown)
    return zone, shown, answers["SOA"][0][0].to_text().split()[0]


def test_zones_name_the_server_by_its_name(tmp_path: Path) -> None:
    settings: Settings = data_plane.settings(tmp_path / "data")
    with Cloud(settings) as cloud, closing(ArmCaller(cloud)) as arm:
        group = f"{arm.subscription}/resourceGroups/names"
        arm("PUT", group, {"location": "eastus2"})
        arm("POST", f"{arm.subscription}/providers/Microsoft.Network/register")
        path = f"{group}/providers/Microsoft.Network/dnsZones/z.test"
        assert arm("PUT", path, {"location": "global"}).status_code == 201
        records = [{"nsdname": name} for name in (*BEFORE, OTHER)]
        assert (
            arm("PUT", f"{path}/NS/@", {"properties": {"TTL": 60, "NSRecords": records}}).status_code == 200
        )
        assert told(cloud.status(), path) == (BEFORE, [*BEFORE, OTHER], BEFORE[0])

    named = replace(settings, name="Models.contoso.test")
    with Cloud(named) as cloud, closing(ArmCaller(cloud)) as arm:
        server = "models.contoso.test."
        assert told(cloud.status(), path) == ([server], [server, OTHER], server)
        assert arm("PUT", path, {"location": "global", "tags": {"a": "b"}}).status_code == 200
        assert told(cloud.status(), path) == ([server], [server, OTHER], server)
        lost = arm("PUT", f"{path}/NS/@", {"properties": {"TTL": 60, "NSRecords": [{"nsdname": OTHER}]}})
        assert refusal(lost)[:2] == (400, "BadRequest")
        assert "The name servers models.contoso.test. must stay" in refusal(lost)[2]
        second = path.replace("z.test", "second.test")
        assert arm("PUT", second, {"location": "global"}).json()["properties"]["nameServers"] == [server]

    # by what callers are told of the DNS server, where that is a name; and nothing changes where nothing did
    with Cloud(replace(named, advertise_dns_host="ns1.contoso.test")) as cloud:
        first = "ns1.contoso.test."
        assert told(cloud.status(), path) == ([first], [first, OTHER], first)
    with Cloud(named) as cloud, closing(ArmCaller(cloud)) as arm:
        etag = arm("GET", path).json()["etag"]
    with Cloud(replace(named, advertise_dns_host="203.0.113.5")) as cloud, closing(ArmCaller(cloud)) as arm:
        assert arm("GET", path).json()["etag"] == etag
    with Cloud(settings) as cloud:
        assert told(cloud.status(), path)[0] == BEFORE
