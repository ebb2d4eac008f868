"""The state machine of operations: every way that there is, and that there is no other."""

from __future__ import annotations

import itertools

import pytest

from localcloud.modelmanagement.operations import (
    CREATE,
    FAILED,
    NOT_STARTED,
    RUNNING,
    SUCCEEDED,
    Failure,
    Operation,
)

STATES = (NOT_STARTED, RUNNING, SUCCEEDED, FAILED)
WAYS = {(NOT_STARTED, RUNNING), (NOT_STARTED, FAILED), (RUNNING, SUCCEEDED), (RUNNING, FAILED)}
FAILURE = Failure("InvalidPackage", "The package is empty.", (("Empty", "It has no files."),))
PATH = "/api/subscriptions/s/resourcegroups/rg/accounts/a"


def operation(state: str = NOT_STARTED) -> Operation:
    return Operation(
        1, "op", "account", "svc", CREATE, state, '{"secret": 1}', None, "2026-01-01T00:00:00Z", None
    )


@pytest.mark.parametrize(("state", "following"), sorted(WAYS))
def test_each_way_leads_on(state: str, following: str) -> None:
    moved = operation(state).moved(following, FAILURE if following == FAILED else None)
    assert moved.state == following


@pytest.mark.parametrize(("state", "following"), sorted(set(itertools.product(STATES, STATES)) - WAYS))
def test_there_is_no_other_way(state: str, following: str) -> None:
    with pytest.raises(ValueError, match=f"no operation goes from {state} to {following}"):
        operation(state).moved(following, FAILURE if following == FAILED else None)


def test_an_operation_fails_with_a_failure_and_in_no_other_way() -> None:
    with pytest.raises(ValueError, match="a failed operation has a failure"):
        operation(RUNNING).moved(FAILED)
    with pytest.raises(ValueError, match="no other has one"):
        operation(RUNNING).moved(SUCCEEDED, FAILURE)


@pytest.mark.parametrize("ended", [SUCCEEDED, FAILED])
def test_what_is_finished_keeps_no_secret_and_has_an_end(ended: str) -> None:
    running = operation().moved(RUNNING)
    assert running.change is not None
    assert running.finished_on is None
    done = running.moved(ended, FAILURE if ended == FAILED else None)
    assert done.change is None
    assert done.finished_on is not None


def test_the_document_has_no_null_and_always_says_which_service() -> None:
    running = operation().moved(RUNNING)
    assert running.document(PATH) == {
        "id": "op",
        "operationType": "Service",
        "state": "Running",
        "createdTime": "2026-01-01T00:00:00Z",
        "resourceLocation": f"{PATH}/services/svc",
    }
    failed = running.moved(FAILED, FAILURE)
    assert failed.document(PATH)["endTime"] == failed.finished_on
    assert failed.document(PATH)["error"] == {
        "code": "InvalidPackage",
        "message": "The package is empty.",
        "details": [{"code": "Empty", "message": "It has no files."}],
    }


def test_secrets_of_a_change_are_not_in_its_repr() -> None:
    assert "secret" not in repr(operation())
