"""What keeps a mistake from taking away what callers depend on, as options of the resources themselves.

`protect` refuses to delete or replace what could not be made again as it was, or is what callers know: the
group (all is in it), the account (its models and services), the storage account and the container (the
packages), the zone (its name servers, which the parent's delegation names), the service (its address), its
keys, and its records. The check is among them, for it depends on all the others: a destroy takes dependents
away first, and so is refused before anything has left the stack. Models and certificates come and go in the
ordinary course of things.

`retainOnDelete` is for all: what leaves the stack, whole or in part, stays in the cloud and goes on working.
"""

from __future__ import annotations

from typing import Final

import pulumi

from infra import catalogue
from infra.settings import ProtectionSettings

_PROTECTED: Final = frozenset(kind.token for kind in catalogue.KINDS if kind.protected)


def apply(settings: ProtectionSettings) -> None:
    """Has every resource that is declared from now on get its options. Call it before the first one."""
    if not (settings.protect or settings.retain_on_delete):
        return

    def options(
        args: pulumi.ResourceTransformationArgs,
    ) -> pulumi.ResourceTransformationResult | None:
        if not isinstance(args.resource, pulumi.CustomResource):
            return None
        protection = pulumi.ResourceOptions(
            protect=True if settings.protect and args.type_ in _PROTECTED else None,
            retain_on_delete=True if settings.retain_on_delete else None,
        )
        return pulumi.ResourceTransformationResult(
            args.props, pulumi.ResourceOptions.merge(args.opts, protection)
        )

    pulumi.runtime.register_stack_transformation(options)
