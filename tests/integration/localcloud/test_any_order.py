"""Creates, changes and deletions in any order, with restarts and kill -9 in between, against a model of them.

What was acknowledged is there with its content, also in lists, over DNS and for callers of services; what was
deleted is gone; what does not fit is refused as Azure refuses it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import chain
from typing import Any

import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import pytest
import requests
from azure.storage.blob import BlobServiceClient
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from localcloud.dns.records import rdatas_of
from tests.support.certificates.authority import Authority
from tests.support.examples import examples
from tests.support.localcloud import scoring_parts
from tests.support.localcloud.acknowledged import (
    Account,
    Acknowledged,
    Container,
    Group,
    RecordSet,
    Service,
    Storage,
    Zone,
    properties_of,
)
from tests.support.localcloud.arm_caller import ArmCaller, refusal
from tests.support.localcloud.data_plane import (
    FPGA,
    OFF,
    PROVIDER,
    DataPlane,
    PackageHost,
    endpoint,
    on,
    opens,
)
from tests.support.localcloud.killable import Killable, killable

MODELS, ZONES, STORAGE = PROVIDER, "Microsoft.Network/dnsZones", "Microsoft.Storage/storageAccounts"
GROUPS = st.sampled_from(["alpha", "alpha", "Alpha", "beta"])
NAMES = st.sampled_from(["one", "One", "two"])
ZONE_NAMES = st.sampled_from(["any.test", "ANY.test", "order.test"])
STORAGE_NAMES = st.sampled_from(["anyorder1", "anyorder2"])
MOMENTS = st.sampled_from([0, 2, 4, 6, 8, 10, 15, 20, 30, 50])
SSL = st.sampled_from([True, True, False, None])
LOCATIONS = st.sampled_from(["eastus2", "westus"])
TAGS = st.dictionaries(
    st.sampled_from(["a", "größe", "c d"]), st.text(st.characters(codec="utf-8"), max_size=5), max_size=2
)
TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
RECORDS: dict[str, st.SearchStrategy[list[dict[str, Any]]]] = {
    "A": st.lists(st.ip_addresses(v=4).map(lambda ip: {"ipv4Address": str(ip)}), max_size=3, unique_by=str),
    "AAAA": st.lists(
        st.ip_addresses(v=6).map(lambda ip: {"ipv6Address": str(ip)}), max_size=2, unique_by=str
    ),
    "TXT": st.lists(
        st.lists(TEXTS, min_size=1, max_size=2).map(lambda parts: {"value": parts}), max_size=2, unique_by=str
    ),
    "CNAME": st.sampled_from([[{"cname": "www.any.test"}], [{"cname": "elsewhere.test."}]]),
    "MX": st.lists(
        st.integers(0, 65535).map(lambda number: {"preference": number, "exchange": "mail.any.test"}),
        max_size=2,
        unique_by=str,
    ),
    "CAA": st.lists(
        st.sampled_from(["ca.test", ";"]).map(lambda value: {"flags": 0, "tag": "issue", "value": value}),
        max_size=2,
        unique_by=str,
    ),
}
SETS = st.sampled_from(sorted(RECORDS)).flatmap(lambda kind: st.tuples(st.just(kind), RECORDS[kind]))
RECORD_NAMES = st.sampled_from(["www", "WWW", "@", "a.b", "_x"])


class AnyOrder(RuleBasedStateMachine):
    """Calls a localcloud, and keeps the model beside it. Each example begins and ends with nothing there."""

    running: Killable
    package: str
    authority: Authority

    def __init__(self) -> None:
        super().__init__()
        self.model = Acknowledged()
        self.arm = ArmCaller(self.running.status)
        self.plane = DataPlane(self.running.status)
        self.restarts = 0

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """One of each kind, so that every step meets something."""
        for namespace in (PROVIDER, "Microsoft.Network", "Microsoft.Storage"):
            assert self.arm("POST", f"{self.arm.subscription}/providers/{namespace}/register").ok
        self.put_group("alpha", "eastus2", {"a": "b"})
        self.put_account("alpha", "one", 2, {})
        self.register_model(data, "net")
        self.create_service(data, "one", ssl=True, is_awaited=False)
        self.regenerate_keys(data, "Secondary")
        self.put_storage("alpha", "anyorder1", "eastus2", {})
        self.put_container(data, "models", "x  y")
        self.upload(data, b"of the beginning")
        self.put_zone("alpha", "any.test", {})
        self.put_records(data, "www", ("A", [{"ipv4Address": "203.0.113.7"}]), 60, if_new=True)

    def teardown(self) -> None:
        try:
            self.look_at_everything()
        finally:
            for name in list(self.model.groups):
                self.arm("DELETE", self._group(name))
            self.model.groups.clear()
        self.look_at_everything()
        self.arm.close()
        self.plane.close()

    # groups

    @rule(name=GROUPS, location=LOCATIONS, tags=TAGS)
    def put_group(self, name: str, location: str, tags: dict[str, str]) -> None:
        answer = self.arm("PUT", self._group(name), {"location": location, "tags": tags})
        known = self.model.groups.get(name.lower())
        if known is not None and known.location != location:
            _refused(answer, 409, "InvalidResourceGroupLocation")
            return
        _done(answer, 200 if known else 201)
        if known is None:
            known = self.model.groups[name.lower()] = Group(name, location, tags)
        known.tags = tags

    @rule(data=st.data())
    def delete_something(self, data: st.DataObject) -> None:
        """A group, account, storage account or zone, with all that is in it, or one that is not there."""
        group = self._any_group(data)
        there = self.model.groups.get(group.lower())
        if there is None or data.draw(st.integers(0, 4)) == 0:
            answer = self.arm("DELETE", self._group(group))
            if self._there(group, answer) is not None:
                _done(answer, 200)
                del self.model.groups[group.lower()]
            return
        kinds: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
            (MODELS + "/accounts", there.accounts, ("one", "two")),
            (STORAGE, there.storages, ("anyorder1", "anyorder2")),
            (ZONES, there.zones, ("any.test", "order.test")),
        ]
        kind, held, names = data.draw(st.sampled_from(kinds))
        name = data.draw(st.sampled_from(names))
        answer = self.arm("DELETE", self._resource(group, kind, name))
        _done(answer, 204 if held.pop(name, None) is None else 200)

    # accounts, models, services

    @rule(group=GROUPS, name=NAMES, capacity=st.integers(1, 3), tags=TAGS)
    def put_account(self, group: str, name: str, capacity: int, tags: dict[str, str]) -> None:
        body = {"location": "eastus2", "sku": {"name": "S1", "capacity": capacity}, "tags": tags}
        answer = self.arm("PUT", self._resource(group, MODELS + "/accounts", name), body)
        if (there := self._there(group, answer)) is None:
            return
        known = there.accounts.get(name.lower())
        _done(answer, 200 if known else 201)
        if known is None:
            known = there.accounts[name.lower()] = Account(name, capacity, tags)
        known.capacity, known.tags = capacity, tags

    @precondition(lambda self: any(self.model.accounts()))
    @rule(data=st.data(), name=st.sampled_from(["net", "other net"]))
    def register_model(self, data: st.DataObject, name: str) -> None:
        account = self._any_account(data)
        body = {"name": name, "mimeType": "application/zip", "url": self.package, "unpack": False}
        answer = self.plane.call("POST", "models", body)
        _done(answer, 200)
        told = answer.json()
        versions = [version for known, version in account.models.values() if known == name]
        assert told["version"] > max(versions, default=0)
        account.models[told["id"]] = (name, told["version"])

    @precondition(lambda self: any(account.models for _, account in self.model.accounts()))
    @rule(data=st.data())
    def delete_model(self, data: st.DataObject) -> None:
        account = self._any_account(data, with_models=True)
        model = data.draw(st.sampled_from(sorted(account.models)))
        answer = self.plane.call("DELETE", f"models/{model}")
        if model in account.used():
            _refused(answer, 409, "ModelInUse")
        else:
            _done(answer, 200)
            del account.models[model]

    @precondition(lambda self: any(account.models for _, account in self.model.accounts()))
    @rule(data=st.data(), name=NAMES, ssl=SSL, is_awaited=st.booleans())
    def create_service(self, data: st.DataObject, name: str, ssl: bool | None, is_awaited: bool) -> None:
        account = self._any_account(data, with_models=True)
        model = data.draw(st.sampled_from(sorted(account.models)))
        asked = FPGA | self._ssl(ssl) | {"modelId": model, "name": name}
        answer = self.plane.call("POST", "services", asked)
        if any(service.name.lower() == name.lower() for service in account.services.values()):
            _refused(answer, 409, "ServiceAlreadyExists")
        elif len(account.services) >= account.capacity:
            _refused(answer, 412, "FpgaQuotaExceeded")
        else:
            _done(answer, 202)
            service = Service(answer.json()["id"], name, model, bool(ssl))
            account.services[service.id] = service
            service.keys = self.plane.keys(service.id)
            self._follow(account, service, answer, is_awaited)

    @precondition(lambda self: any(account.standing() for _, account in self.model.accounts()))
    @rule(data=st.data(), ssl=SSL, is_awaited=st.booleans())
    def update_service(self, data: st.DataObject, ssl: bool | None, is_awaited: bool) -> None:
        account, service = self._any_service(data)
        model = data.draw(st.sampled_from(sorted(account.models)))
        self._settle(account)
        asked = FPGA | self._ssl(ssl) | {"modelId": model}
        answer = self.plane.call("PUT", f"services/{service.id}", asked)
        _done(answer, 202)
        service.model = model
        service.ssl = service.ssl if ssl is None else ssl
        self._follow(account, service, answer, is_awaited)

    @precondition(lambda self: any(account.standing() for _, account in self.model.accounts()))
    @rule(data=st.data(), kind=st.sampled_from([None, "Primary", "Secondary"]))
    def regenerate_keys(self, data: st.DataObject, kind: str | None) -> None:
        _, service = self._any_service(data)
        answer = self.plane.call("POST", f"services/{service.id}/regeneratekeys", {"keyType": kind})
        _done(answer, 200)
        told = answer.json()
        new = (told["primaryKey"], told["secondaryKey"])
        assert (new[0] == service.keys[0], new[1] == service.keys[1]) == (
            kind == "Secondary",
            kind == "Primary",
        )
        service.lost_keys |= set(service.keys) - set(new)
        service.keys = new

    @precondition(lambda self: any(account.standing() for _, account in self.model.accounts()))
    @rule(data=st.data(), is_awaited=st.booleans())
    def delete_service(self, data: st.DataObject, is_awaited: bool) -> None:
        account, service = self._any_service(data)
        answer = self.plane.call("DELETE", f"services/{service.id}")
        _done(answer, 202)
        service.is_going = True
        self._follow(account, service, answer, is_awaited)

    # storage

    @rule(group=GROUPS, name=STORAGE_NAMES, location=LOCATIONS, tags=TAGS)
    def put_storage(self, group: str, name: str, location: str, tags: dict[str, str]) -> None:
        body = {"location": location, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}, "tags": tags}
        answer = self.arm("PUT", self._resource(group, STORAGE, name), body)
        if (there := self._there(group, answer)) is None:
            return
        known = there.storages.get(name)
        if known is None and any(other.name == name for _, other in self.model.storages()):
            _refused(answer, 409, "StorageAccountAlreadyTaken")
        elif known is not None and known.location != location:
            _refused(answer, 409, "InvalidResourceLocation")
        else:
            _done(answer, 200)
            if known is None:
                known = there.storages[name] = Storage(name, location, tags, self._storage_keys(group, name))
            known.tags = tags

    @precondition(lambda self: any(self.model.storages()))
    @rule(data=st.data(), key=st.sampled_from(["key1", "key2"]))
    def regenerate_storage_key(self, data: st.DataObject, key: str) -> None:
        group, storage = data.draw(st.sampled_from(list(self.model.storages())))
        path = self._resource(group.name, STORAGE, storage.name)
        answer = self.arm("POST", f"{path}/regenerateKey", {"keyName": key})
        _done(answer, 200)
        told = {one["keyName"]: one["value"] for one in answer.json()["keys"]}
        assert {name for name in told if told[name] != storage.keys[name]} == {key}
        storage.keys = told

    @precondition(lambda self: any(self.model.storages()))
    @rule(
        data=st.data(), name=st.sampled_from(["models", "other"]), value=st.sampled_from(["", "x  y", "<&>"])
    )
    def put_container(self, data: st.DataObject, name: str, value: str) -> None:
        group, storage = data.draw(st.sampled_from(list(self.model.storages())))
        path = f"{self._resource(group.name, STORAGE, storage.name)}/blobServices/default/containers/{name}"
        answer = self.arm("PUT", path, {"properties": {"metadata": {"Said": value}}})
        _done(answer, 200 if name in storage.containers else 201)
        kept = storage.containers.setdefault(name, Container({}))
        kept.metadata = {"Said": value}

    @precondition(lambda self: any(storage.containers for _, storage in self.model.storages()))
    @rule(data=st.data(), content=st.binary(max_size=200))
    def upload(self, data: st.DataObject, content: bytes) -> None:
        _, storage = data.draw(st.sampled_from([one for one in self.model.storages() if one[1].containers]))
        name = data.draw(st.sampled_from(sorted(storage.containers)))
        with self._blobs(storage) as blobs:
            blobs.get_blob_client(name, "blob").upload_blob(content, overwrite=True)
        storage.containers[name].blobs["blob"] = content

    # zones and records

    @rule(group=GROUPS, name=ZONE_NAMES, tags=TAGS)
    def put_zone(self, group: str, name: str, tags: dict[str, str]) -> None:
        answer = self.arm("PUT", self._resource(group, ZONES, name), {"location": "global", "tags": tags})
        if (there := self._there(group, answer)) is None:
            return
        known = there.zones.get(name.lower())
        if known is None and any(other.name.lower() == name.lower() for _, other in self.model.zones()):
            _refused(answer, 409, "Conflict")
            return
        _done(answer, 200 if known else 201)
        if known is None:
            known = there.zones[name.lower()] = Zone(name, tags)
        known.tags = tags

    @precondition(lambda self: any(self.model.zones()))
    @rule(
        data=st.data(),
        name=RECORD_NAMES,
        kind_and_records=SETS,
        ttl=st.integers(1, 2**31 - 1),
        if_new=st.booleans(),
    )
    def put_records(
        self,
        data: st.DataObject,
        name: str,
        kind_and_records: tuple[str, list[dict[str, Any]]],
        ttl: int,
        if_new: bool,
    ) -> None:
        kind, records = kind_and_records
        group, zone = data.draw(st.sampled_from(list(self.model.zones())))
        headers = {"If-None-Match": "*"} if if_new else {}
        answer = self.arm(
            "PUT",
            f"{self._resource(group.name, ZONES, zone.name)}/{kind}/{name}",
            {"properties": properties_of(kind, records, ttl)},
            headers=headers,
        )
        known = zone.sets.get((kind, name.lower()))
        others = {other for other, place in zone.sets if place == name.lower() and other != kind}
        if known is not None and if_new:
            _refused(answer, 412, "PreconditionFailed")
        elif kind == "CNAME" and name == "@":
            assert answer.status_code == 400, answer.text
        elif known is None and ((others and kind == "CNAME") or "CNAME" in others):
            assert answer.status_code in (400, 409), answer.text
        else:
            _done(answer, 200 if known else 201)
            etag = answer.json()["etag"]
            assert known is None or etag != known.etag
            shown = known.name if known else name
            zone.sets[kind, name.lower()] = RecordSet(shown, ttl, records, etag)

    @precondition(lambda self: any(zone.sets for _, zone in self.model.zones()))
    @rule(data=st.data(), is_current=st.booleans())
    def delete_records(self, data: st.DataObject, is_current: bool) -> None:
        group, zone = data.draw(st.sampled_from([one for one in self.model.zones() if one[1].sets]))
        kind, name = data.draw(st.sampled_from(sorted(zone.sets)))
        path = f"{self._resource(group.name, ZONES, zone.name)}/{kind}/{name}"
        etag = zone.sets[kind, name].etag if is_current else "another"
        answer = self.arm("DELETE", path, headers={"If-Match": etag})
        if is_current:
            _done(answer, 200)
            del zone.sets[kind, name]
        else:
            _refused(answer, 412, "PreconditionFailed")

    # what happens to the process

    @precondition(lambda self: self.restarts < 3)
    @rule(is_killed=st.booleans())
    def restart(self, is_killed: bool) -> None:
        self.restarts += 1
        if is_killed:
            self.running.kill()
        else:
            self.running.stop()
        self._start_again()

    @precondition(lambda self: self.restarts < 3 and any(self.model.zones()))
    @rule(data=st.data(), ttl=st.integers(1, 1000), after_ms=MOMENTS)
    def kill_while_a_record_is_written(self, data: st.DataObject, ttl: int, after_ms: int) -> None:
        """Acknowledged, it is there; otherwise it is as it was, or whole as it was asked for."""
        group, zone = data.draw(st.sampled_from(list(self.model.zones())))
        path = f"{self._resource(group.name, ZONES, zone.name)}/TXT/killed"
        records = [{"value": [f"of {ttl}"]}]
        body = {"properties": properties_of("TXT", records, ttl)}
        answers = self._killed_while("PUT", path, body, after_ms)
        found = self.arm("GET", path)
        key = ("TXT", "killed")
        before = zone.sets.get(key)
        if answers:
            _done(answers[0], 200 if before else 201)
        if found.status_code == 404:
            assert before is None
            assert not answers
        else:
            properties = found.json()["properties"]
            asked = (ttl, records)
            told = (properties["TTL"], properties["TXTRecords"])
            assert told == asked or (
                not answers and before is not None and told == (before.ttl, before.records)
            )
            zone.sets[key] = RecordSet("killed", told[0], told[1], found.json()["etag"])
        self.look_at_everything()

    @precondition(lambda self: self.restarts < 3 and bool(self.model.groups))
    @rule(data=st.data(), after_ms=MOMENTS)
    def kill_while_a_group_is_deleted(self, data: st.DataObject, after_ms: int) -> None:
        """Acknowledged, all of it is gone; otherwise all of it is gone, or all of it is there."""
        group = self._any_group(data)
        answers = self._killed_while("DELETE", self._group(group), None, after_ms)
        found = self.arm("GET", self._group(group))
        if answers and group.lower() in self.model.groups:
            _done(answers[0], 200)
            _refused(found, 404, "ResourceGroupNotFound")
        if found.status_code == 404:
            self.model.groups.pop(group.lower(), None)
        self.look_at_everything()

    def _killed_while(self, method: str, path: str, body: object, after_ms: int) -> list[requests.Response]:
        """The answer to a request during which the process was killed, where there was one; it runs again.

        Args:
            after_ms: the moment of the kill, from the request on.
        """
        self.restarts += 1
        self.arm.token()
        answers: list[requests.Response] = []

        def ask() -> None:
            try:
                answers.append(self.arm(method, path, body))
            except requests.ConnectionError:
                return

        caller = threading.Thread(target=ask)
        caller.start()
        caller.join(after_ms / 1000)
        self.running.kill()
        caller.join()
        self._start_again(look=False)
        return answers

    def _start_again(self, *, look: bool = True) -> None:
        before = self.running.status
        after = self.running.start()
        assert (after.https, after.dns, after.blob) == (before.https, before.dns, before.blob)
        if look:
            self.look_at_everything()

    # what has to be there

    def look_at_everything(self) -> None:
        """Holds all that there is against the model, by every way on which it can be seen."""
        top = self.arm.subscription
        told = {group["name"]: group for group in self._list(f"{top}/resourceGroups")}
        assert {name: (one["location"], one["tags"]) for name, one in told.items()} == {
            group.name: (group.location, group.tags) for group in self.model.groups.values()
        }
        self._look_at_accounts()
        self._look_at_storage()
        self._look_at_zones()
        for group in self.model.groups.values():
            names = [resource["name"] for resource in self._list(f"{self._group(group.name)}/resources")]
            held = [
                [one.name for one in kind.values()] for kind in (group.accounts, group.storages, group.zones)
            ]
            assert sorted(names) == sorted(chain.from_iterable(held))

    def _look_at_accounts(self) -> None:
        listed = self._list(f"{self.arm.subscription}/providers/{MODELS}/accounts")
        assert sorted(
            (one["name"], one["sku"]["capacity"], sorted(one["tags"].items())) for one in listed
        ) == sorted((one.name, one.capacity, sorted(one.tags.items())) for _, one in self.model.accounts())
        for group, account in self.model.accounts():
            self.plane.use_account(account.name, group.name)
            self._settle(account)
            models = self.plane.call("GET", "models").json()["value"]
            assert {one["id"]: (one["name"], one["version"]) for one in models} == account.models
            services = self.plane.call("GET", "services").json()["value"]
            assert {one["id"]: (one["name"], one["modelId"], one["state"]) for one in services} == {
                one.id: (one.name, one.model, "Succeeded") for one in account.services.values()
            }
            for document in services:
                service = account.services[document["id"]]
                assert self.plane.keys(service.id) == service.keys
                assert document["sslEnabled"] == service.ssl
                where, root = endpoint(document), self.authority.root if service.ssl else None
                assert all(opens(where, root, key) for key in service.keys)
                if service.ssl and service.lost_keys:  # without SSL anyone may call
                    assert not opens(where, root, min(service.lost_keys))

    def _look_at_storage(self) -> None:
        listed = self._list(f"{self.arm.subscription}/providers/{STORAGE}")
        assert {one["name"]: (one["location"], one["tags"]) for one in listed} == {
            one.name: (one.location, one.tags) for _, one in self.model.storages()
        }
        for group, storage in self.model.storages():
            path = self._resource(group.name, STORAGE, storage.name)
            assert self._storage_keys(group.name, storage.name) == storage.keys
            containers = self._list(f"{path}/blobServices/default/containers")
            assert {one["name"]: one["properties"]["metadata"] for one in containers} == {
                name: one.metadata for name, one in storage.containers.items()
            }
            with self._blobs(storage) as blobs:
                for name, container in storage.containers.items():
                    there = {
                        one.name: blobs.get_blob_client(name, one.name).download_blob().readall()
                        for one in blobs.get_container_client(name).list_blobs()
                    }
                    assert there == container.blobs

    def _look_at_zones(self) -> None:
        listed = self._list(f"{self.arm.subscription}/providers/{ZONES}")
        assert {one["name"]: one["tags"] for one in listed} == {
            one.name: one.tags for _, one in self.model.zones()
        }
        for group, zone in self.model.zones():
            told = self._list(f"{self._resource(group.name, ZONES, zone.name)}/recordsets")
            kinds = {(one["type"].rpartition("/")[2], one["name"].lower()): one for one in told}
            assert kinds.keys() == {*zone.sets, ("NS", "@"), ("SOA", "@")}
            for (kind, name), kept in zone.sets.items():
                shown = kinds[kind, name]
                asked = properties_of(kind, kept.records, kept.ttl)
                assert {key: shown["properties"].get(key) for key in asked} == asked
                assert (shown["name"], shown["etag"]) == (kept.name, kept.etag)
                self._ask(zone, kind, name, kept)
        served = {zone.name.lower() for _, zone in self.model.zones()}
        for gone in {"any.test", "order.test"} - served:
            answer = self._query(gone, "SOA")
            assert (answer.rcode(), answer.answer) == (dns.rcode.REFUSED, [])

    def _ask(self, zone: Zone, kind: str, name: str, kept: RecordSet) -> None:
        answer = self._query(zone.name if name == "@" else f"{name}.{zone.name}", kind)
        if kept.records:  # an empty set is on no name server
            assert answer.rcode() == dns.rcode.NOERROR
        found = [one for one in answer.answer if one.rdtype == dns.rdatatype.from_text(kind)]
        assert sorted(rdata.to_text() for one in found for rdata in one) == sorted(
            rdata.to_text() for rdata in rdatas_of(kind, kept.records)
        )
        assert {one.ttl for one in found} <= {kept.ttl}

    def _query(self, name: str, kind: str) -> dns.message.Message:
        host, _, port = str(self.running.status.dns).rpartition(":")
        asked = dns.message.make_query(name, kind)
        return dns.query.udp_with_fallback(asked, host, port=int(port), timeout=10)[0]

    # the way there

    def _ssl(self, ssl: bool | None) -> dict[str, Any]:
        if ssl is None:
            return {}
        return on(self.authority) if ssl else OFF

    def _group(self, name: str) -> str:
        return f"{self.arm.subscription}/resourceGroups/{name}"

    def _resource(self, group: str, kind: str, name: str) -> str:
        return f"{self._group(group)}/providers/{kind}/{name}"

    def _there(self, name: str, answer: requests.Response) -> Group | None:
        """The group of a call; where there is none, the call was refused for that."""
        group = self.model.groups.get(name.lower())
        if group is None:
            _refused(answer, 404, "ResourceGroupNotFound")
        return group

    def _list(self, path: str) -> list[dict[str, Any]]:
        """All of a list, page by page."""
        found: list[dict[str, Any]] = []
        answer = self.arm("GET", path, query="%24top=2")
        while True:
            _done(answer, 200)
            found += answer.json()["value"]
            if (link := answer.json().get("nextLink")) is None:
                return found
            answer = self.arm("GET", link)

    def _storage_keys(self, group: str, name: str) -> dict[str, str]:
        answer = self.arm("POST", f"{self._resource(group, STORAGE, name)}/listKeys")
        _done(answer, 200)
        return {one["keyName"]: one["value"] for one in answer.json()["keys"]}

    def _blobs(self, storage: Storage) -> BlobServiceClient:
        return BlobServiceClient(
            f"{self.running.status.blob}/{storage.name}",
            credential=storage.keys["key2"],
            connection_verify=str(self.running.status.ca),
            retry_total=0,
        )

    def _any_group(self, data: st.DataObject) -> str:
        """The name of a group, in most cases of one that is there."""
        there = [group.name for group in self.model.groups.values()]
        return data.draw(st.sampled_from([*there, *there, *there, "beta", "ALPHA"]))

    def _any_account(self, data: st.DataObject, *, with_models: bool = False) -> Account:
        found = [one for one in self.model.accounts() if one[1].models or not with_models]
        group, account = data.draw(st.sampled_from(found))
        self.plane.use_account(account.name, group.name)
        self._settle(account)
        return account

    def _any_service(self, data: st.DataObject) -> tuple[Account, Service]:
        found = [one for one in self.model.accounts() if one[1].standing()]
        group, account = data.draw(st.sampled_from(found))
        self.plane.use_account(account.name, group.name)
        return account, data.draw(st.sampled_from(account.standing()))

    def _follow(
        self, account: Account, service: Service, accepted: requests.Response, is_awaited: bool
    ) -> None:
        service.operations.append(accepted.headers["Operation-Location"])
        if is_awaited:
            self._settle(account)

    def _settle(self, account: Account) -> None:
        """Waits for all that an account's services have to do; what was accepted succeeds, kill or not."""
        for service in list(account.services.values()):
            for location in service.operations:
                accepted = requests.Response()
                accepted.status_code = 202
                accepted.headers["Operation-Location"] = location
                ended = self.plane.finish(accepted)
                is_overtaken = service.is_going and location != service.operations[-1]
                assert ended["state"] == "Succeeded" or is_overtaken, ended
            service.operations.clear()
            if service.is_going:
                del account.services[service.id]


def _done(answer: requests.Response, status: int) -> None:
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"


def _refused(answer: requests.Response, status: int, code: str) -> None:
    assert refusal(answer)[:2] == (status, code), answer.text


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killable]:
    with killable(tmp_path_factory.mktemp("any-order") / "data") as found:
        yield found


def test_what_was_acknowledged_is_there_in_any_order(running: Killable) -> None:
    with PackageHost().running() as host:
        package = host.put("/c/real.zip", scoring_parts.package())
        given = {"running": running, "package": package, "authority": Authority()}
        machine = type("Machine", (AnyOrder,), given)
        wanted = examples(4, 10, suppress_health_check=list(HealthCheck))
        # Without the shrinking of what fails: each try of it would cost seconds, and there are hundreds.
        phases = (Phase.explicit, Phase.reuse, Phase.generate)
        run_state_machine_as_test(machine, settings=settings(wanted, stateful_step_count=30, phases=phases))
