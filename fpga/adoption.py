"""The resources that a stack declares and the cloud has already: found by name, and brought into its state.

Azure resources come in by `pulumi import`, whose file is made here. A service comes in with the next update,
which takes over what bears the declared name; a name that was set by hand needs consent (`adopt`). Looking
changes nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from clients.azure.errors import NotFound
from fpga.project import PROJECT
from infra import catalogue, declared
from infra.settings import Settings
from infra.settings import management as management_settings
from infra.settings.account import MAX_CAPACITY
from infra.settings.reader import NAMESPACE
from infra.settings.services import KEY, DeclaredService

if TYPE_CHECKING:
    from clients.azure.cloud import Cloud
    from clients.azure.model_management import ModelManagement, Service
    from engine.plugin_notes import Note, Notes
    from fpga.stacks.clouds import StackClouds
    from infra.declared import Declared

CAPACITY: Final = "fpga-web-service:accountCapacity"
RETAIN: Final = "fpga-web-service:retainOnDelete"
_CONSENT: Final = "adopt"
# how the engine marks a secret in what it serializes (sdk/go/common/resource, SigKey and SecretSig)
_MARK: Final = "4dabf18193072939515e22adb298388d"
_OF_ENGINE: Final = "__internal"
_ENV_VAR_MAPPINGS: Final = "envVarMappings"
"""What the engine keeps of a provider beside its own inputs: ResourceOptions.env_var_mappings."""
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a kind's name


class Standing(StrEnum):
    """The standing of a declared resource: in the stack, in the cloud alone, or nowhere."""

    MANAGED = "in the stack"
    ADOPTABLE = "exists: can be adopted"
    CONTINUED = "exists: the next update takes it over"
    MISPLACED = "exists elsewhere: cannot be adopted"
    ABSENT = "not there: the next update makes it"
    OTHERS = "others': used as it is"
    LACKING = "others', and not there"


@dataclass(frozen=True)
class Finding:
    """One declared resource: its logical name, what it is called in the cloud, and how it stands.

    Attributes:
        remedy: what to do about one that is misplaced.
        is_own: whether it is known that this stack made it, whose state has lost it.
        consent: the setting by which a service is taken over; empty: it is none that has to be.
        number: the settings that keep a service's number of replicas, where none is declared.
        fpgas: how many FPGAs of the stack's own account a service is to hold, with that number.
    """

    name: str
    called: str
    standing: Standing
    remedy: str = ""
    is_own: bool = False
    consent: str = ""
    number: tuple[tuple[str, str], ...] = ()
    fpgas: int = 0


@dataclass(frozen=True)
class Survey:
    """The findings on a stack: its declared resources in the program's order, and what else there is."""

    findings: tuple[Finding, ...]
    other_services: tuple[str, ...]
    other_models: tuple[str, ...]

    def of(self, *standings: Standing) -> tuple[Finding, ...]:
        """The findings with one of these standings."""
        return tuple(one for one in self.findings if one.standing in standings)

    @property
    def foreign(self) -> bool:
        """Whether something is to be adopted that this stack did not make, in a group that is not its own.

        What is in such a group goes with it, whoever made it: most likely an earlier run of this stack, whose
        state lost it.
        """
        groups = [one for one in self.findings if one.name == catalogue.RESOURCE_GROUP.name]
        if any(one.standing is Standing.MANAGED or one.is_own for one in groups):
            return False
        return not all(one.is_own for one in self.of(Standing.ADOPTABLE))


def survey(
    stack: Settings, stack_name: str, clouds: StackClouds, deployment: Mapping[str, Any], notes: Notes
) -> Survey:
    """Looks for all that the settings declare.

    Args:
        deployment: the stack's state, as it is exported.
        notes: what was made from this machine, and by which stack.

    Raises:
        ClientError: a cloud cannot be asked, or refuses.
    """
    managed = _managed(deployment.get("resources") or ())
    findings = [_of_others(one, clouds.of(one.id)) for one in declared.existing(stack)]
    findings += [
        _azure_resource(one, clouds.of(one.id), managed, is_own=_is_made_by(stack_name, notes.get(one.id)))
        for one in declared.resources(stack)
    ]
    account_is_there = any(
        one.name == catalogue.ACCOUNT.name and one.standing not in (Standing.ABSENT, Standing.LACKING)
        for one in findings
    )
    if not account_is_there:
        return Survey((*findings, *_services(stack, stack_name, (), deployment)), (), ())
    from clients.azure.model_management import ModelManagement

    management = ModelManagement(clouds.management, declared.account_id(stack))
    there = management.services()
    services = _services(stack, stack_name, there, deployment)
    called = {one.called for one in services}
    return Survey(
        (*findings, *services),
        tuple(sorted(one.name for one in there if one.name not in called)),
        _models(management, deployment),
    )


