"""The faults of a PUT, and how an update that met one goes on: a table, kind by kind and fault by fault.

The plugin is the real process; the cloud keeps what is put, and fails as the fault says. The engine's part,
to keep a partial state and to update it, is played here by its rules (pulumi 3.250, `deploy/step.go`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import grpc
from pulumi.runtime.proto import provider_pb2, status_pb2

from engine.azure_native.translate import resource_id
from engine.azure_native.types import (
    BLOB_CONTAINER,
    GENERIC_RESOURCE,
    RECORD_SET,
    RESOURCE_GROUP,
    STORAGE_ACCOUNT,
    ZONE,
    ResourceType,
)
from engine.azure_native.values import Properties, from_struct
from fpga.stacks import pending
from infra import catalogue
from infra.declared import Declared
from tests.support.engine.plugin_process import Plugin, plugin, urn
from tests.support.engine.scripted_arm import SUBSCRIPTION, Arm, Reply, error, scripted_arm

LOST: Final = Reply(0)
PATIENCE_S: Final = 30.0


class Fault(StrEnum):
    """A fault of a PUT; each is followed by an outage that lasts to the end of the run."""

    ANSWER_LOST = "acted, and the answer is lost"
    CUT_BEFORE = "cut before it acted"
    UNAVAILABLE_AFTER = "acted, and 503"
    KILLED = "acted, and all is killed"


KINDS: Final = {
    "group": RESOURCE_GROUP,
    "zone": ZONE,
    "account": GENERIC_RESOURCE,
    "storage": STORAGE_ACCOUNT,
    "container": BLOB_CONTAINER,
    "record set": RECORD_SET,
}
"""The kinds that the program has the plugin make, by what people call them."""

_IN_THE_CATALOGUE: Final = {kind.token: kind for kind in catalogue.KINDS}
_ACCOUNT: Final = {
    "resourceProviderNamespace": "Microsoft.MachineLearningModelManagement",
    "parentResourcePath": "",
    "resourceType": "accounts",
    "resourceName": "models",
    "apiVersion": "2017-09-01-preview",
    "location": "eastus2",
    "sku": {"name": "S1", "capacity": 1},
    "properties": {"description": "ours"},
}
_OF_KIND: Final[dict[str, Properties]] = {
    "group": {"location": "eastus2"},
    "zone": {"zoneName": "contoso.test", "location": "global"},
    "account": _ACCOUNT,
    "storage": {
        "accountName": "contosomodels",
        "location": "eastus2",
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS"},
    },
    "container": {"accountName": "contosomodels", "containerName": "models"},
    "record set": {
        "zoneName": "contoso.test",
        "recordType": "A",
        "relativeRecordSetName": "www",
        "ttl": 300,
        "aRecords": [{"ipv4Address": "192.0.2.1"}],
    },
}


def inputs(name: str, group: str) -> Properties:
    """The inputs of a resource of a kind, in a group (which, of the kind group, is itself)."""
    return {"resourceGroupName": group, **_OF_KIND[name]}


@dataclass
class FaultyCloud:
    """A cloud that keeps what is put, one resource a group, and fails for each group as it is told.

    Attributes:
        faults: of the next PUT of a group.
        out: the groups that nothing gets through to.
        kept: what is there, by group.
        waiting: counts the PUTs that were carried out, and whose callers are to be killed meanwhile.
        all_are_killed: set when they are.
    """

    faults: dict[str, Fault] = field(default_factory=dict)
    out: set[str] = field(default_factory=set)
    kept: dict[str, dict[str, Any]] = field(default_factory=dict)
    waiting: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    all_are_killed: threading.Event = field(default_factory=threading.Event)

    def script(self, method: str, path: str) -> Reply:
        """Answers Resource Manager's calls."""
        group = path.split("/")[4]
        if group in self.out:
            return LOST
        if method == "GET":
            if group not in self.kept:
                return error(404, "ResourceNotFound")
            return Reply(200, self.kept[group])
        fault = self.faults.pop(group, None) if method == "PUT" else None
        if fault is not None:
            self.out.add(group)
        if fault is Fault.CUT_BEFORE:
            return LOST
        # what services fill in by themselves, and nobody declares, is there, too
        filled_in = {"isHnsEnabled": False, "provisioningState": "Succeeded"}
        self.kept[group] = {"id": path, "name": path.rpartition("/")[2], "properties": filled_in}
        if fault is Fault.UNAVAILABLE_AFTER:
            return error(503, "ServiceUnavailable")
        if fault is Fault.KILLED:
            self.waiting.release()
            self.all_are_killed.wait(PATIENCE_S)
        return LOST if fault else Reply(201, self.kept[group])


@dataclass
class Resource:
    """A resource as the engine's state has it; `unfinished`: it was not brought up, and is to be updated."""

    id: str
    inputs: Properties
    outputs: Properties
    unfinished: bool = False


