"""The table of metrics: names by Prometheus' rules, its page, and who asks for them in `docs/metrics/`."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
import yaml
from prometheus_client import CollectorRegistry, ProcessCollector

from localcloud.metrics import table
from localcloud.metrics.requests import api_of
from localcloud.metrics.table import METRICS, Kind, Metric
from localcloud.scoring.counts import Refused
from tests.support.documents.markdown import CHECKOUT
from tests.support.promql import OF_TARGETS, Selector, groupings, selectors

DASHBOARD: Final = CHECKOUT / "docs/metrics/dashboard.json"
ALERTS: Final = CHECKOUT / "docs/metrics/alerts.yml"
PANELS: Final = {"timeseries", "stat", "table"}
UNITS: Final = re.compile(r"_(seconds|bytes|info)(_total)?$")
# https://prometheus.io/docs/practices/naming/: no unit but base units, none abbreviated
NO_UNITS: Final = re.compile(
    r"(^|_)(ms|milliseconds?|minutes?|hours?|days?|kb|kilobytes?|mb|megabytes?|kib|mib|percent|s|b|sec|secs)(_|$)"
)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names_are_by_prometheus_rules(metric: Metric) -> None:
    assert re.fullmatch(r"localcloud(_[a-z]+)+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
    assert not re.search(r"_(count|sum|bucket|created)$", metric.name)
    assert not NO_UNITS.search(metric.name)
    assert not set(metric.name.split("_")) & {"counter", "gauge", "histogram", "summary"}
    if metric.kind is Kind.HISTOGRAM or re.search(r"_(timestamp|age|duration|size|free)_?", metric.name):
        assert UNITS.search(metric.name), "its unit"
    assert len(set(metric.labels)) == len(metric.labels)
    for label in metric.labels:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", label)
        assert label not in {"le", "quantile", *OF_TARGETS}
    assert metric.help
    assert metric.help.endswith(".")
    assert "\n" not in metric.help


def test_each_name_is_there_once() -> None:
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    named = {value.name for value in vars(table).values() if isinstance(value, Metric)}
    assert named == set(names)


def test_the_page_has_the_table() -> None:
    rows = [
        f"| `{one.name}` | {one.kind} | {', '.join(f'`{label}`' for label in one.labels)} | {one.help} |"
        for one in METRICS
    ]
    expected = "\n".join(("| Metric | Type | Labels | |", "|---|---|---|---|", *rows, ""))
    page = (CHECKOUT / "docs/metrics.md").read_text()
    assert expected in page, f"docs/metrics.md is to have\n{expected}"
    assert page.count("| `localcloud_") == len(METRICS)


def test_what_the_page_says_of_reasons_is_so() -> None:
    for reason in Refused:
        assert reason in table.KEYS_REFUSED.help


@pytest.mark.parametrize(
    ("path", "api"),
    [
        ("/health", "health"),
        ("/Subscriptions/x/resourceGroups", "resource-manager"),
        ("/api/subscriptions/x", "model-management"),
        ("/tenant/oauth2/v2.0/token", "sign-in"),
        ("/tenant/.well-known/openid-configuration", "sign-in"),
        ("/metadata/endpoints", "sign-in"),
        ("/openapi.json", "openapi"),
        ("/tenants", "resource-manager"),
        ("/", "other"),
        ("/made/up", "other"),
    ],
)
def test_an_api_is_known_by_its_path(path: str, api: str) -> None:
    assert api_of(path) == api


def samples() -> dict[str, set[str]]:
    """The labels of each sample that a page may have, by its name."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    found = {one.name: set[str]() for family in registry.collect() for one in family.samples}
    for metric in METRICS:
        labels = set(metric.labels)
        if metric.kind is Kind.HISTOGRAM:
            found |= {f"{metric.name}_bucket": labels | {"le"}}
            found |= {f"{metric.name}_sum": labels, f"{metric.name}_count": labels}
        else:
            found[metric.name] = labels
    return {name: labels | OF_TARGETS for name, labels in found.items()} | {"up": OF_TARGETS}


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return found


def alerts() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def targets() -> Iterator[tuple[str, str, str]]:
    """Where it stands, the expression and the legend of each of the dashboard's queries."""
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            yield f"{panel['title']} {target['refId']}", target["expr"], target["legendFormat"]
    for annotation in dashboard()["annotations"]["list"]:
        if "expr" in annotation:
            yield annotation["name"], annotation["expr"], annotation["textFormat"]


