"""The data plane as one part of the server: what it is made of, how it starts, stops and forgets."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud.datafolder.aside import Aside
from localcloud.datafolder.store import Store
from localcloud.http.lanes import Route
from localcloud.modelmanagement import models, operations, services
from localcloud.modelmanagement.api import Api
from localcloud.modelmanagement.attempts import Attempts
from localcloud.modelmanagement.deployment import Deployer
from localcloud.modelmanagement.models import Packages
from localcloud.modelmanagement.package_hosts import PackageHosts
from localcloud.modelmanagement.placed_scorers import PlacedScorers
from localcloud.modelmanagement.replicas import Answering
from localcloud.modelmanagement.scorers import LocalScorers, Scorers
from localcloud.modelmanagement.services import Service
from localcloud.modelmanagement.trials import Trials
from localcloud.modelmanagement.worker import Worker
from localcloud.placing.placement import Placement
from localcloud.scoring.addresses import AddressPool, Endpoint
from localcloud.scoring.device import Device
from localcloud.settings import PACKAGES
from localcloud.status import ServiceStatus

if TYPE_CHECKING:
    from localcloud.scoring.host import ScoringHost

KEEP_OPERATIONS = timedelta(days=7)
_TABLES = ("operations", "services", "models")
"""An account's, in the order in which its rows may go."""


log = logging.getLogger(__name__)


