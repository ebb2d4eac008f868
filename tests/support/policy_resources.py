"""Resources as the engine describes them to a rule, good but for what a test changes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from policy.rules.rule import Context, Resource, ResourceRule, StackRule

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)


def resource(
    type_token: str,
    props: Mapping[str, Any] | None = None,
    *,
    protected: bool = False,
    secret_outputs: tuple[str, ...] = (),
    depends_on: Mapping[str, frozenset[str]] | None = None,
    name: str = "it",
) -> Resource:
    return Resource(
        type=type_token,
        name=name,
        urn=f"urn:pulumi:test::fpga-web-service::{type_token}::{name}",
        props=props or {},
        protected=protected,
        secret_outputs=frozenset(secret_outputs),
        depends_on=depends_on or {},
    )


def context(rule: ResourceRule | StackRule, *, production: bool = False, **settings: object) -> Context:
    """With the rule's own defaults, as the engine fills them in: it hands numbers over as floats."""
    defaults = {name: float(schema["default"]) for name, schema in rule.settings.items()}
    return Context(production, {**defaults, **settings}, NOW)


def messages(
    rule: ResourceRule, about: Resource, *, production: bool = False, **settings: object
) -> list[str]:
    """What the rule says of a resource of a type that it is asked about."""
    assert about.type in rule.types
    return list(rule.check(about, context(rule, production=production, **settings)))
