"""The parts of Ray that replicas have no use for, left out while `ray start` runs (`RAY_START_HOOK`).

Each of them would be a door. Ray's own process calls this; ours never does.
"""

from __future__ import annotations

from typing import Any, Final

VARIABLES: Final = {
    "RAY_START_HOOK": f"{__name__}.leave_out",
    # nobody reads them, and they would be served to everybody
    "RAY_enable_metrics_collection": "0",
}


def leave_out(parameters: Any, _is_head: bool) -> None:
    """Leaves out what no option of `ray start` does: Ray Client's server, the dashboard's, and its agents'.

    Args:
        parameters: `ray._private.parameter.RayParams`.
    """
    from ray._private import node, utils

    parameters.ray_client_server_port = None
    node.Node.start_api_server = _without_api_server
    # an agent without the packages of the dashboard listens nowhere
    utils.get_dashboard_dependency_error = _left_out


def _without_api_server(node: Any, **_options: Any) -> None:
    """Says where the dashboard is, for agents ask every second, and log that they were not told: nowhere."""
    from ray._private.ray_constants import DASHBOARD_ADDRESS, KV_NAMESPACE_DASHBOARD

    client = node.get_gcs_client()
    client.internal_kv_put(DASHBOARD_ADDRESS.encode(), b"127.0.0.1:0", True, KV_NAMESPACE_DASHBOARD)


def _left_out() -> ImportError:
    return ImportError("the dashboard is left out")
