"""The places that resources had in states of before, where the engine finds them: nothing is made anew."""

from __future__ import annotations

import pulumi

from infra import catalogue


def in_scoring_endpoint() -> pulumi.ResourceOptions:
    """The options of a resource that the scoring endpoint of a stack's one service held."""
    endpoint = catalogue.SCORING_ENDPOINT
    stack, project = pulumi.get_stack(), pulumi.get_project()
    parent = f"urn:pulumi:{stack}::{project}::{endpoint.token}::{endpoint.name}"
    return pulumi.ResourceOptions(aliases=[pulumi.Alias(parent=parent)])


def of_the_one_service(name: str) -> pulumi.ResourceOptions:
    """The options of what belongs to a service that was its stack's only one, and so had no name of its own.

    Args:
        name: the service's logical name now. Children that bear it had the catalogue's names, and so had the
            component itself.
    """
    prefix = f"{name}-"

    def with_alias(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if args.name == name:
            former = catalogue.SCORING_ENDPOINT.name
        elif args.name.startswith(prefix):
            former = args.name.removeprefix(prefix)
        else:
            return None
        alias = pulumi.ResourceOptions(aliases=[pulumi.Alias(name=former)])
        return pulumi.ResourceTransformationResult(args.props, pulumi.ResourceOptions.merge(args.opts, alias))

    return pulumi.ResourceOptions(transformations=[with_alias])
