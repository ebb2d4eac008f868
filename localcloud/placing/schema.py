"""Wanted replicas as Ray Serve is told of them, and whether it was. Pure.

Source: https://docs.ray.io/en/releases-2.60.0/serve/api/doc/ray.serve.schema.ServeDeploySchema.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from localcloud.placing.wanted import Wanted

IMPORT_PATH: Final = "localcloud.placing.replica:application"
DEPLOYMENT: Final = "Replica"
_POLICY: Final = "localcloud.placing.scaling:by_calls"
_ONGOING: Final = 2
"""Calls under way that a replica may have before Ray starts another, where it may."""


def application(wanted: Wanted, files: str) -> dict[str, Any]:
    """An application of the declarative configuration.

    What changes in the life of a replica is not among the arguments: another argument is another replica.

    Args:
        files: `ADDRESS:PORT` where replicas fetch packages.
    """
    deployment = {
        "name": DEPLOYMENT,
        "user_config": {"files": files},
        # A fixed number has bounds, too: with this section or without it, or with another policy in it, it is
        # another version to Ray Serve, which replaces replicas in place.
        "autoscaling_config": {
            "min_replicas": wanted.replicas,
            "max_replicas": max(wanted.replicas, wanted.most or 0),
            "target_ongoing_requests": _ONGOING,
            # No call goes through Ray, which would count it.
            "policy": {"policy_function": _POLICY},
            "metrics_interval_s": 2,
            "look_back_period_s": 10,
            "upscale_delay_s": 5,
            "downscale_delay_s": 120,
        },
    }
    return {
        "name": wanted.application,
        "import_path": IMPORT_PATH,
        "route_prefix": None,
        "args": {"service_id": wanted.service_id, "digest": wanted.digest},
        "deployments": [deployment],
    }


def configuration(
    applications: Iterable[Mapping[str, Any]], others: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """The whole declarative configuration: what it does not name, Ray Serve ends.

    Args:
        others: applications of others as they were deployed, which stay as they are.
    """
    return {"proxy_location": "Disabled", "applications": [*applications, *others]}


def others(seen: Mapping[str, Any], own: Collection[str]) -> list[Mapping[str, Any]] | None:
    """The configurations of applications that are not ours; None: they are not known now.

    Args:
        seen: the applications of `ServeInstanceDetails`, by name.
        own: names of all that are ours.
    """
    found = []
    for name, details in seen.items():
        if name in own or details["source"] != "declarative" or details["status"] == "DELETING":
            continue
        if details.get("deployed_app_config") is None:
            return None
        found.append(details["deployed_app_config"])
    return found


def is_deployed(application: Mapping[str, Any], seen: Mapping[str, Any]) -> bool:
    """Whether Ray Serve has been told of the application as it is now.

    Args:
        seen: as of `others`.
    """
    details = seen.get(application["name"])
    if details is None or details["status"] == "DELETING":
        return False
    told = details.get("deployed_app_config") or {}
    return {name: told.get(name) for name in application} == application