def import_file(
    stack: Settings, stack_name: str, survey: Survey, deployment: Mapping[str, Any], version: str
) -> str:
    """The file for `pulumi import --file`: what can be adopted, the components that hold it, and the provider
    of the management server, with its secrets: the file is its owner's alone.

    Args:
        version: of the azure-native SDK: the provider that the program itself uses has it in its name.
    """
    adoptable = {one.name for one in survey.of(Standing.ADOPTABLE)}
    wanted = [one for one in declared.resources(stack) if one.name in adoptable]
    present = {_logical_name(one["urn"]): one["urn"] for one in deployment.get("resources") or ()}
    for service in stack.services:
        # the update gives it this name
        if service.takes_over and catalogue.SCORING_ENDPOINT.name in present:
            present.setdefault(service.name, present[catalogue.SCORING_ENDPOINT.name])
    components = {one.component.name: one.component.token for one in wanted if one.component.token}
    table = {name: present[name] for name in components if name in present}
    file: dict[str, Any] = {}
    if any(one.on_server for one in wanted):
        name = catalogue.MANAGEMENT_PROVIDER
        table[name] = present.get(name, _provider_urn(stack_name))
        file["providerInputs"] = {name: _provider_inputs(stack)}
    groups = [
        {"type": token, "name": name, "component": True}
        for name, token in components.items()
        if name not in present
    ]
    resources = [
        {
            "type": one.kind.token,
            "name": one.name,
            "id": one.id,
            "version": version,
        }
        | ({"parent": one.component.name} if one.component.token else {})
        | ({"provider": catalogue.MANAGEMENT_PROVIDER} if one.on_server else {})
        for one in wanted
    ]
    return json.dumps({"nameTable": table, **file, "resources": [*groups, *resources]}, indent=2)


def _provider_urn(stack_name: str) -> str:
    """The URN that the program gives the provider of the management server."""
    parent = catalogue.MODEL_MANAGEMENT.token
    name = catalogue.MANAGEMENT_PROVIDER
    return f"urn:pulumi:{stack_name}::{PROJECT}::{parent}$pulumi:providers:azure-native::{name}"


def _provider_inputs(stack: Settings) -> dict[str, Any]:
    """Its inputs, as the engine serializes a deployment's: texts, secrets with the engine's mark."""
    given = management_settings.provider_inputs(stack.management_cloud, os.environ)
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in given.items()}
    inputs: dict[str, Any] = {
        name: {_MARK: _SECRET, "plaintext": json.dumps(text)}
        if name in management_settings.SECRET_INPUTS
        else text
        for name, text in texts.items()
    }
    variables = management_settings.provider_variables(stack.management_cloud, os.environ)
    return inputs | ({_OF_ENGINE: {_ENV_VAR_MAPPINGS: variables}} if variables else {})


def settings_to_write(
    values: Collection[str], survey: Survey, capacity: int = MAX_CAPACITY
) -> dict[str, str]:
    """The settings that go with the adoption.

    What somebody else made outlives the stack, unless the stack's file says otherwise; a service whose name
    was set by hand is taken over with consent alone; and one keeps its number of replicas.

    Args:
        values: the keys that the stack's file sets.
        capacity: how many FPGAs the stack declares that its account has.
    """
    written = {}
    for one in survey.of(Standing.ADOPTABLE, Standing.CONTINUED):
        if one.consent:
            written[one.consent] = "true"
        written.update(one.number)
    wanted = sum(one.fpgas for one in survey.findings)
    if capacity < wanted <= MAX_CAPACITY and any(one.number for one in survey.findings):
        written[CAPACITY] = str(wanted)
    if survey.foreign and RETAIN not in values:
        written[RETAIN] = "true"
    return written


def _is_made_by(stack_name: str, note: Note | None) -> bool:
    return note is not None and note.is_made_by(PROJECT, stack_name)


def _azure_resource(one: Declared, cloud: Cloud, managed: Collection[str], *, is_own: bool) -> Finding:
    called = one.id.rpartition("/")[2]
    # by its id, too: the service that takes over the stack's only one of before gives all of it other names
    if one.name in managed or one.id.lower() in managed:
        return Finding(one.name, called, Standing.MANAGED)
    body = _body(one, cloud)
    if body is None:
        return Finding(one.name, called, Standing.ABSENT)
    location = str(body.get("location") or "").replace(" ", "").lower()
    if one.location is not None and location != one.location:
        return Finding(one.name, called, Standing.MISPLACED, _move(one, location))
    return Finding(one.name, called, Standing.ADOPTABLE, is_own=is_own)


