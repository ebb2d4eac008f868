"""TXT records in a zone of a real Resource Manager: ours come and go, those of others stay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from clients.azure.cloud import Cloud
from clients.azure.dns_records import API_VERSION, TxtRecords
from clients.azure.errors import DeadlineExceeded, NobodyToAsk, NotFound, ServiceError
from clients.azure.operations import Waiter
from clients.dns.zone import wait_for_txt
from localcloud.server import Cloud as Server
from tests.support.localcloud.deployed_service import settings_of

GROUP, ZONE, NAME = "records", "records.test", "_acme-challenge.www"


@dataclass(frozen=True)
class Zone:
    """A zone, and a Resource Manager that has it."""

    client: Cloud
    id: str

    def values(self) -> list[str] | None:
        """What the set has; None: there is no set."""
        try:
            found = self.client.manage("GET", f"{self.id}/TXT/{NAME}", API_VERSION)
        except NotFound:
            return None
        return ["".join(record["value"]) for record in found["properties"]["TXTRecords"]]

    def write(self, *values: str) -> None:
        """As somebody else does."""
        body = {"properties": {"TTL": 60, "TXTRecords": [{"value": [value]} for value in values]}}
        self.client.manage("PUT", f"{self.id}/TXT/{NAME}", API_VERSION, body)


@pytest.fixture
def zone(cloud: Server) -> Iterator[Zone]:
    client = Cloud(settings_of(cloud), ca_file=str(cloud.status().ca))
    subscription = f"/subscriptions/{cloud.status().subscription}"
    group = f"{subscription}/resourceGroups/{GROUP}"
    client.manage("POST", f"{subscription}/providers/Microsoft.Network/register", "2021-04-01")
    client.manage("PUT", group, "2021-04-01", {"location": "eastus2"})
    made = Zone(client, f"{group}/providers/Microsoft.Network/dnsZones/{ZONE}")
    client.manage("PUT", made.id, API_VERSION, {"location": "global"})
    yield made
    client.manage("DELETE", group, "2021-04-01")
    client.close()


def test_a_value_comes_and_goes_with_its_set(zone: Zone) -> None:
    records = TxtRecords(zone.client, zone.id, "acme-1")

    records.put(NAME, "first")
    assert zone.values() == ["first"]
    records.put(NAME, "second")
    assert zone.values() == ["second"]
    records.remove(NAME)
    assert zone.values() is None
    records.remove(NAME)


def test_values_of_one_name_come_and_go_together(zone: Zone) -> None:
    """A name and the wildcard below it are proved at one place."""
    zone.write("of-others")
    records = TxtRecords(zone.client, zone.id, "acme-1")

    records.put(NAME, "first", "second")
    assert zone.values() == ["of-others", "first", "second"]
    records.put(NAME, "third", "second")
    assert zone.values() == ["of-others", "third", "second"]
    TxtRecords(zone.client, zone.id, "acme-1").remove(NAME)
    assert zone.values() == ["of-others"]


def test_what_another_run_of_the_same_owner_left_is_removed(zone: Zone) -> None:
    TxtRecords(zone.client, zone.id, "acme-1").put(NAME, "of-a-run-that-died")

    TxtRecords(zone.client, zone.id, "acme-1").remove(NAME)

    assert zone.values() is None


def test_what_an_owner_has_in_a_zone_is_found_on_every_page(zone: Zone) -> None:
    ours, theirs = (TxtRecords(zone.client, zone.id, owner) for owner in ("acme-1", "acme-2"))
    zone.write("of-others")
    names = [f"_acme-challenge.n{number:03}" for number in range(105)]  # a page has 100
    for name in names:
        ours.put(name, "ours")
    theirs.put("_acme-challenge.n000", "theirs")

    assert sorted(ours.ours()) == names
    assert theirs.ours() == ["_acme-challenge.n000"]
    ours.remove(names[-1])
    assert sorted(ours.ours()) == names[:-1]
    assert TxtRecords(zone.client, zone.id.replace(ZONE, "gone.test"), "acme-1").ours() == []


def test_what_others_have_there_stays(zone: Zone) -> None:
    zone.write("of-others")
    ours = TxtRecords(zone.client, zone.id, "acme-1")
    theirs = TxtRecords(zone.client, zone.id, "acme-2")

    ours.remove(NAME)
    ours.put(NAME, "ours")
    theirs.put(NAME, "theirs")
    assert zone.values() == ["of-others", "ours", "theirs"]
    ours.remove(NAME)
    assert zone.values() == ["of-others", "theirs"]
    theirs.remove(NAME)
    assert zone.values() == ["of-others"]


class Interrupted(Cloud):
    """Somebody else writes right before each of the first `times` writes."""

    zone: Zone
    times: int

    def manage(self, method: str, *arguments: Any, **options: Any) -> Any:
        if method == "PUT" and self.times:
            self.times -= 1
            self.zone.write(f"of-others-{self.times}")
        return super().manage(method, *arguments, **options)


@pytest.mark.parametrize(("times", "succeeds"), [(4, True), (5, False)])
def test_a_write_between_reading_and_writing_is_seen(
    cloud: Server, zone: Zone, times: int, succeeds: bool
) -> None:
    client = Interrupted(settings_of(cloud), ca_file=str(cloud.status().ca))
    client.zone, client.times = zone, times
    records = TxtRecords(client, zone.id, "acme-1")

    if succeeds:
        records.put(NAME, "ours")
        assert zone.values() == ["of-others-0", "ours"]
    else:
        with pytest.raises(ServiceError, match="PreconditionFailed") as caught:
            records.put(NAME, "ours")
        assert caught.value.status == 412
        assert zone.values() == ["of-others-0"]
    client.close()


def test_every_server_must_answer_the_value(cloud: Server, zone: Zone) -> None:
    server, name = str(cloud.status().dns), f"{NAME}.{ZONE}"
    pauses: list[float] = []
    told: list[str] = []
    waiter = Waiter(clock=lambda: sum(pauses), sleep=pauses.append)
    TxtRecords(zone.client, zone.id, "acme-1").put(NAME, "ours")

    wait_for_txt(name, "ours", [server, server], deadline_s=1, waiter=waiter)
    assert pauses == []
    with pytest.raises(DeadlineExceeded) as caught:
        wait_for_txt(name, "another", [server], deadline_s=3, waiter=waiter, tell=told.append)

    with pytest.raises(NobodyToAsk, match=f"the TXT record of {name} cannot be looked up"):
        wait_for_txt(name, "ours", [], deadline_s=1, waiter=waiter)

    seen = f"TXT ours at the name server {server}"
    longer = "(fpga-web-service:acmeTimeout can be longer)"
    assert str(caught.value) == f"the TXT record of {name}: not done within 3 s; last seen: {seen} {longer}"
    assert set(told) == {f"Waiting for the TXT record of {name}; seen: {seen}"}