def up(running: Plugin, kind: ResourceType, wanted: Properties, state: Resource | None) -> Resource | None:
    """The resource in the state after an update of the engine's: None, it is not known."""
    inputs_ = running.check(kind, wanted, state.inputs if state else None)
    try:
        if state is None:
            identifier, outputs = running.create(kind, inputs_)
            return Resource(identifier, inputs_, outputs)
        outputs = running.update(kind, state.id, state.outputs, state.inputs, inputs_)
        return Resource(state.id, inputs_, outputs)
    except grpc.RpcError as failure:
        return partial_state(failure) or state


def partial_state(failure: grpc.RpcError) -> Resource | None:
    """The resource that a failure tells of, as the provider protocol has it (`ErrorResourceInitFailed`)."""
    for entry in failure.trailing_metadata() or ():
        if entry.key == "grpc-status-details-bin":
            told = provider_pb2.ErrorResourceInitFailed()
            assert status_pb2.Status.FromString(entry.value).details[0].Unpack(told)
            assert list(told.reasons) == [failure.details()]
            return Resource(told.id, from_struct(told.inputs), from_struct(told.properties), unfinished=True)
    return None


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        first: the state after the run that met the fault.
        ended: the state after the next plain one, the outage over.
        there: what the cloud has of it then.
    """

    kind: str
    fault: Fault
    first: Resource | None
    ended: Resource | None
    there: bool

    @property
    def needs_a_person(self) -> bool:
        """Whether a plain update did not bring it to its end."""
        return self.ended is None or self.ended.unfinished or not self.there

    def __str__(self) -> str:
        return f"{self.kind:<12}{self.fault:<36}{'needs a person' if self.needs_a_person else 'ends well'}"


def table(folder: Path) -> list[Row]:
    """Every kind with every fault, in the order of the kinds."""
    rows = [*_with_an_outage(folder), *_with_a_kill(folder)]
    return sorted(rows, key=lambda row: list(KINDS).index(row.kind))


def _with_an_outage(folder: Path) -> list[Row]:
    """The faults that the plugin lives to tell of, all at once: the outages are waited for together."""
    cases = [(name, fault) for name in KINDS for fault in Fault if fault is not Fault.KILLED]
    with faulty_cloud(folder) as (cloud, arm), plugin(arm.ca) as running:
        running.configure(arm.settings)

        def row(number: int) -> Row:
            name, fault = cases[number]
            kind, group = KINDS[name], f"rg-{number}"
            cloud.faults[group] = fault
            first = up(running, kind, inputs(name, group), None)
            cloud.out.discard(group)
            ended = up(running, kind, inputs(name, group), first)
            return Row(name, fault, first, ended, group in cloud.kept)

        with ThreadPoolExecutor(len(cases)) as pool:
            return list(pool.map(row, range(len(cases))))


def _with_a_kill(folder: Path) -> list[Row]:
    """The creates that a kill ends, all at once: of them the state has the notes that they were begun."""
    groups = {name: f"rg-{name.replace(' ', '-')}" for name in KINDS}
    with faulty_cloud(folder) as (cloud, arm):
        cloud.faults |= dict.fromkeys(groups.values(), Fault.KILLED)
        with plugin(arm.ca) as victim:
            victim.configure(arm.settings)
            pool = ThreadPoolExecutor(len(KINDS))
            begun = [pool.submit(up, victim, KINDS[one], inputs(one, groups[one]), None) for one in KINDS]
            for _ in KINDS:
                assert cloud.waiting.acquire(timeout=PATIENCE_S)
            victim.process.kill()
            victim.process.wait()
            cloud.all_are_killed.set()
            assert [one.result(PATIENCE_S) for one in begun] == [None] * len(KINDS)
            pool.shutdown()
        cloud.out.clear()
        with plugin(arm.ca) as running:
            running.configure(arm.settings)
            rows = []
            for name, kind in KINDS.items():
                first = _settled(cloud, kind, inputs(name, groups[name]))
                ended = up(running, kind, inputs(name, groups[name]), first)
                rows.append(Row(name, Fault.KILLED, first, ended, groups[name] in cloud.kept))
            return rows


def _settled(cloud: FaultyCloud, kind: ResourceType, begun: Properties) -> Resource | None:
    """The resource in the state once its pending create is settled."""
    operation = {
        "resource": {"urn": urn(kind), "type": kind.token, "custom": True, "inputs": begun},
        "type": "creating",
    }
    deployment, _ = pending.settled(
        {"resources": [], "pending_operations": [operation]},
        [Declared(_IN_THE_CATALOGUE[kind.token], "thing", resource_id(kind, SUBSCRIPTION, begun))],
        lambda path, _: cloud.kept.get(path.split("/")[4]),
    )
    for one in deployment["resources"]:
        return Resource(one["id"], one["inputs"], one["outputs"], unfinished=bool(one["initErrors"]))
    return None


@contextmanager
def faulty_cloud(folder: Path) -> Iterator[tuple[FaultyCloud, Arm]]:
    """The cloud, and its address, while it runs."""
    cloud = FaultyCloud()
    with scripted_arm(cloud.script, folder) as arm:
        yield cloud, arm


def text(rows: Sequence[Row]) -> str:
    """The table for a person."""
    lost = sum(row.needs_a_person for row in rows)
    return "\n".join([*map(str, rows), f"{len(rows)} faults, {lost} need a person"])
