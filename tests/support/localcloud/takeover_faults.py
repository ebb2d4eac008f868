"""The faults of models and services, which are taken over by name: the table of `put_faults.py`, for these.

The localcloud is the real one, behind a server that fails as the fault says; what a dynamic provider calls is
called, and a provider that is killed is a process that is killed.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from clients.azure.cloud import Cloud
from clients.azure.errors import ClientError
from clients.azure.model_management import ModelManagement, ServiceRequest
from clients.azure.settings import AzureSettings
from clients.azure.takeover import ensure_model, ensure_service
from fpga.cloud import connection
from localcloud.server import Cloud as Server
from tests.support.engine.put_faults import FAULTS, Change, Fault, Victim
from tests.support.localcloud import scoring_parts
from tests.support.localcloud.data_plane import DataPlane, PackageHost, settings
from tests.support.localcloud.faulty_cloud import FaultyCloud
from tests.support.waiting import PATIENCE_S

KINDS: Final = ("model", "service")
_NAME: Final = "made"
_REQUESTS: Final = {
    ("model", Change.CREATE): ("POST", "/models"),
    ("model", Change.DELETE): ("DELETE", "/models/[^/]+"),
    ("service", Change.CREATE): ("POST", "/services"),
    ("service", Change.UPDATE): ("PUT", "/services/[^/]+"),
    ("service", Change.DELETE): ("DELETE", "/services/[^/]+"),
}
"""The request of each change. Nobody changes a model."""
_LOOKS: Final = {"model": "/models", "service": "/services"}
_AFTER: Final = ("GET", "/operations/[^/]+")
"""The question after the operation of a service."""


@dataclass(frozen=True)
class Case:
    """A change of a model or a service, and the fault that it meets."""

    number: int
    kind: str
    change: Change
    fault: Fault

    @property
    def account(self) -> str:
        """The account, which no other case has."""
        return f"account-{self.number}"

    @property
    def request(self) -> tuple[str, str]:
        """Method, and regular expression of the path's end, of the request that meets the fault."""
        if self.fault.at == "look":
            return "GET", _LOOKS[self.kind]
        return _AFTER if self.fault.at == "after" else _REQUESTS[self.kind, self.change]


def cases() -> list[Case]:
    """Every change with every fault of it; a provider and its engine keep nothing, whichever is killed."""
    found = [
        (kind, change, fault)
        for kind, change in _REQUESTS
        for fault in FAULTS[change]
        if fault.kills is not Victim.PLUGIN and not (fault.at == "after" and kind == "model")
    ]
    return [Case(number, *one) for number, one in enumerate(found)]


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        problem: why the next plain run did not end well; empty: it did.
    """

    case: Case
    problem: str

    @property
    def needs_a_person(self) -> bool:
        """Whether a plain run did not bring it to its end."""
        return bool(self.problem)

    def __str__(self) -> str:
        words = f"needs a person: {self.problem}" if self.problem else "ends well"
        return f"{self.case.kind:<12}{self.case.change:<8}{self.case.fault!s:<52}{words}"


@dataclass(frozen=True)
class Caller:
    """A provider's side: it can be handed to a process of its own.

    Attributes:
        made: ID of what was there before the change; empty: nothing.
    """

    settings: AzureSettings
    ca: str
    account_id: str
    package_url: str
    model_id: str
    made: str = ""

    @contextmanager
    def management(self) -> Iterator[ModelManagement]:
        """The account, signed in to."""
        with closing(Cloud(self.settings, ca_file=self.ca)) as cloud:
            yield ModelManagement(cloud, self.account_id)

    def run(self, kind: str, change: Change) -> None:
        """Carries the change out as a provider does. Raises: ClientError."""
        number = 3 if change is Change.UPDATE else 1
        request = ServiceRequest(_NAME, self.model_id, None, replicas=number)
        with self.management() as management:
            if kind == "model":
                if change is Change.CREATE:
                    ensure_model(management, _NAME, lambda: self.package_url)
                else:
                    management.delete_model(self.made)
            elif change is Change.CREATE:
                ensure_service(management, request, adopt=True)
            elif change is Change.UPDATE:
                management.update_service(self.made, request)
            else:
                management.delete_service(self.made)


def table(folder: Path, some: Sequence[Case] | None = None) -> list[Row]:
    """The rows of every case, or of some, in their order."""
    some = cases() if some is None else some
    content = scoring_parts.package(
        {
            "service_def.json": scoring_parts.definition(scoring_parts.onnx_stage()),
            "m.onnx": scoring_parts.folded_model(4),
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    with PackageHost().running() as packages, Server(settings(folder / "data")) as server:
        url = packages.put("/c/small.zip", content)
        with ThreadPoolExecutor(len(some)) as pool:
            return list(pool.map(lambda case: _row(server, folder, url, case), some))


def _row(server: Server, folder: Path, url: str, case: Case) -> Row:
    status = server.status()
    with closing(DataPlane(status)) as plane:
        plane.make_account(case.account)
        account_id, model_id = plane.account_id, plane.register(url, "kept")
    faulty = FaultyCloud(str(status.https), status.ca, folder / f"{case.number}.pem")
    with faulty.running():
        plain = connection.azure_settings(status)
        through = replace(plain, metadata_host=faulty.address.removeprefix("https://"))
        caller = Caller(through, str(faulty.trust), account_id, url, model_id)
        if case.change is not Change.CREATE:
            caller.run(case.kind, Change.CREATE)
            with caller.management() as management:
                caller = replace(caller, made=_ids(management, case.kind)[0])
        method, path = case.request
        faulty.fail(method, path, acts=case.fault.acts, status=case.fault.status)
        if case.fault.kills:
            _killed_amid(caller, case, faulty)
        else:
            try:
                caller.run(case.kind, case.change)
            except ClientError:
                pass
            else:
                return Row(case, "the fault was not met")
        faulty.mend()
        return Row(case, _problem(caller, case))


def _problem(caller: Caller, case: Case) -> str:
    """Runs the change again as the next plain run does; in words, what is wrong then."""
    try:
        caller.run(case.kind, case.change)
    except ClientError as error:
        return str(error)
    with caller.management() as management:
        found = _ids(management, case.kind)
        wanted = 0 if case.change is Change.DELETE else 1
        if len(found) != wanted:
            return f"{len(found)} are there"
        if case.kind == "service" and found:
            service = management.service(found[0])
            number = 3 if case.change is Change.UPDATE else 1
            if service is None or (service.state, service.replicas) != ("Succeeded", number):
                return f"it is {service}"
        return "another one is there" if found and caller.made not in ("", found[0]) else ""


def _ids(management: ModelManagement, kind: str) -> list[str]:
    if kind == "model":
        return [model.id for model in management.models_named(_NAME)]
    return [service.id for service in management.services_named(_NAME)]


def _killed_amid(caller: Caller, case: Case, faulty: FaultyCloud) -> None:
    process = multiprocessing.get_context("spawn").Process(target=caller.run, args=(case.kind, case.change))
    process.start()
    try:
        assert faulty.acted.wait(PATIENCE_S)
    finally:
        process.kill()
        process.join()
