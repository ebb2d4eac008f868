"""The resource verbs on ARM: create, read, update, delete, and the functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from clients.azure.errors import ClientError, NotFound
from engine.azure_native import translate
from engine.azure_native.arm import ArmClient, is_gone
from engine.azure_native.config import Configuration
from engine.azure_native.types import GENERIC_RESOURCE, STORAGE_ACCOUNT, ResourceType
from engine.azure_native.values import Properties, Secret, plain
from engine.plugin_notes import Notes

DEFAULT_TIMEOUT_S: Final = 3600.0
PROVIDERS_API_VERSION: Final = "2021-04-01"
LIST_STORAGE_ACCOUNT_KEYS: Final = "azure-native:storage:listStorageAccountKeys"
GET_CLIENT_CONFIG: Final = "azure-native:authorization:getClientConfig"


@dataclass(frozen=True)
class State:
    """A resource as it stands: ARM's id, Pulumi's outputs, and the inputs that lead to them."""

    id: str
    outputs: Properties
    inputs: Properties


class InitializationFailed(Exception):
    """The resource is there, or may be: its provisioning failed, or could not be followed to its end.

    The engine keeps the state, and updates the resource in the next run whatever its inputs.
    """

    def __init__(self, state: State, reason: str) -> None:
        super().__init__(reason)
        self.state = state


class Provider:
    """The verbs, on one configuration. A `timeout_s` of 0 is the engine's word for none given."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.arm = ArmClient(configuration)
        self.notes = Notes(configuration.home)

    def identify(self, kind: ResourceType, inputs: Properties) -> str:
        """The id of a resource that has these inputs."""
        return translate.resource_id(kind, self.configuration.azure.subscription_id, plain(inputs))

    def create(self, urn: str, kind: ResourceType, inputs: Properties, timeout_s: float) -> State:
        """Creates a resource that is not there yet, or goes on with what a plugin that was killed had begun.

        Raises:
            FileExistsError: a resource of this id exists, and no create of this URN had begun it.
            InitializationFailed: Azure accepted it, but did not bring it up; or whether it did is not known.
        """
        identifier = self.identify(kind, inputs)
        version = translate.api_version(kind, plain(inputs))
        is_there = True
        try:
            self.arm.get(identifier, version)
        except NotFound as error:
            if not is_gone(error):
                raise
            is_there = False
        if is_there:
            note = self.notes.get(identifier)
            if note is None or not (note.begun and note.made and note.urn == urn):
                raise FileExistsError(
                    f"cannot create already existing resource '{identifier}': import it "
                    f"(`pulumi import {kind.token} NAME {identifier}`), delete it, or choose another name"
                )
        # nothing is known of it but what is put
        unseen = {name: inputs[name] for name in kind.body if name in inputs}
        self.notes.begin(identifier, urn, made=True)
        try:
            return self._put(kind, identifier, version, unseen, inputs, timeout_s)
        except ClientError as error:  # a refusal
            if is_there:
                raise InitializationFailed(State(identifier, unseen, dict(inputs)), str(error)) from error
            self.notes.forget(identifier)
            raise

    def update(
        self,
        urn: str,
        kind: ResourceType,
        identifier: str,
        olds: Properties,
        inputs: Properties,
        timeout_s: float,
    ) -> State:
        """Puts the resource as the inputs have it, also where it is gone. Raises as `create`.

        Args:
            olds: outputs in the state.
        """
        version = translate.api_version(kind, plain(inputs))
        self.notes.begin(identifier, urn)
        return self._put(kind, identifier, version, olds, inputs, timeout_s)

    def read(self, kind: ResourceType, identifier: str, olds: Properties, inputs: Properties) -> State | None:
        """The resource as it stands, None if it is gone.

        Args:
            olds: outputs in the state, {} for an import.
            inputs: inputs in the state, {} for an import.

        Raises:
            ServiceError: Azure answered, but not about this resource (a 401, an unknown subscription).
            ValueError: the id is none of this type.
        """
        path = translate.path_inputs(kind, identifier)
        version = translate.api_version(kind, plain(inputs))
        if kind is GENERIC_RESOURCE and not inputs:
            version = self._newest_api_version(path)
        try:
            answer = self.arm.get(identifier, version)
        except NotFound as error:
            if is_gone(error):
                self.notes.forget(identifier)
                return None
            raise
        news = translate.outputs(kind, answer, version, inputs)
        return State(
            _id(answer, identifier), news, translate.read_inputs(kind, identifier, olds, news, inputs)
        )

    def delete(
        self, urn: str, kind: ResourceType, identifier: str, inputs: Properties, timeout_s: float
    ) -> None:
        """Deletes the resource, if it is there, to the end."""
        version = translate.api_version(kind, plain(inputs))
        # one that fails after it was sent stays noted: declared again, the resource is put again
        self.notes.begin(identifier, urn)
        try:
            self.arm.delete(identifier, version, timeout_s or DEFAULT_TIMEOUT_S)
        except ClientError as error:
            if not error.may_have_acted:
                self.notes.end(identifier)
            raise
        self.notes.forget(identifier)

    def is_in_doubt(self, identifier: str) -> bool:
        """Tells a resource to which a plugin that was killed may have done what the state does not know."""
        note = self.notes.get(identifier)
        return note is not None and note.begun

    def invoke(self, token: str, arguments: Mapping[str, Any]) -> Properties:
        """A function.

        Raises:
            LookupError: none of the known ones.
        """
        if token == GET_CLIENT_CONFIG:
            return dict(self.arm.client_config())
        if token == LIST_STORAGE_ACCOUNT_KEYS:
            subscription = self.configuration.azure.subscription_id
            account = translate.resource_id(STORAGE_ACCOUNT, subscription, plain(dict(arguments)))
            answer = self.arm.post(f"{account}/listKeys", STORAGE_ACCOUNT.api_version)
            return {"keys": Secret(answer.get("keys") or [])}
        raise LookupError(
            f"{token} is none of the functions that this stand-in for azure-native knows: "
            f"{GET_CLIENT_CONFIG}, {LIST_STORAGE_ACCOUNT_KEYS}. "
            "Install the official azure-native plugin to use it"
        )

    def _newest_api_version(self, path: Properties) -> str:
        """The newest api-version of a generic resource's type, as its resource provider lists them.

        Raises:
            ServiceError: the provider's namespace is not known.
            LookupError: it has no such type.
        """
        subscription = self.configuration.azure.subscription_id
        namespace = path["resourceProviderNamespace"]
        parents = path["parentResourcePath"].split("/")[::2] if path["parentResourcePath"] else []
        wanted = "/".join([*parents, path["resourceType"]]).lower()
        listed = self.arm.get(f"/subscriptions/{subscription}/providers/{namespace}", PROVIDERS_API_VERSION)
        for kind in listed.get("resourceTypes") or []:
            if str(kind.get("resourceType", "")).lower() == wanted and kind.get("apiVersions"):
                return str(max(kind["apiVersions"]))
        raise LookupError(f"{namespace} has no resource type {wanted}")

    def _put(
        self,
        kind: ResourceType,
        identifier: str,
        version: str,
        olds: Properties,
        inputs: Properties,
        timeout_s: float,
    ) -> State:
        try:
            first = self.arm.put(identifier, version, translate.request_body(kind, plain(inputs)))
        except ClientError as error:
            if not error.may_have_acted:
                raise
            # What may exist must be in the state: the next run puts it again, which makes it or finds it.
            raise InitializationFailed(State(identifier, dict(olds), dict(inputs)), str(error)) from error
        # From here on the resource exists, whatever comes: the state must know it.
        latest = first.body
        try:
            self.arm.finish(first, timeout_s or DEFAULT_TIMEOUT_S)
            latest = self.arm.get(identifier, version)
        except Exception as error:
            state = State(
                _id(latest, identifier), translate.outputs(kind, latest, version, inputs), dict(inputs)
            )
            raise InitializationFailed(state, str(error)) from error
        return State(_id(latest, identifier), translate.outputs(kind, latest, version, inputs), dict(inputs))


def _id(answer: Mapping[str, Any], asked: str) -> str:
    """ARM's own spelling of the id, where it is the one asked for."""
    told = str(answer.get("id") or "")
    return told if told.lower() == asked.lower() else asked
