"""Waiting for what another thread or process does."""

from __future__ import annotations

from collections.abc import Callable

from localcloud import waiting


def wait_until(holds: Callable[[], bool], timeout_s: float = 30.0) -> None:
    """Looks again and again until it holds.

    Raises:
        AssertionError: it does not in time.
    """
    assert waiting.until(holds, timeout_s), "it did not become true in time"