def _of_others(one: Declared, cloud: Cloud) -> Finding:
    standing = Standing.LACKING if _body(one, cloud) is None else Standing.OTHERS
    return Finding(one.name, one.id.rpartition("/")[2], standing)


def _body(one: Declared, cloud: Cloud) -> Mapping[str, Any] | None:
    """What Resource Manager tells of it; None: it is not there."""
    try:
        return cloud.manage("GET", one.id, one.kind.api_version)
    except NotFound as error:
        if error.code == "SubscriptionNotFound":
            raise
        return None


def _move(one: Declared, location: str) -> str:
    there = f"it is in {location}, and the stack declares {one.location}: an update would make it anew. "
    if one.kind is catalogue.RESOURCE_GROUP:
        return (
            f"{there}`pulumi config set fpga-web-service:resourceGroupLocation {location}` declares it there"
        )
    setting = "account" if one.kind is catalogue.ACCOUNT else "storageAccount"
    return f"{there}Set fpga-web-service:{setting} to another name"


def _services(
    stack: Settings, stack_name: str, there: Collection[Service], deployment: Mapping[str, Any]
) -> list[Finding]:
    """How each declared service stands.

    Args:
        there: the account's services.
    """
    return [
        _service(service, number, stack_name, there, deployment, is_shared=stack.account.exists)
        for number, service in enumerate(stack.services)
    ]


def _service(
    service: DeclaredService,
    number: int,
    stack_name: str,
    there: Collection[Service],
    deployment: Mapping[str, Any],
    *,
    is_shared: bool,
) -> Finding:
    called = declared.service_name(service, PROJECT, stack_name)
    name = declared.logical_name(service, catalogue.SERVICE.name)
    names = {name, *([catalogue.SERVICE.name] if service.takes_over else [])}
    declared_fpgas = 0 if is_shared else service.service.fpgas
    for one in deployment.get("resources") or ():
        if _logical_name(one["urn"]) in names:
            # by the name that it has: the stack may have been renamed since
            called = one.get("outputs", {}).get("name", called)
            return Finding(name, called, Standing.MANAGED, fpgas=declared_fpgas)
    found = next((one for one in there if one.name == called), None)
    if found is None:
        return Finding(name, called, Standing.ABSENT, fpgas=declared_fpgas)
    item = f"{KEY}[{number}]." if service.name else ""
    kept = _number(service, found, f"{NAMESPACE}:{item}")
    fpgas = found.fpgas if kept and not is_shared else declared_fpgas
    # in an account of others a stack of the same name, of another state, may have made it
    if service.service.adopt or (service.service.name is None and not is_shared):
        return Finding(name, called, Standing.CONTINUED, number=kept, fpgas=fpgas)
    # in its own item: a consent outside of the list would be one to all
    consent = f"{NAMESPACE}:{item}{_CONSENT}"
    return Finding(name, called, Standing.ADOPTABLE, consent=consent, number=kept, fpgas=fpgas)


def _number(service: DeclaredService, found: Service, prefix: str) -> tuple[tuple[str, str], ...]:
    """The settings that keep the number of replicas that a service has; none where the stack declares one.

    Args:
        prefix: of the settings' names: where those of the service stand.
    """
    own = service.service
    if own.replicas > 1 or own.max_replicas is not None or found.fpgas <= 1:
        return ()
    numbers = (("replicas", found.replicas), ("maxReplicas", found.most_replicas))
    return tuple((prefix + key, str(value)) for key, value in numbers if value is not None)


def _models(management: ModelManagement, deployment: Mapping[str, Any]) -> tuple[str, ...]:
    ours = {one.get("id") for one in deployment.get("resources") or ()}
    return tuple(sorted(f"{one.id} ({one.name})" for one in management.models() if one.id not in ours))


def _managed(resources: Iterable[Mapping[str, Any]]) -> set[str]:
    """The logical names of what the state has as the stack's own, and the ids, in lower case."""
    listed = [one for one in resources if one.get("type") != catalogue.EXISTING_RESOURCE.token]
    ids = {str(one["id"]).lower() for one in listed if one.get("id")}
    return ids | {_logical_name(one["urn"]) for one in listed}


def _logical_name(urn: str) -> str:
    return urn.rpartition("::")[2]
