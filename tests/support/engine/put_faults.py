"""The faults of a change, and how an update that met one goes on: a table, kind by kind and fault by fault.

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
from tests.support.waiting import PATIENCE_S

LOST: Final = Reply(0)
_PLUGINS: Final = 4
"""How many run side by side: each takes a bounded number of calls at a time, and outages are waited for."""


class Change(StrEnum):
    """A change of a resource."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class Victim(StrEnum):
    """The processes that a fault kills."""

    PLUGIN = "the plugin"
    ALL = "the plugin and its engine"


@dataclass(frozen=True)
class Fault:
    """A fault of a change; each is followed by an outage that lasts to the end of the run.

    Attributes:
        at: the request of the change that it meets: `look` (the GET before a create), `change` (the PUT or
            DELETE), `after` (the first GET behind it).
        acts: whether the request is carried out.
        status: of the answer; 0: the connection is cut.
        kills: who is killed while the answer is waited for.
    """

    at: str
    acts: bool
    status: int = 0
    kills: Victim | None = None

    def __str__(self) -> str:
        if self.at == "look":
            return "cut at the look before"
        acted = "acted, and" if self.acts else "before it acted,"
        if self.kills is not None:
            return f"{acted} {self.kills} killed"
        where = {"change": "", "after": " of the read after"}[self.at]
        return f"{acted} {f'{self.status}' if self.status else 'cut'}{where}"


_OF_ANY: Final = (
    Fault("change", acts=False),
    Fault("change", acts=True),
    *(Fault("change", acts=True, status=status) for status in (500, 502, 503, 504)),
    *(Fault("change", acts=acts, kills=victim) for victim in Victim for acts in (False, True)),
)
_OF_A_PUT: Final = (Fault("after", acts=True), Fault("after", acts=True, status=503))
FAULTS: Final = {
    Change.CREATE: (Fault("look", acts=False), *_OF_ANY, *_OF_A_PUT),
    Change.UPDATE: (*_OF_ANY, *_OF_A_PUT),
    Change.DELETE: _OF_ANY,
}
"""The faults that each change can meet."""

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
_TAGS: Final[Properties] = {"tags": {"changed": "yes"}}
_CHANGED: Final[dict[str, Properties]] = {
    "container": {"metadata": {"changed": "yes"}},
    "record set": {"ttl": 600},
}
"""What an update changes; tags, where nothing else is said."""


def inputs(name: str, group: str, *, changed: bool = False) -> Properties:
    """The inputs of a resource of a kind, in a group (which, of the kind group, is itself).

    Args:
        changed: as an update is to have them.
    """
    made = {"resourceGroupName": group, **_OF_KIND[name]}
    return made | _CHANGED.get(name, _TAGS) if changed else made


@dataclass
class FaultyCloud:
    """A cloud that keeps what is put, one resource a group, and fails for each group as it is told.

    Attributes:
        faults: of the next change of a group.
        out: the groups that nothing gets through to.
        kept: what is there, by group.
        puts: how many PUTs were carried out, by group.
        waiting: counts the requests whose callers are to be killed meanwhile.
        all_are_killed: set when they are.
    """

    faults: dict[str, Fault] = field(default_factory=dict)
    out: set[str] = field(default_factory=set)
    kept: dict[str, dict[str, Any]] = field(default_factory=dict)
    puts: dict[str, int] = field(default_factory=dict)
    waiting: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    all_are_killed: threading.Event = field(default_factory=threading.Event)

    def script(self, method: str, path: str) -> Reply:
        """Answers Resource Manager's calls."""
        group = path.split("/")[4]
        if group in self.out:
            return LOST
        fault = self.faults.get(group)
        at = "change" if method != "GET" else "look" if fault is None or fault.at != "after" else "after"
        if fault is None or fault.at != at or (at == "after" and group not in self.kept):
            return self._carried_out(method, path, group)
        self.faults.pop(group)
        self.out.add(group)
        if fault.acts:
            self._carried_out(method, path, group)
        if fault.kills is not None:
            self.waiting.release()
            self.all_are_killed.wait(PATIENCE_S)
        return error(fault.status, "ServiceUnavailable") if fault.status else LOST

    def _carried_out(self, method: str, path: str, group: str) -> Reply:
        if method == "GET":
            return Reply(200, self.kept[group]) if group in self.kept else error(404, "ResourceNotFound")
        if method == "DELETE":
            return Reply(200 if self.kept.pop(group, None) else 204)
        self.puts[group] = self.puts.get(group, 0) + 1
        # what services fill in by themselves, and nobody declares, is there, too
        filled_in = {"isHnsEnabled": False, "provisioningState": "Succeeded"}
        self.kept[group] = {"id": path, "name": path.rpartition("/")[2], "properties": filled_in}
        return Reply(201, self.kept[group])


