"""The options of every resource of the graph, whatever component declares it: protection from mistakes, tags.

`protect` refuses to delete or replace what could not be made again as it was, or is what callers know: the
group (all is in it), the account (its models and services), the storage account and the container (the
packages), the zone (its name servers, which the parent's delegation names), the service (its address), its
keys, and its records. The check is among them, for it depends on all the others: a destroy takes dependents
away first, and so is refused before anything has left the stack. Models and certificates come and go in the
ordinary course of things. The catalogue says which kinds these are.

`retainOnDelete` is for all: what leaves the stack, whole or in part, stays in the cloud and goes on working.

`tags` are put on each kind that takes them (`infra.components.tags`).
"""

from __future__ import annotations

from typing import Final

import pulumi

from infra import catalogue
from infra.components import tags
from infra.settings import Settings

_PROTECTED: Final = frozenset(kind.token for kind in catalogue.KINDS if kind.protected)


def apply(stack: Settings) -> None:
    """Has each resource that is declared from now on get them. Call it before the first one."""
    tags_of = tags.by_token(stack.account.tags, pulumi.log.warn)

    def given(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if not isinstance(args.resource, pulumi.CustomResource):
            return None
        options = pulumi.ResourceOptions(
            protect=True if stack.protection.protect and args.type_ in _PROTECTED else None,
            retain_on_delete=True if stack.protection.retain_on_delete else None,
        )
        props = {**args.props, "tags": tags_of[args.type_]} if args.type_ in tags_of else args.props
        return pulumi.ResourceTransformationResult(props, pulumi.ResourceOptions.merge(args.opts, options))

    pulumi.runtime.register_stack_transformation(given)
