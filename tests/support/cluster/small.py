"""A small application: replicas that tell the addresses of their machines. It runs with Ray."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import ray
from ray import serve


@serve.deployment(
    ray_actor_options={"num_cpus": 0, "resources": {"scoring": 1}}, graceful_shutdown_timeout_s=1
)
class Small:
    """A replica."""

    def endpoint(self) -> list[str]:
        """The address of its machine."""
        return [ray.util.get_node_ip_address()]


def application(_arguments: dict[str, Any]) -> Any:
    """The application."""
    deployment: Any = Small
    return deployment.bind()


def main(head: str, address: str, replicas: int) -> None:
    """Has the cluster have so many, and prints the addresses of their machines once they answer."""
    from ray.serve.context import _get_global_client
    from ray.serve.schema import ServeDeploySchema

    ray.init(address=head, _node_ip_address=address, namespace="serve", log_to_driver=False)
    serve.start(proxy_location="Disabled")
    wanted: dict[str, Any] = {
        "name": "small",
        "import_path": f"{__spec__.name}:application",
        "route_prefix": None,
        "args": {},
        "deployments": [{"name": "Small", "num_replicas": replicas}],
    }
    schema = {"proxy_location": "Disabled", "applications": [wanted]}
    _get_global_client().deploy_apps(ServeDeploySchema.model_validate(schema))
    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            answers = serve.get_app_handle("small").broadcast("endpoint").results(timeout_s=10)
        except Exception as error:  # not up yet
            answers = []
            print(repr(error)[:300], file=sys.stderr)
        if len(answers) == replicas:
            print(json.dumps(sorted(one for (one,) in answers)))
            return
        time.sleep(0.2)
    raise TimeoutError(f"{len(answers)} of {replicas} replicas answer")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
