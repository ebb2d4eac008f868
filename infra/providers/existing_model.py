"""A model that somebody else registered: used by its id, watched by refreshes, never deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, DiffResult, ReadResult, Resource
from pulumi.output import Unknown

from infra import catalogue
from infra.providers import engine_log
from infra.providers.base import CloudProvider, Props, changed, only, properties
from infra.settings import naming

if TYPE_CHECKING:
    from clients.azure.model_management import Model

_INPUTS = ("account_id", "model_id")


class ExistingModelProvider(CloudProvider):
    def check(self, olds: Props, news: Props) -> CheckResult:
        """An id that no model of the account has is refused at the preview."""
        result = super().check(olds, news)
        if isinstance(news["account_id"], Unknown) or not changed(_INPUTS, olds, news):
            return result
        models = self.management(news["account_id"]).models()
        model = _with_id(models, news["model_id"])
        if model is None:
            result.failures.append(CheckFailure("model_id", _missing(news["model_id"], models)))
        elif naming.is_suffixed(model.name):
            engine_log.warn_once(_OF_A_STACK.format(model.id, model.name))
        return result

    def diff(self, _id: str, olds: Props, news: Props) -> DiffResult:
        replaces = changed(_INPUTS, olds, news)
        return DiffResult(changes=bool(replaces), replaces=replaces)

    def create(self, props: Props) -> CreateResult:
        models = self.management(props["account_id"]).models()
        model = _with_id(models, props["model_id"])
        if model is None:
            raise RuntimeError(_missing(props["model_id"], models))
        return CreateResult(model.id, {**props, "name": model.name})

    def read(self, id_: str, props: Props) -> ReadResult:
        if self.is_elsewhere(props["account_id"]):
            return ReadResult(id_, dict(props), only(_INPUTS, props))
        model = self.management(props["account_id"]).model(id_)
        if model is None:
            return ReadResult(None, {})
        return ReadResult(id_, {**props, "name": model.name}, only(_INPUTS, props))

    def delete(self, _id: str, _props: Props) -> None:
        """Deletes nothing: whoever registered the model deletes it."""


_OF_A_STACK: Final = (
    "fpga-web-service:modelId {} is {}, which a stack of this program registered. If it is this stack, the "
    "model leaves it and stays with the account, for the service runs it; if it is another one, that one may "
    "delete it as soon as no service runs it."
)


def _with_id(models: Sequence[Model], id_: str) -> Model | None:
    return next((model for model in models if model.id == id_), None)


def _missing(id_: str, models: Sequence[Model]) -> str:
    there = ", ".join(f"{model.id} ({model.name})" for model in models) or "none"
    return (
        f"fpga-web-service:modelId is '{id_}': the account has no model of this id. Its models are: {there}. "
        "Set one of them, or remove modelId and set fpga-web-service:modelPackage"
    )


@dataclass(frozen=True)
class ExistingModelArgs:
    """Inputs: the account that the model is registered with, and the id that it has there."""

    account_id: pulumi.Input[str]
    model_id: str


class ExistingModel(Resource, module=catalogue.MODULE, name=catalogue.EXISTING_MODEL.type_name):
    """A model that the program uses and did not register; its id is the account's id for it."""

    def __init__(
        self, name: str, args: ExistingModelArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        props = properties(catalogue.EXISTING_MODEL, args, ["name"])
        super().__init__(ExistingModelProvider(), name, props, opts)
