"""The models of a stack's Model Management account: registered, listed and deleted without an update.

A model is called by a name and what its package's content gives: who registers the same package again finds
it, and another content is another model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fpga.errors import CommandError
from fpga.project import Project

if TYPE_CHECKING:
    from clients.azure.cloud import Cloud
    from clients.azure.model_management import Model, ModelManagement, Service
    from infra.inputs.model_package import ModelPackage

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,50}")
_DIGITS: Final = 12  # of the digest: names that a stack makes itself have 8
_OF_PUSH: Final = re.compile(rf"(.+)-[0-9a-f]{{{_DIGITS}}}")


@dataclass(frozen=True)
class Listed:
    """A model of the account.

    Attributes:
        services: those that run it, or are made with it.
        is_of_a_stack: a stack registered it, and deletes it.
    """

    model: Model
    services: tuple[Service, ...]
    is_of_a_stack: bool


@dataclass(frozen=True)
class Pushed:
    """A model that is registered; `is_new`: it was not before."""

    model: Model
    is_new: bool


@contextmanager
def of_stack(project: Project, stack: str) -> Iterator[RegisteredModels]:
    """The models of a stack's account, as the stack signs in to it.

    Raises:
        CommandError: there is no such stack, or it has no account yet.
    """
    from clients.azure.errors import NotFound
    from clients.azure.model_management import ModelManagement
    from fpga.stacks import backend
    from fpga.stacks.clouds import StackClouds
    from fpga.stacks.stack import Stack
    from infra import catalogue, declared, settings

    environment = backend.environment(project, stack)
    values, secret_keys = Stack(project, stack, environment).decrypted()
    read = settings.read(values, environment, secret_keys)
    storage = next(one for one in declared.resources(read) if one.kind is catalogue.STORAGE_ACCOUNT)
    clouds = StackClouds(read, environment.get("SSL_CERT_FILE"))
    try:
        management = ModelManagement(clouds.management, declared.account_id(read))
        packages = clouds.of(storage.id)
        are_apart = packages is not clouds.management
        names = tuple(one.name for one in read.services if one.name)
        yield RegisteredModels(management, packages, storage.id, are_apart=are_apart, services=names)
    except NotFound as error:
        raise CommandError(
            f"The stack {stack} has no account or storage yet ({error}): `pulumi up -s {stack}` makes them."
        ) from None
    finally:
        clouds.close()


class RegisteredModels:
    """The models of one account.

    Args:
        packages: the cloud of the storage account that holds the packages.
        are_apart: whether that is another one than the account's.
        services: the names of the stack's services in their list; none: it has one, without a name.
    """

    def __init__(
        self,
        management: ModelManagement,
        packages: Cloud,
        storage_account_id: str,
        *,
        are_apart: bool,
        services: tuple[str, ...] = (),
    ) -> None:
        self._management, self._are_apart, self.services = management, are_apart, services
        self._packages, self._storage = packages, storage_account_id

    def push(self, name: str, package: ModelPackage) -> Pushed:
        """Registers a package, unless the account has it.

        Raises:
            CommandError: the name is none for a model.
                The account's server has not fetched it from another cloud's storage.
            ServiceError: the account refuses it: InvalidPackage, in localcloud's words.
        """
        from clients.azure.blobs import Blobs
        from clients.azure.errors import ServiceError
        from clients.azure.model_management import INVALID_PACKAGE, NOT_FETCHED
        from clients.azure.takeover import ensure_model
        from infra.declared import CONTAINER

        if not _NAME.fullmatch(name):
            raise CommandError(
                f"--name {name}: a model's name takes 1 to 51 letters, digits, '-', '_' and '.', and starts "
                "with a letter or digit."
            )
        full = f"{name}-{package.sha256[:_DIGITS]}"
        uploaded: list[Blobs] = []

        def upload() -> str:
            uploaded.append(Blobs(self._packages, self._storage, CONTAINER))
            return uploaded[0].upload(f"{full}.zip", package.archive())

        try:
            model = ensure_model(self._management, full, upload)
        except ServiceError as error:
            if error.code in (INVALID_PACKAGE, NOT_FETCHED):
                uploaded[0].delete(f"{full}.zip")  # it is not registered: nothing stays of it
            if error.code == NOT_FETCHED and self._are_apart:
                from infra.settings.management import not_fetched

                words = not_fetched(uploaded[0].host)
                raise CommandError(f"{error} {words} Nothing stays of what was uploaded.") from None
            raise
        return Pushed(model, is_new=bool(uploaded))

    def listed(self) -> list[Listed]:
        """All of them, as the account lists them."""
        from infra.settings import naming

        services = self._management.services()
        return [
            Listed(
                model,
                tuple(service for service in services if service.model_id == model.id),
                naming.is_suffixed(model.name),
            )
            for model in self._management.models()
        ]

    def find(self, written: str) -> Listed | None:
        """The model of an id, a name, or the name that it was pushed by; None: there is none.

        Raises:
            CommandError: several are called so.
        """
        models = self.listed()
        for called in (_id, _name, _pushed_name):
            found = [one for one in models if called(one.model) == written]
            if len(found) > 1:
                told = ", ".join(f"{one.model.id} ({one.model.name})" for one in found)
                raise CommandError(f"{len(found)} models are called {written}: name one by its id: {told}.")
            if found:
                return found[0]
        return None

    def require_deletable(self, listed: Listed) -> None:
        """Refuses to delete what is in use.

        Raises:
            CommandError: a service runs it, or a stack has registered it.
        """
        model = listed.model
        if listed.services:
            raise CommandError(
                f"The model {model.name} ({model.id}) is run by {_names(listed.services)}: give these "
                "services another model first, or have them deleted with it: --force."
            )
        if listed.is_of_a_stack:
            raise CommandError(
                f"The model {model.name} ({model.id}) was registered by a stack of this program, which "
                "deletes it when it has another one, or is destroyed. Where that stack is gone: --force."
            )

    def delete(self, listed: Listed) -> None:
        """Deletes the services that run a model, the model, and its package."""
        from clients.azure.blobs import Blobs
        from clients.azure.errors import NotFound
        from infra.declared import CONTAINER

        for service in listed.services:
            self._management.delete_service(service.id)
        self._management.delete_model(listed.model.id)
        if self._management.models_named(listed.model.name):
            return  # another version, whose package this may be
        try:
            Blobs(self._packages, self._storage, CONTAINER).delete(f"{listed.model.name}.zip")
        except NotFound:
            return  # the storage account is gone, and the blob with it


def _id(model: Model) -> str:
    return model.id


def _name(model: Model) -> str:
    return model.name


def _pushed_name(model: Model) -> str | None:
    found = _OF_PUSH.fullmatch(model.name)
    return found[1] if found else None


def _names(services: Sequence[Service]) -> str:
    return ", ".join(f"{one.name} ({one.id})" for one in services)
