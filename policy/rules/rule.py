"""The parts of a rule, and the resources that it looks at: plain data, no Pulumi."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

_VERSION: Final = re.compile(r"^(azure-native:[^/:]+)/v\d{8}[a-z0-9]*:")


class Unknown:
    """A value that a preview cannot know, for its resource is made or updated first."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Resource:
    """A resource as it is declared, or, for a rule over the whole stack, as it will be.

    Attributes:
        type: type token, without an API version.
        urn: its name in the whole stack.
        props: inputs (outputs, for a rule over the whole stack); secrets are in the clear here, and `UNKNOWN`
            stands for what is not known yet.
        protected: whether the engine refuses to delete it.
        secret_outputs: outputs that are encrypted in the state even where the provider does not ask for it.
        depends_on: for each property, the URNs of the resources that its value is made from; for a rule over
            the whole stack.
        service: the logical name of the service that it is of; empty: services share it, or the stack has
            one, without a name.
    """

    type: str
    name: str
    urn: str
    props: Mapping[str, Any] = field(repr=False)
    protected: bool = False
    secret_outputs: frozenset[str] = frozenset()
    depends_on: Mapping[str, frozenset[str]] = field(default_factory=dict)
    service: str = ""


@dataclass(frozen=True)
class Context:
    """The circumstances of a run, which a rule knows beside the resource.

    Attributes:
        production: the stack's own setting `fpga-web-service:production`.
        settings: the rule's, from the policy pack's configuration, defaults filled in.
        now: the moment of the run, UTC.
    """

    production: bool
    settings: Mapping[str, Any]
    now: dt.datetime


@dataclass(frozen=True)
class ResourceRule:
    """A rule over each resource of some types, asked before it is created or changed.

    Attributes:
        name: in kebab case.
        description: what the rule asks for, a sentence.
        types: type tokens of the resources that it is asked about.
        check: gives a message for each thing that is wrong: what, and the remedy. It never quotes a secret.
        settings: what the policy pack's configuration may set: JSON schema of each, with its default.
    """

    name: str
    description: str
    types: frozenset[str]
    check: Callable[[Resource, Context], Iterator[str]]
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class StackRule:
    """A rule over resources that must fit together, asked when the engine has seen all of them.

    `check` gives the URN of the resource with each message; the rest is as in `ResourceRule`.
    """

    name: str
    description: str
    types: frozenset[str]
    check: Callable[[Sequence[Resource], Context], Iterator[tuple[str, str]]]
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def unversioned(type_token: str) -> str:
    """A type token without the API version that azure-native's may have in it."""
    return _VERSION.sub(r"\1:", type_token)
