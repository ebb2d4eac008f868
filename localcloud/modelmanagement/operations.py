"""Long-running operations: a state machine, and its rows.

States as in the Model Management API's AsyncOperationStatus:

    NotStarted ──► Running ──► Succeeded
         │            └──────► Failed
         └───────────────────► Failed
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from localcloud.arm.resources import now
from localcloud.datafolder.store import vault_of
from localcloud.datafolder.vault import Place
from localcloud.errors import CloudError

NOT_STARTED = "NotStarted"
RUNNING = "Running"
SUCCEEDED = "Succeeded"
FAILED = "Failed"

CREATE = "Create"
UPDATE = "Update"
DELETE = "Delete"

_NEXT = {
    NOT_STARTED: {RUNNING, FAILED},
    RUNNING: {SUCCEEDED, FAILED},
    SUCCEEDED: set[str](),
    FAILED: set[str](),
}


@dataclass(frozen=True)
class Failure:
    """A failure in the API's words: a code, sentences, and parts with a code of their own."""

    code: str
    message: str
    details: tuple[tuple[str, str], ...] = ()

    def document(self) -> dict[str, Any]:
        """The failure as `error` shows it. `details` is always there: the 2018 client cannot do without."""
        details = [{"code": code, "message": message} for code, message in self.details]
        return {"code": self.code, "message": self.message, "details": details}


@dataclass(frozen=True)
class Operation:
    """An operation that was accepted, and what became of it.

    Attributes:
        sequence: its place in its queue.
        change: JSON of what an update asks for; None for other actions, and once it is finished.
        error: the failure's document, of a failed one.
        created_on, finished_on: RFC 3339, UTC.
    """

    sequence: int
    id: str
    account_id: str
    service_id: str
    action: str
    state: str
    change: str | None = field(repr=False)
    error: dict[str, Any] | None
    created_on: str
    finished_on: str | None

    def moved(self, state: str, failure: Failure | None = None) -> Operation:
        """The operation in its next state.

        Raises:
            ValueError: no way leads there, or the failure does not fit the state.
        """
        if state not in _NEXT[self.state]:
            raise ValueError(f"no operation goes from {self.state} to {state}")
        if (failure is None) == (state == FAILED):
            raise ValueError("a failed operation has a failure, and no other has one")
        error = failure.document() if failure else None
        if state == RUNNING:
            return replace(self, state=state)
        return replace(self, state=state, change=None, error=error, finished_on=now())

    def document(self, account_path: str) -> dict[str, Any]:
        """The operation as the API shows it. Deletes have a resourceLocation too; `error` is there or not,
        never null.

        Args:
            account_path: path of the account on the data plane, without a final slash.
        """
        shown: dict[str, Any] = {
            "id": self.id,
            "operationType": "Service",
            "state": self.state,
            "createdTime": self.created_on,
            "resourceLocation": f"{account_path}/services/{self.service_id}",
        }
        if self.finished_on is not None:
            shown["endTime"] = self.finished_on
        if self.error is not None:
            shown["error"] = self.error
        return shown


@dataclass(frozen=True)
class Queue:
    """The operations of an account that wait for each other: its deletions, or all others."""

    account_id: str
    deletions: bool


def accept(
    db: sqlite3.Connection, account_id: str, service_id: str, action: str, change: str | None = None
) -> Operation:
    """Puts an operation at the end of its queue."""
    operation_id = str(uuid.uuid4())
    written = None if change is None else vault_of(db).seal(_place(operation_id), change)
    row = db.execute(
        "INSERT INTO operations (id, account_id, service_id, action, state, change, created_on)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING *",
        (operation_id, account_id, service_id, action, NOT_STARTED, written, now()),
    ).fetchone()
    return _operation(db, row)


def require(db: sqlite3.Connection, account_id: str, operation_id: str) -> Operation:
    """The operation of that ID in an account.

    Raises:
        CloudError: 404 OperationNotFound.
    """
    row = db.execute(
        "SELECT * FROM operations WHERE id = ? AND account_id = ?", (operation_id.lower(), account_id)
    ).fetchone()
    if row is None:
        raise CloudError(404, "OperationNotFound", f"There is no operation '{operation_id}' in this account.")
    return _operation(db, row)


