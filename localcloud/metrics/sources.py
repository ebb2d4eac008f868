"""The sources of metrics: parts of a localcloud that runs, each asked anew for each page."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud.blob.azurite import Azurite
from localcloud.datafolder.store import Store
from localcloud.metrics import rows
from localcloud.metrics.requests import RequestCounts
from localcloud.metrics.rows import Rows
from localcloud.settings import DATABASE
from localcloud.version import Version

if TYPE_CHECKING:
    from localcloud.edge.edge import Edge
    from localcloud.placing.placement import Placement
    from localcloud.scoring.host import ScoringHost


@dataclass(frozen=True)
class Sources:
    """The sources.

    Attributes:
        data: the data folder.
        scoring: counts the calls.
        requests: counts the requests.
        azurite: knows its blobs; None: there is no blob service.
        edge: of the services; None: there is none.
        placement: of their replicas; None: there are none.
        certificate_expiry: when the certificate of the server's own listeners ends.
        version: of the code that runs.
    """

    data: Path
    store: Store
    scoring: ScoringHost
    requests: RequestCounts
    azurite: Azurite | None
    edge: Edge | None
    placement: Placement | None
    certificate_expiry: Callable[[], dt.datetime]
    version: Version

    def rows(self) -> Rows:
        """Of the database, as it is now."""
        with self.store.read() as db:
            return rows.read(db, dt.datetime.now(dt.UTC))

    def database_size(self) -> int:
        """Bytes of the database and of the log beside it."""
        database = self.data / DATABASE
        log = database.with_name(f"{DATABASE}-wal")
        return database.stat().st_size + (log.stat().st_size if log.exists() else 0)

    def free(self) -> int:
        """Bytes that are left for the data folder."""
        found = os.statvfs(self.data)
        return found.f_bavail * found.f_frsize