class ModelManagement:
    """Models and services of all accounts.

    Args:
        store: its tables are `schema.sql`'s.
        scoring: runs the services; it is stopped by whoever made it.
        device: the built-in featurizers.
        placement: of the services' models on other machines; None: they run in this process.
        pool: where services may answer.
        data: localcloud's data folder; packages are kept in a folder of it.
        ca_file: PEM roots to trust, beside the system's, where packages are fetched.
        hosts: where packages may come from.
        crash_report: of the last process on this data folder; empty: it did not crash.
    """

    def __init__(
        self,
        *,
        store: Store,
        scoring: ScoringHost,
        device: Device,
        pool: AddressPool,
        data: Path,
        ca_file: Path,
        hosts: PackageHosts,
        crash_report: str,
        placement: Placement | None = None,
    ) -> None:
        self._store, self._scoring = store, scoring
        self._packages = Packages(data / PACKAGES)
        self._aside = Aside(data)
        self._attempts = Attempts(store, crash_report)
        self._trials = Trials(store, device.folder, device.providers)
        self._placement = placement
        local = LocalScorers(device, self._packages, self._attempts, self._trials)
        scorers: Scorers = local
        if placement is not None:
            copies = local if placement.has_copies else None
            scorers = PlacedScorers(placement, self._packages, self._trials, copies)
        self._deployer = Deployer(store, scoring, scorers, pool, self._attempts, self._trials)
        self._worker = Worker(store, self._deployer)
        self._api = Api(
            store,
            self._packages,
            self._deployer.follow_keys,
            self._trials,
            ca_file,
            hosts,
            self._worker.wake,
            pool.told,
            self._answering,
        )
        self._pool = pool

    def routes(self) -> list[Route]:
        """The routes below `/api/subscriptions/{s}/resourcegroups/{rg}/accounts/{a}`; each needs a token."""
        return self._api.routes()

    def start(self) -> None:
        """Has every service answer at its address again, then goes on with what was accepted.

        Returns when the ports are bound. Models load behind it: a call that is too early waits.
        """
        self._tidy()
        self._attempts.recall()
        with self._store.read() as db:
            placed = [service for service in services.listing(db, None) if service.address is not None]
            # a create that was cut off has an address and has never answered: its operation is still there
            restored = [
                one for one in placed if operations.unfinished_of(db, one.id, operations.CREATE) is None
            ]
        for service in restored:
            self._deployer.restore(service)
            stray = self._pool.stray(Endpoint(str(service.address), service.port or 0))
            if stray is not None:
                log.warning("service %s (%s): %s", service.name, service.id, stray)
        if self._placement is not None:
            self._placement.start()
        self._worker.start()

    def begin_nothing(self) -> None:
        """Leaves what is in the queues to the next start; what is under way goes on."""
        self._worker.begin_stop()

    def begin_stop(self) -> None:
        """Ends the trials of packages, which whoever registers one or deploys it would wait for."""
        self._worker.begin_stop()
        self._deployer.begin_stop()

    def stop(self) -> None:
        """Waits for the operation under way, unless it is still on trial: then it is for the next start."""
        self.begin_stop()
        self._worker.stop()

    def status(self) -> tuple[ServiceStatus, ...]:
        """The status of every account's services, for a person who looks."""
        with self._store.read() as db:
            found = services.listing(db, None)
        return tuple(self.status_of(one) for one in found)

    def status_of(self, service: Service) -> ServiceStatus:
        """The status of one service, as it is told to callers."""
        answering, wanted = self._replicas_of(service)
        shown = ServiceStatus(
            service.name,
            service.state,
            service.address,
            service.port,
            ssl=service.tls is not None,
            replicas=wanted,
            answering=answering,
        )
        note = None if service.error is None else str(service.error["message"])
        if service.address is None or service.port is None:
            return replace(shown, note=note)
        own = Endpoint(service.address, service.port)
        told = self._pool.told(own)
        return replace(
            shown,
            address=told.address,
            port=told.port,
            http_port=self._pool.told_http_port(own),
            listens=None if told == own else f"{own.address}:{own.port}",
            note=note or self._scoring.trouble() or self._of_replicas(service) or self._pool.stray(own),
        )

    def _of_replicas(self, service: Service) -> str | None:
        return service.asked.unplaced if self._placement is None else self._placement.note(service.id)

    def _answering(self, service: Service) -> Answering | None:
        """The replicas of a service; None: there is one, which is this process itself, or it never served."""
        if service.address is None or (self._placement is None and service.asked.fpgas == 1):
            return None
        here = 0 if service.state == operations.FAILED and service.error else 1
        placed, _ = self._replicas_of(service)
        number = here if self._placement is None else placed or 0
        return Answering(service.replicas, number, self._of_replicas(service))

    def _replicas_of(self, service: Service) -> tuple[int | None, int | None]:
        """How many of a service's replicas answer, and how many there are to be; None: it has none."""
        number = None if self._placement is None else self._placement.number(service.id)
        return (None, None) if number is None else number

    def remove_account(self, account_id: str) -> Callable[[], None]:
        """Forgets an account's services, models and operations, in the transaction in which the account goes.

        Args:
            account_id: the account's resource ID, in whatever case.

        Returns:
            What is to be done after the commit: it ends the services, and deletes the packages.
        """
        with self._store.write() as db:
            service_ids, model_ids = _delete_rows(db, account_id.lower())

        def take_down() -> None:
            for service_id in service_ids:
                self._deployer.forget(service_id)
            for model_id in model_ids:
                self._packages.delete(model_id)

        return take_down

    def _tidy(self) -> None:
        """Moves aside what a crash has left behind, and forgets what is over."""
        with self._store.write() as db:
            for account_id in _accounts_that_are_gone(db):
                self._aside.write("account.json", _rows_as_json(db, account_id))
                _delete_rows(db, account_id)
            operations.forget_finished(db, KEEP_OPERATIONS)
            model_ids = {model.id for model in models.listing(db, None)}
        for file in self._packages.others(model_ids):
            self._aside.move(file)


def _accounts_that_are_gone(db: sqlite3.Connection) -> list[str]:
    """Accounts whose deletion was cut off before their services' was, or the other way round."""
    rows = db.execute(
        "SELECT account_id FROM services UNION SELECT account_id FROM models"
        " UNION SELECT account_id FROM operations EXCEPT SELECT id FROM resources"
    )
    return [row["account_id"] for row in rows]


def _rows_as_json(db: sqlite3.Connection, account_id: str) -> bytes:
    """All that is known of an account, by table."""
    rows = {
        table: [dict(row) for row in db.execute(f"SELECT * FROM {table} WHERE account_id = ?", (account_id,))]  # noqa: S608 - names of ours
        for table in _TABLES
    }
    return json.dumps({"account": account_id, **rows}, indent=2).encode()


def _delete_rows(db: sqlite3.Connection, account_id: str) -> tuple[list[str], list[str]]:
    """Deletes an account's rows; returns the IDs of its services and of its models."""
    service_ids = [service.id for service in services.listing(db, account_id)]
    model_ids = [model.id for model in models.listing(db, account_id)]
    for table in _TABLES:
        db.execute(f"DELETE FROM {table} WHERE account_id = ?", (account_id,))  # noqa: S608 - names of ours
    return service_ids, model_ids
