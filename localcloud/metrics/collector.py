"""The collector: from the sources to Prometheus' families of samples, anew for each page.

A service is found by its ID and shown by its names: what is deleted has no series left, whatever of it still
ends, and one that is made anew under the same name begins at nought.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from localcloud.edge.calls import HandedOn
from localcloud.metrics import table
from localcloud.metrics.rows import Labels
from localcloud.metrics.sources import Sources
from localcloud.metrics.table import Kind, Metric
from localcloud.scoring.calls import Stage
from localcloud.scoring.counts import BOUNDS_S, OK, PREDICT, Counted, Refused

if TYPE_CHECKING:
    from localcloud.edge.edge import Edge

log = logging.getLogger(__name__)

_BOUNDS = (*map(str, BOUNDS_S), "+Inf")

Samples = Iterable[tuple[tuple[str, ...], float]]
"""Labels and values."""


class LocalcloudCollector(Collector):
    """A collector of all that `table.METRICS` names. Pages are made one after the other."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._trouble: dict[str, str] = {}

    def describe(self) -> Iterable[Family]:
        """The families without a sample: whoever registers it need not ask the sources."""
        return [_family(metric, ()) for metric in table.METRICS]

    def collect(self) -> Iterator[Family]:
        """The families; those of a source that cannot be read are left out, and that is told in one."""
        sources: dict[str, Callable[[], list[Family]]] = {
            "database": self._of_database,
            "server_certificate": self._of_server_certificate,
            "requests": self._of_requests,
            "edge": self._of_edge,
            "cluster": self._of_cluster,
            "files": self._of_files,
        }
        up: dict[str, bool] = {}
        for name, read in sources.items():
            try:
                yield from read()
            except Exception as error:  # a full disk, say: all else is still told
                self._tell(name, f"{type(error).__name__}: {error}")
                up[name] = False
            else:
                self._trouble.pop(name, None)
                up[name] = True
        version = self._sources.version
        yield _family(table.BUILD, [((version.number or "", version.commit or ""), 1)])
        yield _family(table.SOURCES, (((name,), is_up) for name, is_up in up.items()))

    def _of_database(self) -> list[Family]:
        rows = self._sources.rows()
        # counted behind the rows: a service that is there, and not counted, has had no calls
        counted = self._sources.scoring.counted()
        answering = {id: names for id, names in rows.services.items() if id in counted}
        found = [
            _family(table.SERVICES, (((state,), number) for state, number in rows.states.items())),
            _family(table.SERVICE_EXPIRY, ((rows.services[id], end) for id, end in rows.expiries.items())),
            _family(table.OPERATIONS, rows.operations.items()),
            _family(table.QUEUE, [((), rows.queue_length)]),
            _family(table.QUEUE_AGE, [((), rows.oldest_age_s)]),
            *self._of_calls({names: counted[id] for id, names in answering.items()}),
            *self._of_places(answering),
            *self._of_placed(answering),
        ]
        azurite = self._sources.azurite
        if azurite is not None:
            used = azurite.usage
            found.append(
                _family(table.BLOBS, (((name,), used.get(name, 0)) for name in rows.storage_accounts))
            )
            found.append(_family(table.BLOB_SERVICE, [((), azurite.pid is not None)]))
        return found

    def _of_calls(self, calls: Mapping[Labels, Counted]) -> list[Family]:
        codes = (
            ((*names, method, code), number)
            for names, one in calls.items()
            for (method, code), number in ({(PREDICT, OK): 0} | one.codes).items()
        )
        refused = (
            ((*names, reason), one.refused.get(reason, 0))
            for names, one in calls.items()
            for reason in Refused
        )
        durations = HistogramMetricFamily(
            table.DURATION.name, table.DURATION.help, labels=table.DURATION.labels
        )
        for names, one in calls.items():
            buckets = list(zip(_BOUNDS, accumulate(one.durations), strict=True))
            durations.add_metric(names, buckets, one.duration_s)
        return [
            _family(table.CALLS, codes),
            durations,
            _family(table.RECEIVED, ((names, one.received_bytes) for names, one in calls.items())),
            _family(table.SENT, ((names, one.sent_bytes) for names, one in calls.items())),
            _family(table.KEYS_REFUSED, refused),
        ]

    def _of_places(self, services: Mapping[str, Labels]) -> list[Family]:
        scoring = self._sources.scoring
        under_way = scoring.in_progress()
        in_progress = (
            ((*names, stage), under_way[stage].get(id, 0))
            for id, names in services.items()
            for stage in Stage
        )
        places = (((stage,), number) for stage, number in scoring.places().items())
        return [_family(table.IN_PROGRESS, in_progress), _family(table.PLACES, places)]

    def _of_server_certificate(self) -> list[Family]:
        return [_family(table.SERVER_EXPIRY, [((), self._sources.certificate_expiry().timestamp())])]

    def _of_requests(self) -> list[Family]:
        counted = self._sources.requests.now().items()
        return [
            _family(table.REQUESTS, (((api, method, str(code)), n) for (api, method, code), n in counted))
        ]

    def _of_edge(self) -> list[Family]:
        told = None if self._sources.edge is None else self._sources.edge.status()
        return [
            _family(table.EDGE, [((), told is None or told.pid is not None)]),
            _family(table.EDGE_RESTARTS, [((), 0 if told is None else told.restarts)]),
            *([] if self._sources.edge is None else self._of_replicas(self._sources.edge)),
        ]

    def _of_replicas(self, edge: Edge) -> list[Family]:
        try:
            handed_on = edge.handed_on()
        except OSError:  # the families above say it
            handed_on = HandedOn({}, ())
        names = self._sources.rows().services if handed_on.codes or handed_on.replicas else {}
        there = [(names[one.service_id], one) for one in handed_on.replicas if one.service_id in names]
        codes = (
            ((*names[id], code), number) for (id, code), number in handed_on.codes.items() if id in names
        )
        outcomes = (
            ((*labels, one.replica, outcome), number)
            for labels, one in there
            for outcome, number in (("answered", one.answered), ("failed", one.failed))
        )
        return [
            _family(table.EDGE_CALLS, codes),
            _family(table.REPLICA_CALLS, outcomes),
            _family(table.REPLICA_UP, (((*labels, one.replica), one.is_up) for labels, one in there)),
        ]

    def _of_cluster(self) -> list[Family]:
        placement = self._sources.placement
        told = None if placement is None else placement.status()
        return [
            _family(table.CLUSTER, [((), told is None or told.connected)]),
            _family(table.NODES, [((), 0 if told is None else told.nodes)]),
            _family(table.DRIVER_RESTARTS, [((), 0 if told is None else told.restarts)]),
        ]

    def _of_placed(self, services: Mapping[str, Labels]) -> list[Family]:
        placement = self._sources.placement
        numbers = {id: (1, 1) if placement is None else placement.number(id) for id in services}
        known = {services[id]: number for id, number in numbers.items() if number is not None}
        return [
            _family(table.REPLICAS, ((names, there) for names, (there, _) in known.items())),
            _family(table.REPLICAS_WANTED, ((names, wanted) for names, (_, wanted) in known.items())),
        ]

    def _of_files(self) -> list[Family]:
        return [
            _family(table.DATABASE, [((), self._sources.database_size())]),
            _family(table.FREE, [((), self._sources.free())]),
        ]

    def _tell(self, source: str, trouble: str) -> None:
        """Logs what is in the way once, and not at each page."""
        if self._trouble.get(source) != trouble:
            log.warning("the metrics of the %s cannot be read: %s", source, trouble)
        self._trouble[source] = trouble


def _family(metric: Metric, samples: Samples) -> Family:
    """A metric's family with its samples."""
    if metric.kind is Kind.HISTOGRAM:
        return HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    family = kind(metric.name, metric.help, labels=metric.labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family