@dataclass
class Resource:
    """A resource as the engine's state has it; `unfinished`: it was not brought up, and is to be updated."""

    id: str
    inputs: Properties
    outputs: Properties
    unfinished: bool = False


def up(
    running: Plugin, kind: ResourceType, wanted: Properties | None, state: Resource | None
) -> Resource | None:
    """The resource in the state after an update of the engine's: None, it is not known.

    Args:
        wanted: None: it is not declared any more.
    """
    try:
        if wanted is None:
            if state is not None:
                running.delete(kind, state.id, state.inputs)
            return None
        inputs_ = running.check(kind, wanted, state.inputs if state else None)
        if state is None:
            identifier, outputs = running.create(kind, inputs_)
            return Resource(identifier, inputs_, outputs)
        if not state.unfinished and state.inputs == inputs_:
            return state
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
class Case:
    """A change of a resource of a kind, and the fault that it meets."""

    number: int
    kind: str
    change: Change
    fault: Fault

    @property
    def group(self) -> str:
        """The resource group, which no other case has."""
        return f"rg-{self.number}"

    @property
    def before(self) -> Properties | None:
        """The inputs before the change; None: it was not there."""
        return None if self.change is Change.CREATE else inputs(self.kind, self.group)

    @property
    def wanted(self) -> Properties | None:
        """The inputs after the change; None: it is to be gone."""
        if self.change is Change.DELETE:
            return None
        return inputs(self.kind, self.group, changed=self.change is Change.UPDATE)


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        first: the state after the run that met the fault.
        ended: the state after the next plain one, the outage over.
        there: whether the cloud has it then, as it is wanted.
    """

    case: Case
    first: Resource | None
    ended: Resource | None
    there: bool

    @property
    def needs_a_person(self) -> bool:
        """Whether a plain update did not bring it to its end."""
        if self.case.change is Change.DELETE:
            return self.ended is not None or self.there
        return self.ended is None or self.ended.unfinished or not self.there

    def __str__(self) -> str:
        words = "needs a person" if self.needs_a_person else "ends well"
        return f"{self.case.kind:<12}{self.case.change:<8}{self.case.fault!s:<52}{words}"


def cases() -> list[Case]:
    """Every kind with every change and every fault of it."""
    all_of_them = [(kind, change, fault) for kind in KINDS for change in Change for fault in FAULTS[change]]
    return [Case(number, *one) for number, one in enumerate(all_of_them)]


def table(folder: Path) -> list[Row]:
    """The rows of every case, in their order."""
    told = [case for case in cases() if case.fault.kills is None]
    killed = [case for case in cases() if case.fault.kills is not None]
    parts = [told[number::_PLUGINS] for number in range(_PLUGINS)]
    with ThreadPoolExecutor(_PLUGINS) as pool:
        folders = [folder / f"outage {number}" for number in range(_PLUGINS)]
        rows = [row for some in pool.map(_with_an_outage, folders, parts) for row in some]
    for change in Change:
        for victim in Victim:
            some = [case for case in killed if case.change is change and case.fault.kills is victim]
            rows += _with_a_kill(folder / f"{change} {victim.name}", some)
    return sorted(rows, key=lambda row: row.case.number)


def _with_an_outage(folder: Path, some: Sequence[Case]) -> list[Row]:
    """The faults that the plugin lives to tell of, all at once: the outages are waited for together."""
    with faulty_cloud(folder) as (cloud, arm), plugin(arm.ca, home=folder) as running:
        running.configure(arm.settings)

        def row(case: Case) -> Row:
            kind = KINDS[case.kind]
            state = up(running, kind, case.before, None) if case.before else None
            had = cloud.puts.get(case.group, 0)
            cloud.faults[case.group] = case.fault
            first = up(running, kind, case.wanted, state)
            cloud.faults.pop(case.group, None)
            cloud.out.discard(case.group)
            ended = up(running, kind, case.wanted, first)
            return Row(case, first, ended, _is_there(cloud, case, had))

        with ThreadPoolExecutor(len(some)) as pool:
            return list(pool.map(row, some))


def _is_there(cloud: FaultyCloud, case: Case, puts: int) -> bool:
    """Whether the cloud has the resource, and was given it since so many PUTs."""
    return case.group in cloud.kept and (case.wanted is None or cloud.puts[case.group] > puts)


def _with_a_kill(folder: Path, some: Sequence[Case]) -> list[Row]:
    """The changes that a kill ends, all at once.

    Where all is killed, the state has the notes that they were begun; where the plugin is, it has none.
    """
    with faulty_cloud(folder) as (cloud, arm):
        with plugin(arm.ca, home=folder) as victim:
            victim.configure(arm.settings)
            states = {
                case.number: up(victim, KINDS[case.kind], case.before, None)
                for case in some
                if case.before is not None
            }
            puts = dict(cloud.puts)
            cloud.faults |= {case.group: case.fault for case in some}
            pool = ThreadPoolExecutor(len(some))
            begun = [
                pool.submit(up, victim, KINDS[case.kind], case.wanted, states.get(case.number))
                for case in some
            ]
            for _ in some:
                assert cloud.waiting.acquire(timeout=PATIENCE_S)
            victim.process.kill()
            victim.process.wait()
            cloud.all_are_killed.set()
            left = [one.result(PATIENCE_S) for one in begun]
            pool.shutdown()
        cloud.out.clear()
        with plugin(arm.ca, home=folder) as running:
            running.configure(arm.settings)
            rows = []
            for case, state in zip(some, left, strict=True):
                first = _settled(cloud, case, state) if case.fault.kills is Victim.ALL else state
                ended = up(running, KINDS[case.kind], case.wanted, first)
                rows.append(Row(case, first, ended, _is_there(cloud, case, puts.get(case.group, 0))))
            return rows


_NOTES: Final = {Change.CREATE: "creating", Change.UPDATE: "updating", Change.DELETE: "deleting"}


def _settled(cloud: FaultyCloud, case: Case, state: Resource | None) -> Resource | None:
    """The resource in the state once its pending operation is settled."""
    kind = KINDS[case.kind]
    begun = case.wanted or inputs(case.kind, case.group)
    known = {"urn": urn(kind), "type": kind.token, "custom": True}
    resources = []
    if state is not None:
        resources = [{**known, "id": state.id, "inputs": state.inputs, "outputs": state.outputs}]
    operation = {"resource": {**known, "inputs": begun}, "type": _NOTES[case.change]}
    deployment, _ = pending.settled(
        {"resources": resources, "pending_operations": [operation]},
        [Declared(_IN_THE_CATALOGUE[kind.token], "thing", resource_id(kind, SUBSCRIPTION, begun))],
        lambda path, _: cloud.kept.get(path.split("/")[4]),
    )
    for one in deployment["resources"]:
        return Resource(one["id"], one["inputs"], one["outputs"], unfinished=bool(one.get("initErrors")))
    return None


@contextmanager
def faulty_cloud(folder: Path) -> Iterator[tuple[FaultyCloud, Arm]]:
    """The cloud, and its address, while it runs."""
    folder.mkdir(parents=True, exist_ok=True)
    cloud = FaultyCloud()
    with scripted_arm(cloud.script, folder) as arm:
        yield cloud, arm
