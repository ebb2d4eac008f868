"""The thread that works operations off, one after another, in the order in which they were accepted."""

from __future__ import annotations

import logging
import threading

from localcloud.modelmanagement import operations
from localcloud.modelmanagement.deployment import Deployer
from localcloud.store import Store

RETRY_INTERVAL_S = 5.0

log = logging.getLogger(__name__)


class Worker:
    """Sleeps until it is woken, then empties the queue, which is the table of operations."""

    def __init__(self, store: Store, deployer: Deployer) -> None:
        self._store = store
        self._deployer = deployer
        self._changed = threading.Condition()
        self._woken = True  # a restart may find a queue
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="operations", daemon=True)

    def start(self) -> None:
        """Begins with what the last process left in the queue."""
        self._thread.start()

    def wake(self) -> None:
        """Says that an operation was accepted, after its transaction has ended."""
        with self._changed:
            self._woken = True
            self._changed.notify()

    def begin_stop(self) -> None:
        """Begins no operation any more; what is still in the queue is for the next start."""
        with self._changed:
            self._stopping = True
            self._changed.notify()

    def stop(self) -> None:
        """Waits for the operation under way."""
        self.begin_stop()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while self._wait():
            try:
                self._deployer.load_restored(self._is_stopping)
                self._empty_queue()
            except Exception:  # a full disk, say: what was accepted must not wait for a restart
                log.exception("the operations cannot go on; the next try is in %g s", RETRY_INTERVAL_S)
                self._wake_later()
        self._deployer.load_restored(self._is_stopping)  # lets go of calls that still wait for a model

    def _empty_queue(self) -> None:
        while not self._is_stopping():
            with self._store.read() as db:
                operation = operations.first_unfinished(db)
            if operation is None:
                return
            self._deployer.work_off(operation)
            log.info(
                "operation %s (%s of service %s) done", operation.id, operation.action, operation.service_id
            )

    def _wake_later(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping, RETRY_INTERVAL_S)
            self._woken = True

    def _wait(self) -> bool:
        """True when there may be work, False when the thread is to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._woken or self._stopping)
            self._woken = False
            return not self._stopping

    def _is_stopping(self) -> bool:
        with self._changed:
            return self._stopping
