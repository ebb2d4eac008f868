"""Kinds of writes at a localcloud: each knows how to write one more, and how to read all of them back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import dns.message
import dns.query
import dns.rdatatype
import requests
from azure.core.exceptions import AzureError
from azure.storage.blob import BlobServiceClient

from localcloud.status import Status
from surroundings.https import azure_transport
from tests.support.certificates.authority import Authority
from tests.support.localcloud import scoring_parts
from tests.support.localcloud.data_plane import FPGA, OFF, DataPlane, PackageHost, endpoint, on, opens
from tests.support.waiting import wait_until
from tools.chaos.ledger import ABSENT, Anything, Ledger

ZONE: Final = "kept.test"
STORAGE: Final = "chaosstorage"
KEYED: Final = "keyed"
NO_ANSWER: Final = (requests.RequestException, AzureError)
"""Errors of a call that was not answered; any other one is an answer that says no."""


class RefusedError(Exception):
    """An answer that says no where it should not."""


@dataclass(frozen=True)
class Scene:
    """All that the writes need, made once; it lives longer than the localcloud's processes."""

    authority: Authority
    packages: PackageHost
    package_url: str

    @staticmethod
    @contextmanager
    def made() -> Iterator[Scene]:
        """The scene, whose package is a small one."""
        content = scoring_parts.package(
            {
                "service_def.json": scoring_parts.definition(scoring_parts.onnx_stage()),
                "m.onnx": scoring_parts.folded_model(4),
            }
        )
        with PackageHost().running() as packages:
            yield Scene(Authority(), packages, packages.put("/c/small.zip", content))

    def furnish_at(self, status: Status) -> None:
        """Furnishes a new localcloud that runs."""
        with closing(DataPlane(status)) as plane:
            self.furnish(plane)

    def furnish(self, plane: DataPlane) -> None:
        """Makes in a new localcloud what the writes are below."""
        plane.make_account()
        group = f"/subscriptions/{plane.subscription}/resourceGroups/group/providers"
        plane.arm("PUT", f"{group}/Microsoft.Network/dnsZones/{ZONE}", {"location": "global"})
        storage = f"{group}/Microsoft.Storage/storageAccounts/{STORAGE}"
        body = {"location": "eastus2", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
        plane.arm("PUT", storage, body)
        plane.arm("PUT", f"{storage}/blobServices/default/containers/models", {"properties": {}})
        model_id = plane.register(self.package_url, "kept")
        plane.deploy(model_id, KEYED, **on(self.authority))


class Kind:
    """One kind of writes, by a caller of its own.

    Attributes:
        ledger: what it wrote.
        acknowledged: how many of its writes were acknowledged when it was last asked.
    """

    name = ""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.ledger = Ledger(self.name)
        self.acknowledged = 0
        self.number = 0
        self._random = random.Random(self.name)  # noqa: S311 - an attack that can be repeated
        self._plane: DataPlane | None = None

    @property
    def plane(self) -> DataPlane:
        assert self._plane is not None  # noqa: S101 - `meet` was called
        return self._plane

    def meet(self, status: Status) -> None:
        """Goes on with the localcloud's next process."""
        self.close()
        self._plane = DataPlane(status)

    def close(self) -> None:
        """Lets go of its connections."""
        if self._plane is not None:
            self._plane.close()
            self._plane = None

    def write(self) -> None:
        """Writes one more thing, or deletes one.

        Raises:
            RefusedError: it was refused; any of `NO_ANSWER`: there was no answer.
        """
        self.number += 1
        known = sorted(self.ledger.known())
        if known and self._random.random() < len(known) / (2 * self.most):
            self.delete(self._random.choice(known))
        else:
            self.put()

    most = 30
    """About how many things there are at a time."""

    def put(self) -> None:
        raise NotImplementedError

    def delete(self, name: str) -> None:
        raise NotImplementedError

    def found(self) -> dict[str, object]:
        """What there is now, by name."""
        raise NotImplementedError

    def check(self) -> None:
        """Compares what there is with what was acknowledged."""
        self.ledger.compare(self.found())

    def some(self) -> str:
        """A name, of one that is there or not."""
        return f"{self.name[:1]}{self._random.randrange(2 * self.most)}"

    def arm(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """A call below the subscription that must be taken."""
        address = f"{self.plane.host}/subscriptions/{self.plane.subscription}{path}"
        answer = self.plane.call(method, address, body, **{"api-version": "2018-05-01"})
        return _taken(answer)

    def listed(self, path: str) -> list[dict[str, Any]]:
        """A list with all its pages."""
        page = self.arm("GET", path)
        items: list[dict[str, Any]] = page["value"]
        while next_link := page.get("nextLink"):
            page = _taken(self.plane.follow(next_link))
            items += page["value"]
        return items


def _taken(answer: requests.Response) -> dict[str, Any]:
    if not answer.ok:
        raise RefusedError(
            f"{answer.request.method} {answer.request.path_url}: {answer.status_code} {answer.text}"
        )
    body: dict[str, Any] = answer.json() if answer.content else {}
    return body


class Groups(Kind):
    name = "groups"

    def put(self) -> None:
        value = str(self.number)
        body = {"location": "eastus2", "tags": {"n": value}}
        name = self.some()
        self.ledger.write(name, value, lambda: self.arm("PUT", f"/resourceGroups/{name}", body))

    def delete(self, name: str) -> None:
        self.ledger.write(name, ABSENT, lambda: self.arm("DELETE", f"/resourceGroups/{name}"))

    def found(self) -> dict[str, object]:
        return {one["name"]: one["tags"]["n"] for one in self.listed("/resourceGroups") if one.get("tags")}


_ZONES: Final = "/resourceGroups/group/providers/Microsoft.Network/dnsZones"


class Zones(Kind):
    name = "zones"

    def put(self) -> None:
        name, value = f"{self.some()}.test", str(self.number)
        body = {"location": "global", "tags": {"n": value}}
        self.ledger.write(name, value, lambda: self.arm("PUT", f"{_ZONES}/{name}", body))

    def delete(self, name: str) -> None:
        self.ledger.write(name, ABSENT, lambda: self.arm("DELETE", f"{_ZONES}/{name}"))

    def found(self) -> dict[str, object]:
        return {one["name"]: one["tags"]["n"] for one in self.listed(_ZONES) if one.get("tags")}


class Records(Kind):
    """Record sets, as Resource Manager lists them and as the DNS server answers for three of them."""

    name = "records"

    def put(self) -> None:
        name, value = self.some(), f"10.{self.number >> 16}.{self.number >> 8 & 255}.{self.number & 255}"
        body = {"properties": {"TTL": 60, "ARecords": [{"ipv4Address": value}]}}
        self.ledger.write(name, value, lambda: self.arm("PUT", f"{_ZONES}/{ZONE}/A/{name}", body))

    def delete(self, name: str) -> None:
        self.ledger.write(name, ABSENT, lambda: self.arm("DELETE", f"{_ZONES}/{ZONE}/A/{name}"))

    def meet(self, status: Status) -> None:
        super().meet(status)
        host, _, port = str(status.dns).rpartition(":")
        self._server = host, int(port)

    def found(self) -> dict[str, object]:
        found: dict[str, object] = {
            one["name"]: one["properties"]["ARecords"][0]["ipv4Address"]
            for one in self.listed(f"{_ZONES}/{ZONE}/A")
        }
        for name in self._random.sample(sorted(found), min(3, len(found))):
            answered = self._answered(name)
            if answered != found[name]:
                found[name] = f"{found[name]}, and DNS answers {answered}"
        return found

    def _answered(self, name: str) -> str:
        query = dns.message.make_query(f"{name}.{ZONE}", dns.rdatatype.A)
        host, port = self._server
        answer = dns.query.udp(query, host, timeout=5, port=port).answer
        return str(answer[0][0]) if answer else "nothing"


_PROVIDERS: Final = "/resourceGroups/group/providers"


class Accounts(Kind):
    """Model Management accounts."""

    name = "accounts"
    most = 6
    _all = f"{_PROVIDERS}/Microsoft.MachineLearningModelManagement/accounts"

    def put(self) -> None:
        name, value = self.some(), str(self.number)
        body = {"location": "eastus2", "sku": {"name": "S1", "capacity": 1}, "tags": {"n": value}}
        self.ledger.write(name, value, lambda: self.arm("PUT", f"{self._all}/{name}", body))

    def delete(self, name: str) -> None:
        self.ledger.write(name, ABSENT, lambda: self.arm("DELETE", f"{self._all}/{name}"))

    def found(self) -> dict[str, object]:
        return {one["name"]: one["tags"]["n"] for one in self.listed(self._all) if one.get("tags")}


class StorageAccounts(Kind):
    name = "storage accounts"
    most = 4
    _all = f"{_PROVIDERS}/Microsoft.Storage/storageAccounts"

    def put(self) -> None:
        name, value = f"chaos{self.some()}", str(self.number)
        body = {
            "location": "eastus2",
            "kind": "StorageV2",
            "sku": {"name": "Standard_LRS"},
            "tags": {"n": value},
        }
        self.ledger.write(name, value, lambda: self.arm("PUT", f"{self._all}/{name}", body))

    def delete(self, name: str) -> None:
        self.ledger.write(name, ABSENT, lambda: self.arm("DELETE", f"{self._all}/{name}"))

    def found(self) -> dict[str, object]:
        return {one["name"]: one["tags"]["n"] for one in self.listed(self._all) if one.get("tags")}


class Blobs(Kind):
    name = "blobs"
    most = 10

    def meet(self, status: Status) -> None:
        super().meet(status)
        storage = f"/resourceGroups/group/providers/Microsoft.Storage/storageAccounts/{STORAGE}"
        key = self.arm("POST", f"{storage}/listKeys")["keys"][0]["value"]
        transport = azure_transport(str(status.ca))
        transport.connection_config.timeout, transport.connection_config.read_timeout = 10, 30
        self._client = BlobServiceClient(
            f"{status.blob}/{STORAGE}", credential=key, transport=transport, retry_total=0
        )
        self._container = self._client.get_container_client("models")

    def close(self) -> None:
        super().close()
        if hasattr(self, "_client"):
            self._client.close()

    def put(self) -> None:
        name, value = self.some(), f"{self.number}-" * self._random.randrange(1, 20_000)
        self.ledger.write(name, hash(value), lambda: self._container.upload_blob(name, value, overwrite=True))

    def delete(self, name: str) -> None:
        self.ledger.write(name, ABSENT, lambda: self._container.delete_blob(name))

    def found(self) -> dict[str, object]:
        return {
            name: hash(self._container.download_blob(name).readall().decode())
            for name in self._container.list_blob_names()
        }


class Models(Kind):
    """Models, each under a name of its own, with their packages."""

    name = "models"
    most = 8

    def put(self) -> None:
        name = f"m{self.number}"
        body = {"name": name, "mimeType": "application/zip", "url": self.scene.package_url, "unpack": False}
        self.ledger.write(name, "registered", lambda: _taken(self.plane.call("POST", "models", body)))

    def delete(self, name: str) -> None:
        (model_id,) = [one["id"] for one in self._listed() if one["name"] == name]
        act = lambda: _taken(self.plane.call("DELETE", f"models/{model_id}"))  # noqa: E731
        self.ledger.write(name, ABSENT, act)

    def found(self) -> dict[str, object]:
        return {one["name"]: "registered" for one in self._listed() if one["name"] != "kept"}

    def _listed(self) -> list[dict[str, Any]]:
        listed = _taken(self.plane.call("GET", "models"))
        items: list[dict[str, Any]] = listed["value"]
        while next_link := listed.get("nextLink"):
            listed = _taken(self.plane.follow(next_link))
            items += listed["value"]
        return items


class Services(Kind):
    """Services, of one model: accepted ones are made, deleted ones go, and each answers."""

    name = "services"
    most = 4

    @cached_property
    def _model_id(self) -> str:
        (kept,) = [one for one in _taken(self.plane.call("GET", "models"))["value"] if one["name"] == "kept"]
        model_id: str = kept["id"]
        return model_id

    def put(self) -> None:
        name = f"s{self.number}"
        body = FPGA | OFF | {"modelId": self._model_id, "name": name}
        self.ledger.write(name, "answers", lambda: _taken(self.plane.call("POST", "services", body)))

    def delete(self, name: str) -> None:
        (service_id,) = [one["id"] for one in self._listed() if one["name"] == name]
        act = lambda: _taken(self.plane.call("DELETE", f"services/{service_id}"))  # noqa: E731
        self.ledger.write(name, ABSENT, act)

    def found(self) -> dict[str, object]:
        """What there is once what was accepted has come to its end."""
        wait_until(self._has_settled)
        return {one["name"]: _answering(one) for one in self._listed()}

    def _has_settled(self) -> bool:
        listed = self._listed()
        if any(one["state"] not in ("Succeeded", "Failed") for one in listed):
            return False
        return {one["name"] for one in listed}.isdisjoint(self.ledger.deleted())

    def _listed(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = _taken(self.plane.call("GET", "services"))["value"]
        return [one for one in listed if one["name"] != KEYED]


def _answering(service: dict[str, Any]) -> str:
    if service["state"] != "Succeeded":
        return f"{service['state']}: {service.get('error')}"
    return "answers" if opens(endpoint(service), None, None) else "refuses"


class Keys(Kind):
    """The keys of one service, made anew: the last ones open it, and those before them do not."""

    name = "key regenerations"
    most = 1
    _earlier: tuple[str, str] | None = None

    def put(self) -> None:
        self._earlier = self.plane.keys(self._service["id"])
        self.ledger.write(KEYED, Anything(), self._regenerated)

    def meet(self, status: Status) -> None:
        super().meet(status)
        (service,) = [
            one for one in _taken(self.plane.call("GET", "services"))["value"] if one["name"] == KEYED
        ]
        self._service = service
        self._earlier = None

    def delete(self, _name: str) -> None:
        self.put()  # they are made anew, and never go

    def _regenerated(self) -> tuple[str, str]:
        keys = _taken(self.plane.call("POST", f"services/{self._service['id']}/regeneratekeys"))
        return keys["primaryKey"], keys["secondaryKey"]

    def found(self) -> dict[str, object]:
        keys = self.plane.keys(self._service["id"])
        root, where = self.scene.authority.root, endpoint(self._service)
        if not all(opens(where, root, key) for key in keys):
            return {KEYED: "a service that its keys do not open"}
        if self._earlier is not None and any(opens(where, root, key) for key in {*self._earlier} - {*keys}):
            return {KEYED: "a service that keys of before open"}
        return {KEYED: keys}


KINDS: Final[tuple[type[Kind], ...]] = (Groups, Zones, Records, Blobs, Models, Services, Keys)