def latest(db: sqlite3.Connection, account_id: str, count: int) -> list[Operation]:
    """The operations of an account that were accepted last, the newest first, `count` at most."""
    rows = db.execute(
        "SELECT * FROM operations WHERE account_id = ? ORDER BY sequence DESC LIMIT ?", (account_id, count)
    )
    return [_operation(db, row) for row in rows]


def queues(db: sqlite3.Connection) -> list[Queue]:
    """The queues that hold something, the one with the oldest operation first."""
    rows = db.execute(
        "SELECT account_id, action = 'Delete' AS deletions FROM operations WHERE finished_on IS NULL"
        " GROUP BY account_id, deletions ORDER BY min(sequence)"
    )
    return [Queue(row["account_id"], bool(row["deletions"])) for row in rows]


def first_of(db: sqlite3.Connection, queue: Queue) -> Operation | None:
    """The head of a queue. What is to be deleted is neither made nor changed any more."""
    row = db.execute(
        "SELECT * FROM operations AS one WHERE finished_on IS NULL AND account_id = :account"
        " AND (action = 'Delete') = :deletions AND (:deletions OR NOT EXISTS"
        " (SELECT 1 FROM operations WHERE service_id = one.service_id AND action = 'Delete'"
        " AND finished_on IS NULL)) ORDER BY sequence LIMIT 1",
        {"account": queue.account_id, "deletions": queue.deletions},
    ).fetchone()
    return None if row is None else _operation(db, row)


def find_unfinished(db: sqlite3.Connection, operation_id: str) -> Operation | None:
    """An operation as it is now; None: it has ended, or is gone with its account."""
    row = db.execute(
        "SELECT * FROM operations WHERE id = ? AND finished_on IS NULL", (operation_id,)
    ).fetchone()
    return None if row is None else _operation(db, row)


def cancel_others(db: sqlite3.Connection, deletion: Operation) -> None:
    """Ends what else a service has in the queue, for it is deleted."""
    rows = db.execute(
        "SELECT * FROM operations WHERE service_id = ? AND finished_on IS NULL AND id != ?",
        (deletion.service_id, deletion.id),
    ).fetchall()
    failure = Failure(
        "OperationCanceled",
        f"The service was deleted (operation {deletion.id}) before this operation had ended.",
    )
    for row in rows:
        save(db, _operation(db, row).moved(FAILED, failure))


def unfinished_of(db: sqlite3.Connection, service_id: str, action: str | None = None) -> Operation | None:
    """The last one that a service still has in the queue, of one action or any."""
    row = db.execute(
        "SELECT * FROM operations WHERE service_id = :service AND finished_on IS NULL"
        " AND (:action IS NULL OR action = :action) ORDER BY sequence DESC LIMIT 1",
        {"service": service_id, "action": action},
    ).fetchone()
    return None if row is None else _operation(db, row)


def save(db: sqlite3.Connection, operation: Operation) -> None:
    """Writes an operation's state."""
    db.execute(
        "UPDATE operations SET state = ?, change = ?, error = ?, finished_on = ? WHERE id = ?",
        (
            operation.state,
            None if operation.change is None else vault_of(db).seal(_place(operation.id), operation.change),
            json.dumps(operation.error) if operation.error else None,
            operation.finished_on,
            operation.id,
        ),
    )


def forget_finished(db: sqlite3.Connection, age: timedelta) -> None:
    """Forgets operations that ended longer ago than `age`."""
    before = (datetime.now(UTC) - age).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    db.execute("DELETE FROM operations WHERE finished_on < ?", (before,))


def changes(db: sqlite3.Connection) -> list[Operation]:
    """The updates that are not finished."""
    rows = db.execute("SELECT * FROM operations WHERE finished_on IS NULL AND change IS NOT NULL")
    return [_operation(db, row) for row in rows]


def _place(operation_id: str) -> Place:
    return Place("operations", "change", operation_id)


def _operation(db: sqlite3.Connection, row: sqlite3.Row) -> Operation:
    values = dict(row)
    if values["change"] is not None:
        values["change"] = vault_of(db).unseal(_place(values["id"]), values["change"])
    return Operation(**values | {"error": json.loads(values["error"]) if values["error"] else None})
