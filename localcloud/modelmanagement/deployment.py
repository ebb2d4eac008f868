"""Makes what was accepted true: the steps of each operation, and what a restart has to bring back."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from clients.wire.onnx_model import warm_up
from localcloud.datafolder.store import Store
from localcloud.modelmanagement import addresses, models, operations, services
from localcloud.modelmanagement.attempts import Attempts
from localcloud.modelmanagement.models import Packages
from localcloud.modelmanagement.operations import Failure, Operation
from localcloud.modelmanagement.services import Change, Service
from localcloud.modelmanagement.trials import Trials
from localcloud.scoring.addresses import AddressPool, Endpoint
from localcloud.scoring.device import Device
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
    from localcloud.scoring.pipeline import Pipeline
    from localcloud.scoring.scorer import Scorer

log = logging.getLogger(__name__)

_CODES = {
    PackageError: "InvalidPackage",
    TlsError: "InvalidSslCertificate",
    BindError: "AddressNotAvailable",
    CrashError: "PackageEndsTheServer",
}


class Deployer:
    """Deploys, changes and removes services, one operation of a service at a time.

    What answers callers follows the database: it changes after the commit, never before it. Where a commit
    fails, what answered goes on, and the operation is taken up again.

    Args:
        pool: where services may answer.
        packages: the models' files.
        attempts: counts the loads of packages, any of which may end the process.
        trials: try packages before they are loaded.
    """

    def __init__(
        self,
        store: Store,
        scoring: ScoringHost,
        device: Device,
        pool: AddressPool,
        packages: Packages,
        attempts: Attempts,
        trials: Trials,
    ) -> None:
        self._store = store
        self._scoring = scoring
        self._device = device
        self._pool = pool
        self._packages = packages
        self._attempts = attempts
        self._trials = trials
        self._pipelines: dict[str, tuple[str, Pipeline]] = {}  # service -> model, pipeline
        self._waiting: dict[str, Future[Scorer]] = {}  # what `restore` left to `load_restored`
        # Held from where a row is read to where it answers: the last one to come has the newest row.
        self._following = threading.Lock()
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)  # by service
        self._suspects = threading.Lock()

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

    def restore(self, service: Service) -> None:
        """Has a service answer again where it did; its model is loaded later, by `load_restored`."""
        pipeline: Future[Scorer] = Future()
        try:
            self._deploy(service, pipeline)
        except Exception as error:  # whatever it is, the other services come back
            self._lost(service, error)
        else:
            self._waiting[service.id] = pipeline

    def load_restored(self, stopped: Callable[[], bool]) -> None:
        """Loads the models of restored services; calls that came meanwhile waited for them.

        Called again after an error, it goes on where it was.
        """
        for service_id in list(self._waiting):
            with self._turns[service_id]:
                self._load_one_restored(service_id, stopped)

    def _load_one_restored(self, service_id: str, stopped: Callable[[], bool]) -> None:
        if stopped():
            self._waiting.pop(service_id).set_exception(_ending())
            return
        with self._store.read() as db:
            service = services.find(db, service_id)
        if service is None:
            self._waiting.pop(service_id).set_exception(PackageError("The service is gone."))
            return
        if service_id in self._pipelines:  # an operation has loaded it meanwhile
            self._waiting.pop(service_id).set_result(self._pipelines[service_id][1])
            return
        try:
            pipeline = self._load_counted(service, service.model_id)
        except CancelledError as error:
            self._waiting.pop(service_id).set_exception(_ending() if stopped() else error)
            return
        except sqlite3.Error:
            raise
        except Exception as error:  # whatever it is, the other services come back
            self._lost(service, error)
            self._waiting.pop(service_id).set_exception(error)
            self._scoring.remove(service_id)
            return
        self._pipelines[service_id] = (service.model_id, pipeline)
        self._waiting.pop(service_id).set_result(pipeline)
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
        self._pipelines.pop(service_id, None)

    def _apply(self, operation: Operation) -> None:
        with self._store.read() as db:
            service = services.find(db, operation.service_id)
        if service is None:
            raise LookupError(f"the service {operation.service_id} has no row")
        change = Change.from_json(operation.change) if operation.change else None
        target = service.changed(change) if change else service
        try:
            pipeline = self._load_counted(target, operation.id)
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
            self._follow(service.id, pipeline)
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

    def _follow(self, service_id: str, pipeline: Pipeline) -> None:
        """Has a service answer as the database has it."""
        with self._following:
            with self._store.read() as db:
                service = services.find(db, service_id)
            if service is not None:
                self._deploy(service, pipeline)
                self._pipelines[service.id] = (service.model_id, pipeline)

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
        answers = operation.action == operations.UPDATE and service.id in self._pipelines
        if answers:
            try:
                self._follow(service.id, self._pipelines[service.id][1])
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

    def _load_counted(self, service: Service, subject: str) -> Pipeline:
        """The pipeline of a service's model, which is loaded where none is there yet.

        Args:
            subject: what the attempt is counted for.

        Raises:
            PackageError: it cannot be loaded.
            CrashError: earlier processes ended while they loaded it.
        """
        # services of one model share it, and a new certificate needs no new model
        for model_id, pipeline in list(self._pipelines.values()):
            if model_id == service.model_id:
                return pipeline
        if self._attempts.given_up(subject):
            raise CrashError(
                f"localcloud ended {self._attempts.crashes(subject)} times while it loaded the package of "
                f"the model {service.model_id}, so it is not loaded again. Register another package, or, if "
                "something else ended localcloud, deploy or update the service once more."
            )
        try:
            self._trials.require(
                self._packages.path(service.model_id), service.id, lambda: self._is_wanted(service.id)
            )
        except OSError as error:
            raise _gone(service, error) from None
        warm_up()  # it takes its time, in which nothing is to blame
        # of several that were under way when a process ended, one alone did it: they are told apart
        alone = self._suspects if self._attempts.crashes(subject) else nullcontext()
        with alone, self._attempts.counted(subject):
            return self._load(service)

    def _is_wanted(self, service_id: str) -> bool:
        """Whether the service is there, and not about to be deleted."""
        with self._store.read() as db:
            return (
                services.find(db, service_id) is not None
                and operations.unfinished_of(db, service_id, operations.DELETE) is None
            )

    def _load(self, service: Service) -> Pipeline:
        from localcloud.scoring.pipeline import load_package  # onnxruntime and numpy, when first needed

        try:
            content = self._packages.path(service.model_id).read_bytes()
        except OSError as error:
            raise _gone(service, error) from None
        return load_package(content, self._device, timeout_s=None)

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

    def _deploy(self, service: Service, pipeline: Scorer | Future[Scorer]) -> None:
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
                scorer=pipeline,
                tls=service.tls,
                primary_key=service.keys.primary,
                secondary_key=service.keys.secondary,
                model=ModelName(*name),
                http_port=self._pool.http_port(endpoint),
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


def _gone(service: Service, error: OSError) -> PackageError:
    return PackageError(f"The package of the model {service.model_id} is gone: {error.strerror}.")


def _failure(error: Exception) -> Failure:
    if not isinstance(error, ScoringError):
        return Failure("InternalServerError", "An internal error occurred; localcloud's log has it.")
    return Failure(_CODES.get(type(error), "DeploymentFailed"), str(error))
