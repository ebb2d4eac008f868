"""Makes what was accepted true: the steps of each operation, and what a restart has to bring back."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING

from localcloud.datafolder.store import Store
from localcloud.modelmanagement import addresses, models, operations, services
from localcloud.modelmanagement.attempts import Attempts
from localcloud.modelmanagement.operations import Failure, Operation
from localcloud.modelmanagement.scorers import Restored, Scorers
from localcloud.modelmanagement.services import Change, Service
from localcloud.modelmanagement.trials import Trials
from localcloud.placing.errors import PlacingError
from localcloud.scoring.addresses import AddressPool, Endpoint
from localcloud.scoring.errors import (
    BindError,
    CancelledError,
    CrashError,
    PackageError,
    ScoringError,
    StoppingError,
    TlsError,
)
from localcloud.scoring.tls import check_served

if TYPE_CHECKING:
    from localcloud.scoring.host import ScoringHost
    from localcloud.scoring.scorer import Scorer

log = logging.getLogger(__name__)

_CODES = {
    PackageError: "InvalidPackage",
    PlacingError: "ReplicasNotAvailable",
    TlsError: "InvalidSslCertificate",
    BindError: "AddressNotAvailable",
    CrashError: "PackageEndsTheServer",
}


class Deployer:
    """Deploys, changes and removes services, one operation of a service at a time.

    What answers callers follows the database: it changes after the commit, never before it. Where a commit
    fails, what answered goes on, and the operation is taken up again.

    Args:
        scorers: what scores the services' calls.
        pool: where services may answer.
        attempts: counts the loads of packages, any of which may end the process.
        trials: try packages before they are loaded.
    """

    def __init__(
        self,
        store: Store,
        scoring: ScoringHost,
        scorers: Scorers,
        pool: AddressPool,
        attempts: Attempts,
        trials: Trials,
    ) -> None:
        self._store = store
        self._scoring = scoring
        self._scorers = scorers
        self._pool = pool
        self._attempts = attempts
        self._trials = trials
        self._answering: dict[str, Scorer] = {}  # by service
        self._waiting: dict[str, Restored] = {}  # what `restore` left to `load_restored`
        self._stopping = threading.Event()
        # Held from where a row is read to where it answers: the last one to come has the newest row.
        self._following = threading.Lock()
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)  # by service

    def work_off(self, operation: Operation) -> None:
        """Takes an operation to its end, unless it is cancelled. It may have been begun before, by a process
        that was killed.

        Those of one service take turns; a deletion ends the trial that another one waits for.
        """
        if operation.action == operations.DELETE:
            self._trials.cancel(operation.service_id)
        with self._turns[operation.service_id]:
            with self._store.read() as db:
                current = operations.find_unfinished(db, operation.id)
            if current is None:
                return
            if operation.action != operations.DELETE and operation.service_id in self._waiting:
                # it is what the service goes back to, should the change fail
                self._load_one_restored(operation.service_id, lambda: False)
            self._work_off(current)

    def _work_off(self, operation: Operation) -> None:
        if operation.state == operations.NOT_STARTED:
            operation = operation.moved(operations.RUNNING)
            with self._store.write() as db:
                operations.save(db, operation)
                service = services.find(db, operation.service_id)
                if service is not None:
                    services.save(db, replace(service, state=operations.RUNNING))
        try:
            if operation.action == operations.DELETE:
                self._delete(operation)
            else:
                self._apply(operation)
        except sqlite3.OperationalError:
            raise  # a disk that is full, say: nothing has become of it, and it is tried again
        except Exception as error:
            log.exception("operation %s (%s) failed", operation.id, operation.action)
            failure = _failure(error)
            with self._store.write() as db:
                service = services.find(db, operation.service_id)
                if service is not None:
                    services.save(db, service.failed(failure))
                operations.save(db, operation.moved(operations.FAILED, failure))
            if service is not None:
                self._scorers.settle(service)

    def begin_stop(self) -> None:
        """Has nobody wait for a trial or for replicas any more: their operations are for the next start."""
        self._stopping.set()
        self._trials.close()

    def restore(self, service: Service) -> None:
        """Has a service answer again where it did; its model is loaded later, by `load_restored`."""
        try:
            restored = self._scorers.restored(service)
            self._deploy(service, restored.scorer)
        except Exception as error:  # whatever it is, the other services come back
            self._lost(service, error)
            return
        if not isinstance(restored.scorer, Future):
            self._answering[service.id] = restored.scorer
            self._found(service.id)
        if restored.awaited is not None:
            self._waiting[service.id] = restored

    def load_restored(self, stopped: Callable[[], bool]) -> None:
        """Loads the models of restored services; calls that came meanwhile waited for them.

        Called again after an error, it goes on where it was.
        """
        for service_id in list(self._waiting):
            with self._turns[service_id]:
                self._load_one_restored(service_id, stopped)

    def _load_one_restored(self, service_id: str, stopped: Callable[[], bool]) -> None:
        restored = self._waiting[service_id]
        awaited = restored.awaited
        assert awaited is not None  # noqa: S101 - else nothing waits
        if stopped():
            del self._waiting[service_id]
            awaited.set_exception(_ending())
            return
        with self._store.read() as db:
            service = services.find(db, service_id)
        if service is None:
            del self._waiting[service_id]
            awaited.set_exception(PackageError("The service is gone."))
            return
        if not restored.answers and service_id in self._answering:  # an operation has loaded it meanwhile
            del self._waiting[service_id]
            awaited.set_result(self._answering[service_id])
            return
        try:
            scorer = restored.load()
        except CancelledError as error:
            del self._waiting[service_id]
            awaited.set_exception(_ending() if stopped() else error)
            return
        except sqlite3.Error:
            raise
        except Exception as error:  # whatever it is, the other services come back
            del self._waiting[service_id]
            awaited.set_exception(error)
            if restored.answers:
                log.warning("service %s (%s) has no copy here: %s", service.name, service_id, error)
            else:
                self._lost(service, error)
                self._scoring.remove(service_id)
            return
        del self._waiting[service_id]
        awaited.set_result(scorer)
        if not restored.answers:
            self._answering[service_id] = scorer
            self._scoring.follow(service_id)
            self._found(service_id)

    def follow_keys(self, service_id: str) -> None:
        """Has a service open to the keys that the database has for it, after a commit that changed them."""
        with self._following:
            with self._store.read() as db:
                service = services.find(db, service_id)
            if service is not None:
                self._scoring.set_keys(service.id, service.keys.primary, service.keys.secondary)

    def forget(self, service_id: str) -> None:
        """Ends a service whose row is gone, and the trial that is under way for it."""
        self._trials.cancel(service_id)
        self._scoring.remove(service_id)
        self._answering.pop(service_id, None)
        self._scorers.forget(service_id)

    def _apply(self, operation: Operation) -> None:
        with self._store.read() as db:
            service = services.find(db, operation.service_id)
        if service is None:
            raise LookupError(f"the service {operation.service_id} has no row")
        change = Change.from_json(operation.change) if operation.change else None
        target = service.changed(change) if change else service
        try:
            scorer = self._scorers.ready(target, operation.id, lambda: self._is_wanted(service.id))
            self._attempts.forget(target.model_id)  # somebody asked for it anew, and it runs
            if target.tls is not None:
                check_served(target.tls)
            target = self._placed(target)
        except CancelledError:
            return
        except ScoringError as error:
            self._undo(operation, service, error)
            return
        with self._store.write() as db:
            current = services.find(db, service.id)
            if current is not None:
                # keys may have been regenerated meanwhile: what the change names wins, else the newest
                keys = change.keys.over(current.keys) if change else current.keys
                services.save(db, replace(target, keys=keys))
                # should it be taken up again, the change is made: newer keys stay
                operations.save(db, replace(operation, change=None))
        try:
            self._follow(service.id, scorer)
        except ScoringError as error:
            self._take_back(operation, service, change)
            self._undo(operation, service, error)
            return
        with self._store.write() as db:
            current = services.find(db, service.id)
            if current is not None:
                services.save(db, current.succeeded())
            operations.save(db, operation.moved(operations.SUCCEEDED))
        if current is None:
            self.forget(service.id)

    def _follow(self, service_id: str, scorer: Scorer) -> None:
        """Has a service answer as the database has it."""
        with self._following:
            with self._store.read() as db:
                service = services.find(db, service_id)
            if service is not None:
                self._deploy(service, scorer)
                self._answering[service.id] = scorer
        if service is not None:
            self._scorers.settle(service)

    def _take_back(self, operation: Operation, service: Service, change: Change | None) -> None:
        """Writes a service as it was, and the operation with its change: the change cannot answer."""
        with self._store.write() as db:
            current = services.find(db, service.id)
            if current is not None:
                named = change is not None and (change.keys.primary or change.keys.secondary)
                services.save(db, replace(service, keys=service.keys if named else current.keys))
            operations.save(db, operation)

    def _undo(self, operation: Operation, service: Service, error: ScoringError) -> None:
        """Leaves a service that answered as it was, and a new one without an address."""
        failure = _failure(error)
        log.info("service %s: %s failed: %s", service.id, operation.action, error)
        answers = operation.action == operations.UPDATE and service.id in self._answering
        if answers:
            try:
                self._follow(service.id, self._answering[service.id])
            except ScoringError as second:
                answers, failure = False, _failure(second)
        if not answers:
            self.forget(service.id)
        had = service if operation.action == operations.UPDATE else replace(service, address=None, port=None)
        with self._store.write() as db:
            current = services.find(db, service.id)
            if current is not None:
                current = replace(current, address=had.address, port=had.port)
                services.save(db, current.succeeded() if answers else current.failed(failure))
            operations.save(db, operation.moved(operations.FAILED, failure))

    def _delete(self, operation: Operation) -> None:
        with self._store.write() as db:
            services.delete(db, operation.service_id)
            operations.cancel_others(db, operation)
        self.forget(operation.service_id)
        with self._store.write() as db:
            operations.save(db, operation.moved(operations.SUCCEEDED))

    def _is_wanted(self, service_id: str) -> bool:
        """Whether the service is there, and not about to be deleted, nor localcloud to end."""
        if self._stopping.is_set():
            return False
        with self._store.read() as db:
            return (
                services.find(db, service_id) is not None
                and operations.unfinished_of(db, service_id, operations.DELETE) is None
            )

    def _placed(self, service: Service) -> Service:
        """The service with its address: its own, else a new one, written down before it is used."""
        if service.address is not None:
            return service
        with self._store.write() as db:
            endpoint = self._scoring.place(
                service.id, service.tls, lambda: addresses.allocate(db, self._pool)
            )
            current = services.find(db, service.id)
            if current is not None:
                services.save(db, replace(current, address=endpoint.address, port=endpoint.port))
        return replace(service, address=endpoint.address, port=endpoint.port)

    def _deploy(self, service: Service, scorer: Scorer | Future[Scorer]) -> None:
        from localcloud.scoring.host import Deployment
        from localcloud.scoring.served import ModelName

        with self._store.read() as db:
            name = models.name_of(db, service.model_id)
        assert service.address is not None  # noqa: S101 - `_placed`, or a restored one
        assert service.port is not None  # noqa: S101
        endpoint = Endpoint(service.address, service.port)
        self._pool.require_allowed(endpoint)
        self._scoring.deploy(
            Deployment(
                service_id=service.id,
                address=service.address,
                port=service.port,
                scorer=scorer,
                tls=service.tls,
                primary_key=service.keys.primary,
                secondary_key=service.keys.secondary,
                model=ModelName(*name),
                http_port=self._pool.http_port(endpoint),
                replicas=self._scorers.replicas(service),
            )
        )

    def _lost(self, service: Service, error: Exception) -> None:
        """Shows a service that did not come back with the reason; it keeps its address for the next start."""
        unexpected = None if isinstance(error, ScoringError) else error
        log.warning(
            "service %s (%s) did not come back: %s", service.name, service.id, error, exc_info=unexpected
        )
        with self._store.write() as db:
            current = services.find(db, service.id)
            if current is not None:
                services.save(db, current.failed(_failure(error)))

    def _found(self, service_id: str) -> None:
        with self._store.write() as db:
            service = services.find(db, service_id)
            if service is not None and service.error is not None:
                services.save(db, service.succeeded())


def _ending() -> StoppingError:
    return StoppingError("localcloud ends before the model is loaded.")


def _failure(error: Exception) -> Failure:
    if not isinstance(error, ScoringError):
        return Failure("InternalServerError", "An internal error occurred; localcloud's log has it.")
    return Failure(_CODES.get(type(error), "DeploymentFailed"), str(error))
