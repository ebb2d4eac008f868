"""The parts of Ray that replicas have no use for, left out while `ray start` runs (`RAY_START_HOOK`).

Ray's own process calls it; this one never does.
"""

from __future__ import annotations

from typing import Any, Final

VARIABLE: Final = {"RAY_START_HOOK": f"{__name__}.leave_out"}


def leave_out(parameters: Any, _is_head: bool) -> None:
    """Leaves out the server of Ray Client, which no option of `ray start` does: one door less.

    Args:
        parameters: `ray._private.parameter.RayParams`.
    """
    parameters.ray_client_server_port = None