EXPRESSIONS: Final = [
    *(pytest.param(expression, legend, id=where) for where, expression, legend in targets()),
    *(pytest.param(rule["expr"], json.dumps(rule["annotations"]), id=rule["alert"]) for rule in alerts()),
]


@pytest.mark.parametrize(("expression", "shown"), EXPRESSIONS)
def test_each_expression_asks_for_what_there_is(expression: str, shown: str) -> None:
    known = samples()
    asked = selectors(expression)
    assert asked
    for one in asked:
        assert one.name in known
        assert set(one.matchers) <= known[one.name]
        _check_values(one)
        # a counter alone says nothing, and a rate of what goes up and down nothing either
        if re.search(r"_(total|bucket|sum|count)$", one.name):
            assert one.is_range
        elif one.is_range:
            assert "changes(" in expression or "predict_linear(" in expression
    for labels, names in groupings(expression):
        for name in names:
            assert labels <= known[name]
    shown_labels = set(re.findall(r"{{ *(?:\$labels\.)?(\w+) *}}", shown))
    assert shown_labels <= set.union(*(known[one.name] for one in asked)) - {"le"}
    grouped = [labels for labels, _ in groupings(expression)]
    if grouped and not shown_labels <= set.union(*grouped):
        pytest.fail(f"{shown_labels} are gone behind by ({grouped})")


def _check_values(asked: Selector) -> None:
    """What a status, method or reason is compared with is one."""
    reasons = {str(reason) for reason in Refused}
    if "reason" in asked.matchers:
        assert set(asked.matchers["reason"].split("|")) <= reasons


def test_counts_and_patterns_of_statuses_are_grpcs() -> None:
    import grpc

    codes = {code.name for code in grpc.StatusCode}
    for expression, _ in (one.values[:2] for one in EXPRESSIONS):
        for asked in selectors(str(expression)):
            if asked.name == table.CALLS.name and "code" in asked.matchers:
                assert set(asked.matchers["code"].split("|")) <= codes


def test_each_metric_is_on_the_dashboard() -> None:
    shown = {one.name for _, expression, _ in targets() for one in selectors(expression)}
    for metric in METRICS:
        assert any(name.startswith(metric.name) for name in shown), metric.name


def test_the_dashboard_is_one_of_grafanas() -> None:
    found = dashboard()
    assert found["schemaVersion"] == 42
    assert found["uid"]
    assert found["title"]
    # what an exported one has, and one to import has not
    assert "id" not in found
    assert "__inputs" not in found
    variables = {one["name"]: one for one in found["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    source = {"type": "prometheus", "uid": "${datasource}"}
    for variable in variables.values():
        if variable["type"] == "query":
            assert variable["datasource"] == source
            (asked, label) = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"]).groups()  # type: ignore[union-attr]
            (selector,) = selectors(asked)
            assert label in samples()[selector.name]
    panels = [panel for panel in found["panels"] if panel["type"] != "row"]
    assert {panel["type"] for panel in panels} == PANELS
    for panel in panels:
        assert panel["datasource"] == source
        assert panel["targets"]
        assert all(target["datasource"] == source for target in panel["targets"])
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references)
    used = set(re.findall(r"\$\{?(\w+)\}?", json.dumps(found))) - {"__rate_interval", "__all"}
    assert used == set(variables)


def test_panels_lie_beside_each_other() -> None:
    found = dashboard()["panels"]
    assert len({panel["id"] for panel in found}) == len(found)
    for panel in found:
        place = panel["gridPos"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24
    for one, other in itertools.combinations([panel["gridPos"] for panel in found], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)


def test_alerts_are_rules_of_prometheus() -> None:
    found = yaml.safe_load(ALERTS.read_text())
    assert list(found) == ["groups"]
    names = [rule["alert"] for rule in alerts()]
    assert len(set(names)) == len(names)
    for rule in alerts():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"Localcloud([A-Z][a-z]+)+", rule["alert"])
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["annotations"]["summary"].endswith(".")
        assert re.fullmatch(r"[0-9]+[mh]", rule.get("for", "1m"))
    (ends,) = (rule["expr"] for rule in alerts() if rule["alert"] == "LocalcloudServiceCertificateEnds")
    assert ends.endswith("< 14 * 86400")
