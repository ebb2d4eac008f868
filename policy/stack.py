"""The stack that is previewed or updated, as the engine tells it before anything is checked.

The engine hands a policy pack the stack's configuration in `pulumirpc.Analyzer.ConfigureStack`
(`pulumi/analyzer.proto` of Pulumi 3.250). The SDK keeps its tags alone, and a pack's environment has no
configuration, so this listens, too. Nothing is kept but the answer to one question, for secrets come in the
clear.
"""

from __future__ import annotations

from typing import Any

PRODUCTION = "fpga-web-service:production"

_told: bool | None = None


def listen() -> None:
    """Has the SDK's servicer, which is made later, tell of the stack."""
    from pulumi_policy import policy

    class Servicer(policy._PolicyAnalyzerServicer):
        def ConfigureStack(self, request: Any, context: Any) -> Any:
            configure(request.config)
            return super().ConfigureStack(request, context)

    policy._PolicyAnalyzerServicer = Servicer  # type: ignore[misc]


def configure(config: Any) -> None:
    """Takes from the stack's configuration, a mapping from `namespace:key` to text, what rules need."""
    global _told
    _told = config.get(PRODUCTION, "").strip() == "true"


def production() -> bool:
    """Whether this is a production stack.

    Raises:
        RuntimeError: nobody has told. A rule that took that for a no would pass what it should refuse.
    """
    if _told is None:
        raise RuntimeError(
            "The engine has not told the policy pack the stack's configuration, so nobody knows whether it "
            f"has {PRODUCTION}. Use Pulumi 3.250 or newer, with the pinned pulumi-policy."
        )
    return _told
