"""What is made of Ray Serve's words on an application."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.placing import seen
from localcloud.placing.messages import Asked, Running, Told
from localcloud.placing.wanted import Wanted
from localcloud.scoring.addresses import Endpoint

HERE, OTHER = "10.79.5.1", "10.79.5.2"
A, B, C = Endpoint(HERE, 7001), Endpoint(HERE, 7002), Endpoint(OTHER, 7001)
WANTED = Wanted("one", "1" * 64, 3)
TRACEBACK = """The deployment failed to start 3 times in a row. See controller logs for details. Error:
\x1b[36mray::ServeReplica:one:Replica.initialize_and_get_metadata()\x1b[39m (pid=17, ip=10.79.5.2)
  File "/a/ray/serve/_private/replica.py", line 1, in initialize
    raise RuntimeError(traceback.format_exc()) from None
RuntimeError: Traceback (most recent call last):
  File "/a/localcloud/placing/replica.py", line 1, in __init__
localcloud.scoring.errors.PackageError: The package holds no model: register another.
"""


def details(*states: str, status: str = "DEPLOYING", message: str = "") -> dict[str, Any]:
    """An application whose replicas are in these states; those without a node are `WAITING`."""
    replicas = [
        {"state": "STARTING", "node_id": None, "node_ip": None}
        if state == "WAITING"
        else {"state": state, "node_id": "n", "node_ip": HERE}
        for state in states
    ]
    deployment = {"status": "UPDATING", "message": message, "replicas": replicas}
    return {"status": status, "message": "", "deployments": {"Replica": deployment}}


@pytest.mark.parametrize(
    ("before", "answered", "addresses", "found"),
    [
        ([], [A, C], [HERE, OTHER], (A, C)),
        ([A, B], [A], [HERE, HERE], (A, B)),  # a silent one stays
        ([A, B], [A], [HERE], (A,)),  # Ray says that one is gone
        ([A, C], [], [HERE, OTHER], (A, C)),  # all are silent
        ([A, B], [], [HERE], (A, B)),  # one of them is gone: which?
        ([A, C], [], [OTHER], (C,)),
        ([A], [B], [HERE], (B,)),  # another in the place of one
        ([A, B, C], [], [], ()),  # Ray says that all are gone
        ([], [A, A], [HERE], (A,)),
    ],
)
def test_a_silent_replica_keeps_its_endpoint_until_ray_says_that_it_is_gone(
    before: list[Endpoint], answered: list[Endpoint], addresses: list[str], found: tuple[Endpoint, ...]
) -> None:
    assert seen.merged(before, answered, addresses) == found


def test_replicas_that_are_asked_whether_they_answer_are_there() -> None:
    shown = details("RUNNING", "RECOVERING", "STARTING", "STOPPING", "UPDATING", "PENDING_MIGRATION")
    assert [one["state"] for one in seen.there(shown)] == [
        "RUNNING",
        "RECOVERING",
        "UPDATING",
        "PENDING_MIGRATION",
    ]
    assert seen.there(None) == []
    assert seen.there({"status": "DEPLOYING", "deployments": {}}) == []


@pytest.mark.parametrize(
    ("shown", "places", "trouble", "flags"),
    [
        (
            details("RUNNING", "RUNNING", "WAITING"),
            (0, 4),
            "No node has room for another (all 4 places are taken): have another "
            "machine join the cluster (`fpga cloud join`).",
            (False, True),
        ),
        (
            details("RUNNING", "RUNNING", "WAITING"),
            (0, 0),
            "No node has room for another (none takes replicas): have another "
            "machine join the cluster (`fpga cloud join`).",
            (False, True),
        ),
        (
            details("RUNNING", "RUNNING", "WAITING"),
            (1, 4),
            "The others are being started.",
            (False, False),
        ),
        (
            details("RUNNING", "RUNNING", "STARTING", message=TRACEBACK),
            (0, 4),
            "The last that was started says: The package holds no model: register another.",
            (False, False),
        ),
        (
            details("RUNNING", "RUNNING", status="DEPLOY_FAILED", message=TRACEBACK),
            (0, 4),
            "The model cannot be loaded on a node: The package holds no model: register another.",
            (True, False),
        ),
    ],
)
def test_fewer_replicas_than_wanted_have_a_reason_with_numbers(
    shown: dict[str, Any], places: tuple[int, int], trouble: str, flags: tuple[bool, bool]
) -> None:
    assert seen.running(WANTED, shown, (A, C), places) == Running((A, C), trouble, *flags)


def test_enough_replicas_have_no_trouble() -> None:
    shown = details("RUNNING", "RUNNING", "RUNNING", "WAITING", message=TRACEBACK)
    assert seen.running(WANTED, shown, (A, B, C), (0, 3)) == Running((A, B, C))


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (TRACEBACK, "The package holds no model: register another."),
        ("", "it does not say why."),
        (
            "ray.ActorDiedError: The actor died unexpectedly before finishing this task.\n\tpid: 7",
            "its process ended before it was ready.",
        ),
        ("No module named 'numpy'", "No module named 'numpy'."),
        ("ValueError: " + "x" * 700, "x" * 599 + "…"),
        ("A line\nModuleNotFoundError: No module named 'localcloud'\n", "No module named 'localcloud'."),
    ],
)
def test_a_node_s_error_is_told_without_its_traceback(message: str, words: str) -> None:
    assert seen.words(message) == words


def test_messages_are_the_same_on_the_other_side() -> None:
    asked = Asked(
        number=3,
        address=f"{HERE}:6379",
        node=HERE,
        files=f"{HERE}:7000",
        wanted=(WANTED, Wanted("two", "2" * 64, 1, 4)),
        attempts={WANTED.application: 2},
        known={WANTED.application: (A, C)},
        own=("three-3",),
    )
    assert Asked.read(asked.line()) == asked
    running = Running((A, C), "a\nline", is_final=True, is_stuck=True)
    told = Told(3, True, None, 2, {WANTED.application: running, "three-3": Running()})
    assert Told.read(told.line()) == told
    assert asked.line().count(b"\n") == told.line().count(b"\n") == 1
    assert Told.read(Told(trouble="It is not there.").line()) == Told(trouble="It is not there.")
