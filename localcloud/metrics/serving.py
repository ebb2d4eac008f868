"""The listener of metrics, if asked for: on loopback for anybody, elsewhere with TLS and a token."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final

from localcloud.certificate.pair import Pair
from localcloud.http import listener
from localcloud.metrics.sources import Sources
from localcloud.network.listeners import is_loopback
from localcloud.settings import Settings

if TYPE_CHECKING:
    from localcloud.access.guard import Guard

CONNECTIONS: Final = 32
"""Most connections at once: a Prometheus has one, and a page is kept for each that reads slowly."""
DRAIN_TIMEOUT_S: Final = 1.0
"""How long pages may take to be read when it is told to end: calls have all the rest."""

log = logging.getLogger(__name__)


@contextmanager
def served(
    settings: Settings, sources: Sources, guard: Guard, pair: Pair
) -> Iterator[list[Callable[[Pair], None]]]:
    """Serves the metrics inside the block, if a port is set for them.

    What it yields shows another chain to the connections from then on; it is empty where there is no TLS.

    Raises:
        StartError: the port cannot be bound.
    """
    host, port = settings.metrics_host, settings.metrics_port
    if port is None:
        yield []
        return
    from localcloud.metrics.page import PATH, Page  # prometheus_client, where it is asked for

    is_here = is_loopback(host)
    page = Page(sources, None, (host, "localhost")) if is_here else Page(sources, guard)
    with (
        closing(page),
        listener.served(
            page.app,
            host,
            port,
            None if is_here else pair,
            lambda: DRAIN_TIMEOUT_S,
            name="metrics",
            most=CONNECTIONS,
        ) as serving,
    ):
        log.info("metrics at %s://%s:%d%s", "http" if is_here else "https", host, port, PATH)
        yield [] if is_here else [serving.renew]
