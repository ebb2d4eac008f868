"""The pack as the engine knows it: each rule as a policy, what the engine hands over as plain data."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    PolicyConfigSchema,
    PolicyPack,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from infra.service_names import service_of
from policy import stack
from policy.rules import RESOURCE_RULES, STACK_RULES
from policy.rules.rule import UNKNOWN, Context, Resource, ResourceRule, StackRule, unversioned

NAME = "fpga-web-service"
Policy = ResourceValidationPolicy | StackValidationPolicy


def serve() -> None:
    """Serves the rules on a port that is told on stdout, until the engine ends this process."""
    stack.listen()
    PolicyPack(NAME, [*policies()])


def policies() -> list[Policy]:
    """Each rule as a policy; all are mandatory: what breaks one is neither previewed as good nor done."""
    return [
        *(
            ResourceValidationPolicy(validate=_resource_validation(rule), **_described(rule))
            for rule in RESOURCE_RULES
        ),
        *(
            StackValidationPolicy(validate=_stack_validation(rule), **_described(rule))
            for rule in STACK_RULES
        ),
    ]


def _described(rule: ResourceRule | StackRule) -> dict[str, Any]:
    schema = PolicyConfigSchema({name: dict(one) for name, one in rule.settings.items()})
    return {
        "name": rule.name,
        "description": rule.description,
        "enforcement_level": EnforcementLevel.MANDATORY,
        "config_schema": schema if rule.settings else None,
    }


def _resource_validation(rule: ResourceRule) -> Callable[[ResourceValidationArgs, ReportViolation], None]:
    def validate(args: ResourceValidationArgs, report_violation: ReportViolation) -> None:
        if unversioned(args.resource_type) not in rule.types:
            return
        resource = _resource(args, {args.urn: args.opts.parent or ""})
        for message in rule.check(resource, _context(args.get_config())):
            report_violation(_named(message, resource.service), args.urn)

    return validate


def _stack_validation(rule: StackRule) -> Callable[[StackValidationArgs, ReportViolation], None]:
    def validate(args: StackValidationArgs, report_violation: ReportViolation) -> None:
        parents = {one.urn: one.parent.urn if one.parent else "" for one in args.resources}
        resources = [
            _stack_resource(one, parents)
            for one in args.resources
            if unversioned(one.resource_type) in rule.types
        ]
        services = {one.urn: one.service for one in resources}
        for urn, message in rule.check(resources, _context(args.get_config())):
            report_violation(_named(message, services.get(urn, "")), urn)

    return validate


def _named(message: str, service: str) -> str:
    """The message, which begins with the service where the stack has several."""
    return f"service {service}: {message}" if service else message


def _resource(told: ResourceValidationArgs | PolicyResource, parents: Mapping[str, str]) -> Resource:
    return Resource(
        type=unversioned(told.resource_type),
        name=told.name,
        urn=told.urn,
        props=plain(told.props),
        protected=bool(told.opts.protect),
        secret_outputs=frozenset(told.opts.additional_secret_outputs),
        service=service_of(told.urn, parents),
    )


def _stack_resource(told: PolicyResource, parents: Mapping[str, str]) -> Resource:
    depends_on = {
        name: frozenset(one.urn for one in others) for name, others in told.property_dependencies.items()
    }
    return replace(_resource(told, parents), depends_on=depends_on)


def _context(settings: Mapping[str, Any]) -> Context:
    return Context(production=stack.production(), settings=settings, now=dt.datetime.now(dt.UTC))


def plain(value: Any) -> Any:
    """The values that the SDK hands over, as plain data: one that is not known yet is `UNKNOWN`.

    The SDK's own mappings and sequences raise `UnknownValueError` where such a value is looked at; here it is
    caught at each, so that a rule can say what it does about it.
    """
    if isinstance(value, Mapping):
        return {key: _looked_at(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_looked_at(value, index) for index in range(len(value))]
    return value


def _looked_at(values: Any, key: Any) -> Any:
    try:
        return plain(values[key])
    except UnknownValueError:
        return UNKNOWN
