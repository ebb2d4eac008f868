"""The threads that work operations off: each account has its own, and its deletions have another."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from localcloud.datafolder.store import Store
from localcloud.modelmanagement import operations
from localcloud.modelmanagement.deployment import Deployer
from localcloud.modelmanagement.operations import Queue

RETRY_INTERVAL_S = 5.0
ACCOUNTS_AT_ONCE: Final = 16
"""How many accounts have a thread at a time; further ones take their turn, the longest waiting first."""

log = logging.getLogger(__name__)


class Worker:
    """Sleeps until it is woken, then has the queues emptied that the table of operations holds.

    One queue does not wait for another: an account's operations run one after another beside those of other
    accounts, and its deletions beside both.
    """

    def __init__(self, store: Store, deployer: Deployer) -> None:
        self._store = store
        self._deployer = deployer
        self._changed = threading.Condition()
        self._woken = True  # a restart may find queues
        self._stopping = False
        self._worked_off: set[Queue] = set()  # those that have a thread
        self._applying = ThreadPoolExecutor(ACCOUNTS_AT_ONCE, "operations")
        self._deleting = ThreadPoolExecutor(ACCOUNTS_AT_ONCE, "deletions")
        self._threads = [
            threading.Thread(target=self._restore, name="restoring", daemon=True),
            threading.Thread(target=self._run, name="queues", daemon=True),
        ]

    def start(self) -> None:
        """Begins with what the last process left in the queues, and loads the models of restored services."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Says that an operation was accepted, after its transaction has ended."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def begin_stop(self) -> None:
        """Begins no operation any more; what is still in a queue is for the next start."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def stop(self) -> None:
        """Waits for the operations under way."""
        self.begin_stop()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        self._applying.shutdown()
        self._deleting.shutdown()

    def _restore(self) -> None:
        while not self._is_stopping():
            try:
                self._deployer.load_restored(self._is_stopping)
                return
            except Exception:
                self._tell_and_wait("the models of services cannot be loaded")
        self._deployer.load_restored(self._is_stopping)  # lets go of calls that still wait for a model

    def _run(self) -> None:
        while self._wait():
            try:
                self._hand_out()
            except Exception:
                self._tell_and_wait("the operations cannot go on")
                self.wake()

    def _hand_out(self) -> None:
        """Gives each queue a thread that has none."""
        with self._store.read() as db:
            queues = operations.queues(db)
        for queue in queues:
            with self._changed:
                if queue in self._worked_off:
                    continue
                self._worked_off.add(queue)
            (self._deleting if queue.deletions else self._applying).submit(self._empty, queue)

    def _empty(self, queue: Queue) -> None:
        try:
            while not self._is_stopping():
                with self._store.read() as db:
                    operation = operations.first_of(db, queue)
                if operation is None:
                    return
                self._deployer.work_off(operation)
                log.info(
                    "operation %s (%s of service %s) done",
                    operation.id,
                    operation.action,
                    operation.service_id,
                )
        except Exception:  # a full disk, say: what was accepted must not wait for a restart
            self._tell_and_wait("the operations cannot go on")
        finally:
            with self._changed:
                self._worked_off.discard(queue)
            self.wake()  # one may have been accepted since

    def _tell_and_wait(self, words: str) -> None:
        """Writes the error that is handled into the log, and waits until it is worth another try."""
        log.exception("%s; the next try is in %g s", words, RETRY_INTERVAL_S)
        with self._changed:
            self._changed.wait_for(lambda: self._stopping, RETRY_INTERVAL_S)

    def _wait(self) -> bool:
        """True when there may be work, False when the thread is to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._woken or self._stopping)
            self._woken = False
            return not self._stopping

    def _is_stopping(self) -> bool:
        with self._changed:
            return self._stopping
