"""The settings of a model: the package that is registered, or one that is registered already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from infra.settings import naming
from infra.settings.kinds import nothing_there, text
from infra.settings.reader import Named, absolute
from infra.settings.table import Setting, When


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """The model.

    Attributes:
        name: what its physical name starts with.
        package: the package's path as it is configured; `path` is absolute. Empty where `id` is set.
        id: of a model that is registered already, by somebody else; None: the program registers the package.
    """

    package: Annotated[
        str,
        Setting(
            "modelPackage",
            text(),
            "The model package: a folder or zip with a service_def.json; relative to the checkout",
            required=When("modelId", ("",)),
            missing="it is the path of the folder or zip that holds service_def.json",
        ),
    ] = ""
    name: Annotated[
        str, Setting("modelName", text(naming.base_problem), "What the model's name starts with")
    ] = "model"
    id: Annotated[
        str | None,
        Setting(
            "modelId", text(), "Id of a model that somebody else has registered, in modelPackage's place"
        ),
    ] = None

    @property
    def path(self) -> Path:
        return absolute(self.package)


def contradictions(settings: ModelSettings, named: Named) -> Iterator[tuple[str, str]]:
    """The settings that do not go together: the key of each, and what is wrong with it."""
    if settings.id is not None and settings.package:
        yield (
            "modelId",
            "and modelPackage are both set: the one names a model that is registered already, the other one "
            "a package that the program registers. Remove one of them "
            f"(`pulumi config rm {named('modelId')}`)",
        )
    elif settings.package and (problem := nothing_there(settings.package)):
        yield "modelPackage", f"{problem}; `fpga model build` makes .local/model-package"
