"""The page of metrics, read as Prometheus reads it: by the library's parsers."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import requests
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

ACCEPT: Final = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
"""As Prometheus sends it."""


@dataclass(frozen=True)
class Page:
    """A page.

    Attributes:
        families: its metrics by name, in OpenMetrics' words: a counter without its `_total`.
    """

    families: Mapping[str, Metric]

    def samples(self, name: str, **labels: str) -> dict[tuple[tuple[str, str], ...], float]:
        """The samples of that name which have these labels, by the labels that they have beside them."""
        return {
            tuple(sorted(set(sample.labels.items()) - set(labels.items()))): sample.value
            for sample in self._all()
            if sample.name == name and labels.items() <= sample.labels.items()
        }

    def value(self, name: str, **labels: str) -> float:
        """The one sample of that name and these labels, and no others."""
        (found,) = (sample.value for sample in self._all() if sample.name == name and sample.labels == labels)
        return found

    def by(self, label: str, name: str, **labels: str) -> dict[str, float]:
        """The samples with these labels, by the one label that they have beside them."""
        return {dict(key)[label]: value for key, value in self.samples(name, **labels).items()}

    def names(self) -> dict[str, set[str]]:
        """The names of labels, by the name of a sample."""
        found: dict[str, set[str]] = {}
        for sample in self._all():
            found.setdefault(sample.name, set()).update(sample.labels)
        return found

    def _all(self) -> Iterator[Sample]:
        for family in self.families.values():
            yield from family.samples


def read(url: str, **options: Any) -> Page:
    """The page at an address, as OpenMetrics has it."""
    asked = requests.get(url, timeout=30, headers={"Accept": ACCEPT}, **options)
    assert asked.status_code == 200, asked.text
    assert asked.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    families = openmetrics_families(asked.text)  # type: ignore[no-untyped-call]
    return Page({one.name: one for one in families})


def read_plain(url: str) -> Page:
    """The page as Prometheus' older text format has it."""
    asked = requests.get(url, timeout=30)
    assert asked.status_code == 200, asked.text
    assert asked.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return Page({one.name: one for one in text_string_to_metric_families(asked.text)})


def free_port() -> int:
    """A port that nobody has now, outside those that a localcloud chooses from."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port
