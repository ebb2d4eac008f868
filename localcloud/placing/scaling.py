"""The number of replicas that follows the calls under way, as Ray Serve asks for it. Pure.

Ray's controller has it by value: it knows nothing of this code but what is here.

Source: https://docs.ray.io/en/releases-2.60.0/serve/advanced-guides/advanced-autoscaling.html
"""

from __future__ import annotations

from typing import Any, Final

CALLS: Final = "calls"
"""What a replica tells Ray Serve of: the calls under way there."""


def by_calls(context: Any) -> tuple[float, dict[str, Any]]:
    """The number of replicas that are wanted, before Ray Serve's bounds and delays; and nothing to remember.

    Args:
        context: `ray.serve.config.AutoscalingContext`.
    """
    under_way = sum((context.aggregated_metrics or {}).get(CALLS, {}).values())
    return under_way / context.config.target_ongoing_requests, {}
