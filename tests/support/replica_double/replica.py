"""Replicas that listen and score nothing; those of a digest that begins with `bad` cannot be made."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

import ray
from ray import serve

from localcloud.scoring.errors import PackageError


@serve.deployment(
    name="Replica",
    ray_actor_options={"num_cpus": 0, "resources": {"scoring": 1}},
    health_check_period_s=1,
    health_check_timeout_s=5,
    graceful_shutdown_timeout_s=2,
)
class Replica:
    """A replica."""

    def __init__(self, digest: str) -> None:
        if digest.startswith("bad"):
            raise PackageError("The package holds no model: register another.")
        self._listener = socket.create_server((ray.util.get_node_ip_address(), 0))

    def reconfigure(self, config: Mapping[str, str]) -> None:
        """Takes another server of files."""
        self._files = config["files"]

    def endpoint(self) -> list[Any]:
        """Where it listens."""
        return list(self._listener.getsockname())


def application(args: Mapping[str, str]) -> Any:
    """The application."""
    return Replica.bind(args["digest"])  # type: ignore[attr-defined]
