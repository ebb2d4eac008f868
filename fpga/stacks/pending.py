"""The operations that a killed run had begun, noted in its state (`pending_operations`): settled by reading.

What is there of an Azure resource comes into the state as unfinished: the next update finishes it, and would
else be told "cannot create already existing resource". What is not there is dropped, and made by the next
update. Models and services need no such thing: they are taken over by name. In the cloud nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from engine.azure_native import translate, types
from engine.azure_native.types import RESOURCE_GROUP, ResourceType
from fpga.errors import CommandError
from fpga.stacks import backend, state_account
from fpga.stacks.stack import Stack

if TYPE_CHECKING:
    from clients.azure.cloud import Cloud
    from fpga.project import Project

UNFINISHED: Final = "a run that was killed had begun it"
_CREATING: Final = "creating"
_CHANGING: Final = frozenset({"updating", "deleting"})


def settle(project: Project, stack: str, tell: Callable[[str], object]) -> bool:
    """Settles what a killed run had begun: whether there was anything.

    Args:
        tell: takes a line for each operation.

    Raises:
        CommandError: the state cannot be read or written (a run holds its lock), or changed meanwhile.
        ClientError: the cloud cannot be asked, or refuses.
    """
    variables = backend.environment(project, stack)
    engine = Stack(project, stack, variables)
    exported = engine.exported()
    operations = exported["deployment"].get("pending_operations") or []
    if not operations:
        return False
    config, _ = engine.decrypted()
    reader = _Reader(lambda: state_account.connect(config, variables, ca_file=variables.get("SSL_CERT_FILE")))
    try:
        subscription = state_account.subscription(config, variables)
        deployment, told = settled(exported["deployment"], subscription, reader.get)
    finally:
        reader.close()
    if engine.exported() != exported:
        raise CommandError(f"The state of the stack {stack} has changed meanwhile: another update runs.")
    engine.replace_state({**exported, "deployment": deployment})
    for line in told:
        tell(line)
    return True


def settled(
    deployment: Mapping[str, Any], subscription: str, get: Callable[[str, str], Mapping[str, Any] | None]
) -> tuple[dict[str, Any], list[str]]:
    """The deployment without pending operations, and a line on each.

    Args:
        deployment: of an export, with the resources that the state knows.
        get: reads a path of Resource Manager in an API version; None: it is not there.
    """
    resources = [dict(one) for one in deployment.get("resources") or ()]
    known = {str(one.get("id", "")).lower() for one in resources}
    told = []
    for operation in deployment["pending_operations"]:
        begun = operation["resource"]
        kind = types.TYPES.get(begun["type"])
        name = begun["urn"].rpartition("::")[2]
        if kind is not None and operation["type"] == _CREATING:
            found = _look(kind, begun, subscription, known, get)
            told.append(f"{name} {found.called}: {found.words}")
            if found.id:
                resources = _with(resources, begun, kind, found.id)
                known.add(found.id.lower())
        elif kind is not None and operation["type"] in _CHANGING:
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


@dataclass(frozen=True)
class _Found:
    """What there is of a resource whose create was begun; `id` is empty where nothing of ours is there."""

    called: str
    words: str
    id: str = ""


def _look(
    kind: ResourceType,
    begun: Mapping[str, Any],
    subscription: str,
    known: Iterable[str],
    get: Callable[[str, str], Mapping[str, Any] | None],
) -> _Found:
    inputs = begun.get("inputs") or {}
    identifier = translate.resource_id(kind, subscription, inputs)
    called = identifier.rpartition("/")[2]
    answer = get(identifier, translate.api_version(kind, inputs))
    if answer is None:
        return _Found(called, "not there; the next update makes it")
    if not _is_as_begun(inputs, answer):
        return _Found(called, "there, and not as this stack makes it: left to who made it")
    if kind is RESOURCE_GROUP:
        inside = (get(f"{identifier}/resources", kind.api_version) or {}).get("value") or ()
        if any(str(one.get("id", "")).lower() not in known for one in inside):
            return _Found(called, "there, with resources of others in it: left to who made it")
    return _Found(called, "there; the next update finishes it", identifier)


def _is_as_begun(inputs: Mapping[str, Any], answer: Mapping[str, Any]) -> bool:
    """Tells what a create that was cut off has made from what was there before it: by region and tags."""
    if "location" in inputs and answer.get("location"):
        wanted, there = (translate.normalized_location(str(one["location"])) for one in (inputs, answer))
        if wanted != there:
            return False
    return "location" not in inputs or (inputs.get("tags") or {}) == (answer.get("tags") or {})


def _with(
    resources: list[dict[str, Any]], begun: Mapping[str, Any], kind: ResourceType, identifier: str
) -> list[dict[str, Any]]:
    """The resources with what was begun; what it was to replace is due to be deleted, or is gone already."""
    kept = []
    for one in resources:
        if one["urn"] != begun["urn"] or one.get("delete"):
            kept.append(one)
        elif not one.get("pendingReplacement"):
            kept.append({**one, "delete": True})
    inputs = begun.get("inputs") or {}
    outputs = {name: inputs[name] for name in kind.body if name in inputs}
    return [*kept, {**begun, "id": identifier, "outputs": outputs, "initErrors": [UNFINISHED]}]


class _Reader:
    """A reader of Resource Manager that signs in when it is first asked."""

    def __init__(self, connect: Callable[[], Cloud]) -> None:
        self._connect = connect
        self._cloud: Cloud | None = None

    def get(self, path: str, api_version: str) -> Mapping[str, Any] | None:
        """A path's body; None: it is not there."""
        from clients.azure.errors import NotFound
        from engine.azure_native.arm import is_gone

        self._cloud = self._cloud or self._connect()
        try:
            return self._cloud.manage("GET", path, api_version)
        except NotFound as error:
            if is_gone(error):
                return None
            raise

    def close(self) -> None:
        """Ends its connections."""
        if self._cloud is not None:
            self._cloud.close()
