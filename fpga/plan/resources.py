"""The steps of a preview gathered by resource, in an order that does not depend on the run's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fpga.plan.events import State, Step
from fpga.plan.model import Difference
from infra import catalogue
from infra.catalogue import Kind
from infra.service_names import service_of

# The engine registers what does not depend on each other in any order.
_PLACES: Final = {kind.token: place for place, kind in enumerate(catalogue.KINDS)}
# Of the several steps of a replacement the one called `replace` counts; an import that replaces, likewise.
_OPERATIONS: Final = {
    "create": "create",
    "import": "import",
    "update": "update",
    "replace": "replace",
    "create-replacement": "replace",
    "import-replacement": "replace",
    "delete": "delete",
}
_DELETED: Final = "delete-replaced"
_MADE: Final = ("create-replacement", "import-replacement")


@dataclass
class Resource:
    """A resource with what happens to it, and its states before and after.

    Attributes:
        operation: one of the plan's, or `same`.
        differences: of its inputs, before and after.
        refreshed: the refresh, which has its result; its `new` is None where the resource is gone.
        provider: URN of its provider.
        service: the logical name of its service; empty: services share it, or the one has no name.
    """

    urn: str
    type: str
    operation: str = "same"
    old: State | None = None
    new: State | None = None
    keys: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    deleted_first: bool = False
    refreshed: Step | None = None
    provider: str = ""
    service: str = ""

    @property
    def name(self) -> str:
        """The logical name."""
        return self.urn.rsplit("::", 1)[-1]

    @property
    def before(self) -> Mapping[str, Any]:
        """The inputs in the state; none where it is not there."""
        return self.old.inputs if self.old else {}

    @property
    def after(self) -> Mapping[str, Any]:
        """The inputs once the update is done; none where it is not there then."""
        return self.new.inputs if self.new and self.goes_on else {}

    @property
    def goes_on(self) -> bool:
        """Whether it is there when the update is done."""
        return self.operation not in ("delete", "forget")


def gather(steps: Iterable[Step]) -> list[Resource]:
    """The resources that the program declares by themselves: no components, no stack, no providers."""
    found: dict[str, Resource] = {}
    parents: dict[str, str] = {}
    for step in steps:
        parents[step.urn] = step.parent or parents.get(step.urn, "")
        state = step.new or step.old
        if state is None or not state.custom or step.type.startswith("pulumi:"):
            continue
        _add(found.setdefault(step.urn, Resource(step.urn, step.type)), step)
    for one in found.values():
        one.service = service_of(one.urn, parents)
    return sorted(found.values(), key=_rank)


def only(resources: Sequence[Resource], kind: Kind) -> Resource | None:
    """The resource of a kind of which the program declares one: rather one that goes on."""
    ours = [one for one in resources if one.type == kind.token]
    return next((one for one in ours if one.goes_on), ours[0] if ours else None)


def _add(resource: Resource, step: Step) -> None:
    resource.provider = step.provider or resource.provider
    if step.operation == "refresh":
        if step.done:
            resource.refreshed = step
            # a resource whose one step this is was found gone, or the preview went no further
            resource.old = resource.old or step.new
            resource.new = resource.new or step.new
        return
    if step.done:
        return
    resource.keys = resource.keys or step.keys
    if step.operation == _DELETED:
        resource.deleted_first = resource.operation == "same"
        return
    if step.operation in _MADE and resource.operation == "same" and not resource.keys:
        resource.keys = step.keys
    operation = _OPERATIONS.get(step.operation)
    if operation == "delete" and step.old is not None and step.old.retained:
        operation = "forget"
    if operation is not None:
        resource.operation = operation
    resource.old, resource.new, resource.differences = step.old, step.new, step.differences


def _rank(resource: Resource) -> tuple[int, str, str]:
    return _PLACES.get(resource.type, len(_PLACES)), resource.type, resource.urn
