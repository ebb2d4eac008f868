"""Expressions of PromQL: which metrics and labels they ask for, by a parser of its grammar."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import promql_parser as promql

OF_TARGETS: Final = {"instance", "job"}
"""Labels that Prometheus puts beside a page's own."""
_MACRO: Final = re.compile(r"\$__(rate_interval|interval|range)")


@dataclass(frozen=True)
class Selector:
    """A metric that is asked for.

    Attributes:
        name: of the sample, such as `…_bucket`.
        matchers: value or pattern by label.
        is_range: whether it is asked for over a time, as counters are.
    """

    name: str
    matchers: Mapping[str, str]
    is_range: bool


def parsed(expression: str) -> promql.Expr:
    """The expression, with Grafana's macros in it. Raises ValueError where it is none."""
    return promql.parse(_MACRO.sub("5m", expression))


def selectors(expression: str) -> list[Selector]:
    """The metrics that an expression asks for."""
    return list(_selectors(parsed(expression)))


def groupings(expression: str) -> list[tuple[set[str], set[str]]]:
    """The labels of each `by (…)`, with the names of the samples that it puts together."""
    found = []
    for inner in _walked(parsed(expression)):
        if isinstance(inner, promql.AggregateExpr) and inner.modifier is not None:
            names = {one.name for one in _selectors(inner.expr)}
            found.append((set(inner.modifier.labels), names))
    return found


def _selectors(expression: promql.Expr) -> Iterator[Selector]:
    before: promql.Expr | None = None
    for inner in _walked(expression):
        if isinstance(inner, promql.VectorSelector):  # a range is followed by what it is of
            yield _selector(inner, is_range=isinstance(before, promql.MatrixSelector))
        before = inner


def _selector(found: promql.VectorSelector, *, is_range: bool) -> Selector:
    matchers = {one.name: one.value for one in found.matchers.matchers}
    return Selector(found.name or matchers.pop("__name__"), matchers, is_range)


def _walked(expression: promql.Expr) -> list[promql.Expr]:
    found: list[promql.Expr] = []
    promql.walk(expression, lambda one: found.append(one) or True)  # type: ignore[func-returns-value]
    return found
