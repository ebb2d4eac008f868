"""One of each kind of resource in a localcloud, for requests that are made up to meet something."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

import requests

from localcloud.access.roles import READER
from localcloud.status import Status
from tests.support.localcloud.arm_caller import ArmCaller
from tests.support.localcloud.data_plane import FPGA, OFF, PROVIDER, DataPlane

NAME = "standing1"
ZONE = "standing.test"
NAMESPACES = (PROVIDER, "Microsoft.Network", "Microsoft.Storage")


@dataclass
class Standing:
    """What stands, in a localcloud with all its parts.

    Args:
        package: address of a package that is served over http.

    Attributes:
        names: for each parameter in a path, values that lead somewhere.
    """

    status: Status
    package: str
    names: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.arm = ArmCaller(self.status)
        self.plane = DataPlane(self.status)
        self.plane.use_account(NAME, NAME)
        self.group = f"{self.arm.subscription}/resourceGroups/{NAME}"
        self.base = self.arm.base

    def close(self) -> None:
        """Deletes all of it."""
        self.arm("DELETE", self.group)
        self.arm.close()
        self.plane.close()

    def raise_up(self) -> None:
        """Makes what is not there: fast, where all of it is."""
        service = self.names.get("id", [""])[0]
        if not service or not self.plane.call("GET", f"services/{service}").ok:
            self._register()
            self._raise_account()
        self._put(f"{self.group}/providers/Microsoft.Network/dnsZones/{ZONE}", {"location": "global"})
        record = {"properties": {"TTL": 60, "ARecords": [{"ipv4Address": "203.0.113.7"}]}}
        self._put(f"{self.group}/providers/Microsoft.Network/dnsZones/{ZONE}/A/www", record)
        account = f"{self.group}/providers/Microsoft.Storage/storageAccounts/{NAME}"
        if not self.arm("GET", account).ok:
            storage = {"location": "eastus2", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
            self._put(account, storage)
            self._put(f"{account}/blobServices/default/containers/{NAME}", {})

    def _register(self) -> None:
        for namespace in NAMESPACES:
            self.arm("POST", f"{self.arm.subscription}/providers/{namespace}/register")

    def _raise_account(self) -> None:
        self._put(self.group, {"location": "eastus2"})
        account = {"location": "eastus2", "sku": {"name": "S1", "capacity": 16}}
        self._put(f"{self.group}/providers/{PROVIDER}/accounts/{NAME}", account)
        model = self.plane.register(self.package)
        asked = FPGA | OFF | {"modelId": model, "name": f"{NAME}-{model[:8]}"}
        accepted = self.plane.call("POST", "services", asked)
        operation = self.plane.finish(accepted)
        assert operation["state"] == "Succeeded", operation
        service = operation["resourceLocation"].rpartition("/")[2]
        self.names = {
            "subscription": [self.arm.subscription.rpartition("/")[2]],
            "tenant": [str(self.status.tenant)],
            "group": [NAME],
            "account": [NAME],
            "zone": [ZONE],
            "container": [NAME],
            "name": ["www", "@", "new", "*"],
            "namespace": list(NAMESPACES),
            "id": [service, model, operation["id"]],
            "resource": [f"Microsoft.Network/dnsZones/{ZONE}"],
            "assignment": [str(self.status.client_id), str(uuid.uuid4())],
            "definition": [READER.id],
        }

    @property
    def model(self) -> str:
        return self.names["id"][1]

    def _put(self, path: str, body: Any) -> requests.Response:
        answer = self.arm("PUT", path, body)
        assert answer.ok, answer.text
        return answer
