"""A resource of Azure that others keep: looked at, never changed and never deleted.

A stack that made it, and whose settings say by now that it is others', lets go of it: the engine finds the
resource of before by an alias, and has this one in its place, with nothing done in the cloud.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    UpdateResult,
)
from pulumi.output import Unknown

from infra import catalogue
from infra.catalogue import Kind
from infra.providers import engine_log
from infra.providers.base import CloudProvider, Props, changed, only, properties
from infra.settings import existing

_INPUTS: Final = ("resource_id", "api_version", "on_server")


class ExistingResourceProvider(CloudProvider):
    def check(self, olds: Props, news: Props) -> CheckResult:
        """One that is not there is refused at the preview."""
        result = super().check(olds, news)
        if isinstance(news["resource_id"], Unknown) or not changed(_INPUTS, olds, news):
            return result
        if self._find(news) is None:
            result.failures.append(CheckFailure("resource_id", _missing(news)))
        elif olds and "resource_id" not in olds:
            engine_log.warn_once(_let_go(news["resource_id"]))
        return result

    def diff(self, _id: str, olds: Props, news: Props) -> DiffResult:
        differs = changed(_INPUTS, olds, news)
        # replaced, what the stack itself made would be deleted
        return DiffResult(changes=bool(differs), replaces=differs if "resource_id" in olds else [])

    def create(self, props: Props) -> CreateResult:
        return CreateResult(props["resource_id"], self._seen(props))

    def update(self, _id: str, _olds: Props, news: Props) -> UpdateResult:
        return UpdateResult(self._seen(news))

    def read(self, id_: str, props: Props) -> ReadResult:
        if props["on_server"] and self.is_elsewhere(props["resource_id"]):
            return ReadResult(id_, dict(props), only(_INPUTS, props))
        found = self._find(props)
        if found is None:
            return ReadResult(None, {})
        return ReadResult(id_, {**props, **_outputs(found)}, only(_INPUTS, props))

    def delete(self, _id: str, _props: Props) -> None:
        """Deletes nothing: it is others'."""

    def _seen(self, props: Props) -> Props:
        found = self._find(props)
        if found is None:
            raise RuntimeError(_missing(props))
        return {**props, **_outputs(found)}

    def _find(self, props: Props) -> Mapping[str, Any] | None:
        """What Resource Manager tells of it; None: it is not there."""
        cloud = self.signed_in_management() if props["on_server"] else self.cloud()
        from clients.azure.errors import NotFound

        try:
            return cloud.manage("GET", props["resource_id"], props["api_version"])
        except NotFound as error:
            if error.code == "SubscriptionNotFound":
                raise
            return None


def _outputs(found: Mapping[str, Any]) -> Props:
    return {"name_servers": list((found.get("properties") or {}).get("nameServers") or ())}


def _missing(props: Props) -> str:
    return existing.of(props["resource_id"]).missing(props["resource_id"])


def _let_go(resource_id: str) -> str:
    kept = existing.of(resource_id)
    return (
        f"fpga-web-service:{kept.switch} is true: the {kept.what} that this stack made leaves the stack and "
        f"stays in the cloud. It uses {resource_id} from now on, and neither changes nor deletes it."
    )


@dataclass(frozen=True)
class ExistingResourceArgs:
    """Inputs of a resource that others keep.

    Attributes:
        resource_id: Resource Manager's ID; `api_version`: one in which it tells the resource.
        on_server: it is on the management server, where that is apart from all else.
    """

    resource_id: pulumi.Input[str]
    api_version: str
    on_server: bool = False


class ExistingResource(Resource, module=catalogue.MODULE, name=catalogue.EXISTING_RESOURCE.type_name):
    """A resource that the program uses and did not make. `name_servers` are a zone's; others have none."""

    resource_id: pulumi.Output[str]
    name_servers: pulumi.Output[Sequence[str]]

    def __init__(
        self, name: str, args: ExistingResourceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        props = properties(catalogue.EXISTING_RESOURCE, args, ["name_servers"])
        super().__init__(ExistingResourceProvider(), name, props, opts)

    @property
    def name(self) -> pulumi.Output[str]:
        """Its name in the cloud."""
        return self.resource_id.apply(lambda found: found.rpartition("/")[2])

    @property
    def group(self) -> pulumi.Output[str]:
        """The name of the resource group that it is in."""
        return self.resource_id.apply(lambda found: found.split("/")[4])


def in_place_of(made: str, kind: Kind, opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
    """The options of what others keep, in the place of what the stack would make, or has made.

    Args:
        made: the logical name of what it would make; `kind`: its kind.
        opts: those of the resource. What would be made may have had other parents: their aliases name them.
    """
    earlier = [one.parent for one in opts.aliases or () if isinstance(one, pulumi.Alias)]
    aliases = [pulumi.Alias(name=made, type_=kind.token, parent=parent) for parent in (opts.parent, *earlier)]
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(aliases=aliases))
