"""The operations that a killed run had begun, noted in its state (`pending_operations`): settled by reading.

What is there of an Azure resource comes into the state as unfinished: the next update finishes it, and would
else be told "cannot create already existing resource". What is not there is dropped, and made by the next
update. Models and services need no such thing: they are taken over by name. In the cloud nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fpga.errors import CommandError
from fpga.stacks import backend
from fpga.stacks.clouds import StackClouds
from fpga.stacks.stack import Stack
from infra import catalogue

if TYPE_CHECKING:
    from fpga.project import Project
    from infra.declared import Declared

UNFINISHED: Final = "a run that was killed had begun it"
_CREATING: Final = "creating"
_CHANGING: Final = frozenset({"updating", "deleting"})
_OF_AZURE: Final = "azure-native:"


def settle(project: Project, stack: str, tell: Callable[[str], object]) -> bool:
    """Settles what a killed run had begun: whether there was anything.

    Args:
        tell: takes a line for each operation.

    Raises:
        CommandError: the state cannot be read or written (a run holds its lock), or changed meanwhile.
        SettingsError: the stack's settings declare nothing that could be looked for.
        ClientError: the cloud cannot be asked, or refuses.
    """
    from infra import declared, settings

    variables = backend.environment(project, stack)
    engine = Stack(project, stack, variables)
    exported = engine.exported()
    operations = exported["deployment"].get("pending_operations") or []
    if not operations:
        return False
    config, secret_keys = engine.decrypted()
    stack_settings = settings.read(config, variables, secret_keys)
    clouds = StackClouds(stack_settings, variables.get("SSL_CERT_FILE"))
    try:
        wanted = declared.resources(stack_settings)
        deployment, told = settled(exported["deployment"], wanted, partial(_read, clouds))
    finally:
        clouds.close()
    if engine.exported() != exported:
        raise CommandError(f"The state of the stack {stack} has changed meanwhile: another update runs.")
    engine.replace_state({**exported, "deployment": deployment})
    for line in told:
        tell(line)
    return True


def settled(
    deployment: Mapping[str, Any],
    declared: Iterable[Declared],
    get: Callable[[str, str], Mapping[str, Any] | None],
) -> tuple[dict[str, Any], list[str]]:
    """The deployment without pending operations, and a line on each.

    Args:
        deployment: of an export, with the resources that the state knows.
        declared: the Azure resources of the stack's settings, each with its ID.
        get: reads a path of Resource Manager in an API version; None: it is not there.
    """
    resources = [dict(one) for one in deployment.get("resources") or ()]
    by_name = {one.name: one for one in declared}
    known = {str(one.get("id", "")).lower() for one in resources}
    told = []
    for operation in deployment["pending_operations"]:
        begun = operation["resource"]
        is_of_azure = begun["type"].startswith(_OF_AZURE)
        name = begun["urn"].rpartition("::")[2]
        if is_of_azure and operation["type"] == _CREATING:
            wanted = by_name.get(name)
            if wanted is None or not _names(begun, wanted):
                told.append(
                    f"{name}: creating was under way, of one that is not declared any more: let go of"
                )
                continue
            is_ours, words = _look(wanted, begun, known, get)
            told.append(f"{name} {wanted.id.rpartition('/')[2]}: {words}")
            if is_ours:
                resources = _with(resources, begun, wanted.id)
                known.add(wanted.id.lower())
        elif is_of_azure and operation["type"] in _CHANGING:
            # whether it acted is not known: with this note the next update puts what is declared by then
            resources = [
                {**one, "initErrors": [UNFINISHED]}
                if one["urn"] == begun["urn"] and not one.get("delete")
                else one
                for one in resources
            ]
            told.append(f"{name}: {operation['type']} was under way; the next update goes on with it")
        else:
            told.append(f"{name}: {operation['type']} was under way; the next update looks for it by name")
    return {**deployment, "resources": resources, "pending_operations": []}, told


def _names(begun: Mapping[str, Any], wanted: Declared) -> bool:
    """Tells whether what was begun is what is declared by now: group and name are those of the ID."""
    inputs = begun.get("inputs") or {}
    group, name = wanted.id.split("/")[4], wanted.id.rpartition("/")[2]
    return inputs.get("resourceGroupName") == group and name in inputs.values()


def _look(
    wanted: Declared,
    begun: Mapping[str, Any],
    known: Iterable[str],
    get: Callable[[str, str], Mapping[str, Any] | None],
) -> tuple[bool, str]:
    """Whether it is there and this stack's own, and the words for it."""
    answer = get(wanted.id, wanted.kind.api_version)
    if answer is None:
        return False, "not there; the next update makes it"
    if not _is_as_begun(begun.get("inputs") or {}, answer):
        return False, "there, and not as this stack makes it: left to who made it"
    if wanted.kind is catalogue.RESOURCE_GROUP:
        inside = (get(f"{wanted.id}/resources", wanted.kind.api_version) or {}).get("value") or ()
        if any(str(one.get("id", "")).lower() not in known for one in inside):
            return False, "there, with resources of others in it: left to who made it"
    return True, "there; the next update finishes it"


def _is_as_begun(inputs: Mapping[str, Any], answer: Mapping[str, Any]) -> bool:
    """Tells what a create that was cut off has made from what was there before it: by region and tags."""
    if "location" not in inputs:
        return True
    there = answer.get("location") or inputs["location"]
    wanted, found = (str(one).replace(" ", "").lower() for one in (inputs["location"], there))
    return wanted == found and (inputs.get("tags") or {}) == (answer.get("tags") or {})


def _with(resources: list[dict[str, Any]], begun: Mapping[str, Any], identifier: str) -> list[dict[str, Any]]:
    """The resources with what was begun; what it was to replace is due to be deleted, or is gone already."""
    kept = []
    for one in resources:
        if one["urn"] != begun["urn"] or one.get("delete"):
            kept.append(one)
        elif not one.get("pendingReplacement"):
            kept.append({**one, "delete": True})
    outputs = dict(begun.get("inputs") or {})
    return [*kept, {**begun, "id": identifier, "outputs": outputs, "initErrors": [UNFINISHED]}]


def _read(clouds: StackClouds, path: str, api_version: str) -> Mapping[str, Any] | None:
    """The body of a path of Resource Manager; None: it is not there."""
    from clients.azure.errors import NotFound

    try:
        return clouds.of(path).manage("GET", path, api_version)
    except NotFound as error:
        if error.code == "SubscriptionNotFound":
            raise
        return None
