"""What Ray Serve says of an application, as people and callers need it. Pure.

Source: https://docs.ray.io/en/releases-2.60.0/serve/api/doc/ray.serve.schema.ServeInstanceDetails.html
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from localcloud.placing.messages import Running
from localcloud.placing.schema import DEPLOYMENT
from localcloud.placing.wanted import Wanted
from localcloud.scoring.addresses import Endpoint

_THERE: Final = frozenset({"RUNNING", "UPDATING", "RECOVERING", "PENDING_MIGRATION"})
"""States of a replica whose process answers, or is being asked whether it does."""
_FAILED: Final = frozenset({"DEPLOY_FAILED"})
_LONGEST: Final = 600
"""Most characters that are quoted of an error."""
_DIED: Final = "The actor died unexpectedly before finishing this task"
_ERROR: Final = re.compile(r"^(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?:Error|Exception|Exit): *(?P<words>.*)$")


def replicas(details: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """The replicas that an application has, in whatever state.

    Args:
        details: the application's `ApplicationDetails`; None: Ray Serve has none of that name.
    """
    deployment = ((details or {}).get("deployments") or {}).get(DEPLOYMENT) or {}
    return list(deployment.get("replicas") or ())


def there(details: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """Those of `replicas` that answer, or did when Ray last asked."""
    return [one for one in replicas(details) if one["state"] in _THERE]


def merged(
    before: Collection[Endpoint], answered: Iterable[Endpoint], addresses: Iterable[str]
) -> tuple[Endpoint, ...]:
    """The endpoints of an application's replicas, where some of these may not have answered in time.

    What was known of a silent one stays: that it is gone is for Ray to say, or for who calls it.

    Args:
        before: those of before.
        answered: where those listen that have answered.
        addresses: the addresses of the nodes of all replicas that are there, one each.
    """
    found = set(answered)
    silent = Counter(addresses)
    silent.subtract(endpoint.address for endpoint in found)
    # which of several silent ones is gone is not known before all answer
    found.update(endpoint for endpoint in before if silent[endpoint.address] > 0)
    return tuple(sorted(found))


def running(
    wanted: Wanted, details: Mapping[str, Any], endpoints: tuple[Endpoint, ...], places: tuple[int, int]
) -> Running:
    """An application as it is, with the reason why it is not as it is wanted.

    Args:
        details: as of `replicas`.
        endpoints: of `merged`.
        places: how many replicas can still be started on the cluster's nodes, and how many these can have.
    """
    if len(endpoints) >= wanted.replicas:
        return Running(endpoints)
    deployment = (details.get("deployments") or {}).get(DEPLOYMENT) or {}
    message = deployment.get("message") or details.get("message") or ""
    if details["status"] in _FAILED or deployment.get("status") in _FAILED:
        return Running(endpoints, f"The model cannot be loaded on a node: {words(message)}", is_final=True)
    free, every = places
    waiting = [one for one in replicas(details) if one["state"] == "STARTING" and not one.get("node_id")]
    if waiting and free < 1:
        room = f"all {every} places are taken" if every else "none takes replicas"
        return Running(
            endpoints,
            f"No node has room for another ({room}): have another machine join the cluster "
            "(`fpga cloud join`).",
            is_stuck=True,
        )
    if "Error" in message or _DIED in message:
        return Running(endpoints, f"The last that was started says: {words(message)}")
    return Running(endpoints, "The others are being started." if endpoints else "They are being started.")


def words(message: str) -> str:
    """The sentence of an error as a node tells it: without the traceback around it."""
    if _DIED in message:
        return "its process ended before it was ready."
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    for line in reversed(lines):
        found = _ERROR.match(line)
        if found and found["words"]:
            return _sentence(found["words"])
    return _sentence(lines[-1] if lines else "it does not say why")


def _sentence(text: str) -> str:
    cut = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return cut if cut.endswith((".", "…", "!", "?")) else f"{cut}."
