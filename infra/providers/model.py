"""A model: its package uploaded to blob storage and registered with the account."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi.dynamic import CheckResult, CreateResult, DiffResult, ReadResult, Resource

from infra import catalogue
from infra.providers import ahead, engine_log
from infra.providers.base import CloudProvider, Props, changed, only, properties
from infra.settings import naming

_INPUTS = ("account_id", "storage_account_id", "container", "name", "package", "sha256")
# where the package lies on this machine, and in which container it was, makes no other model
_REPLACING = ("account_id", "name", "sha256")


class ModelProvider(CloudProvider):
    def check(self, olds: Props, news: Props) -> CheckResult:
        """The name goes on as it stands in the state: a stack that was renamed keeps its model."""
        return super().check(olds, {**news, "name": naming.kept(news["name"], olds.get("name"))})

    def diff(self, _id: str, olds: Props, news: Props) -> DiffResult:
        replaces = changed(_REPLACING, olds, news)
        # A create adopts what bears the name: made first, a replacement of the same name would adopt the one
        # to be deleted. One of another name comes first: the service runs the old one until then.
        return DiffResult(
            changes=bool(replaces), replaces=replaces, delete_before_replace="name" not in replaces
        )

    def create(self, props: Props) -> CreateResult:
        ahead.require("cloud")
        from clients.azure.blobs import Blobs
        from clients.azure.errors import ServiceError
        from clients.azure.model_management import INVALID_PACKAGE, NOT_FETCHED
        from clients.azure.takeover import ensure_model
        from infra.inputs.model_package import read
        from infra.settings.management import not_fetched
        from infra.settings.reader import absolute

        def upload() -> str:
            package = read(absolute(props["package"]))
            if package.sha256 != props["sha256"]:
                raise RuntimeError(f"{props['package']} changed since the program read it: run again")
            return blobs().upload(_blob(props), package.archive())

        def blobs() -> Blobs:
            return Blobs(self.package_cloud(), props["storage_account_id"], props["container"])

        try:
            model = ensure_model(self.management(props["account_id"]), props["name"], upload)
        except ServiceError as error:
            if error.code == INVALID_PACKAGE:  # it was uploaded, and is not registered: nothing stays of it
                blobs().delete(_blob(props))
            if error.code == NOT_FETCHED and self.packages_are_apart():
                raise RuntimeError(f"{error} {not_fetched(blobs().host)}") from None
            raise
        return CreateResult(model.id, dict(props))

    def read(self, id_: str, props: Props) -> ReadResult:
        if self.is_elsewhere(props["account_id"]):
            return ReadResult(id_, dict(props), only(_INPUTS, props))
        if self.management(props["account_id"]).model(id_) is None:
            return ReadResult(None, {})
        return ReadResult(id_, dict(props), only(_INPUTS, props))

    def delete(self, id_: str, props: Props) -> None:
        ahead.require("cloud")
        from clients.azure.blobs import Blobs
        from clients.azure.errors import Conflict, NotFound

        if self.is_elsewhere(props["account_id"]):  # the package is that of the model in its place, too
            return
        try:
            self.management(props["account_id"]).delete_model(id_)
        except Conflict:
            # as when the service has come to name it by modelId: it is whose service that is
            engine_log.warn_once(
                f"The model {id_} ({props['name']}) leaves the stack and stays with the account, and its "
                "package in the storage account: a service runs it."
            )
            return
        try:
            Blobs(self.package_cloud(), props["storage_account_id"], props["container"]).delete(_blob(props))
        except NotFound:
            return  # the storage account is gone, and the blob with it


def _blob(props: Props) -> str:
    return f"{props['name']}.zip"


@dataclass(frozen=True)
class ModelArgs:
    """Inputs of a model. `package` is a path from the project's root; `sha256` that of its content."""

    account_id: pulumi.Input[str]
    storage_account_id: pulumi.Input[str]
    container: pulumi.Input[str]
    name: str
    package: str
    sha256: str


class Model(Resource, module=catalogue.MODULE, name=catalogue.MODEL.type_name):
    """A registered model; its id is the account's id for it."""

    def __init__(self, name: str, args: ModelArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(ModelProvider(), name, properties(catalogue.MODEL, args), opts)
