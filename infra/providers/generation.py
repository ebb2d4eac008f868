"""A certificate's generation: an early renewal as configuration, a whole number from 1.

Raising it by one has the certificate issued anew in place. A state from before there were generations has
none, which is the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pulumi.dynamic import CheckFailure

NAME: Final = "generation"
_SETTING: Final = "fpga-web-service:certificateGeneration"


def of(props: Mapping[str, Any]) -> int:
    """The generation in a certificate's properties; the engine hands numbers out as floats."""
    return int(props.get(NAME, 1))


def lowered(olds: Mapping[str, Any], news: Mapping[str, Any]) -> list[CheckFailure]:
    """The refusal of a generation that is lower than the one that was issued; none for a new certificate."""
    if not olds or of(news) >= of(olds):
        return []
    reached = of(olds)
    refusal = (
        f"{_SETTING} goes from {reached} to {of(news)}: a certificate that was replaced does not come back. "
        f"Set it to {reached}, or to {reached + 1} for a new one"
    )
    return [CheckFailure(NAME, refusal)]
