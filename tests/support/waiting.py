"""Waiting for what another thread or process does."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Final

from localcloud import waiting

PATIENCE_S: Final = 180.0
"""When what has not happened is taken for what never will: long enough for a machine that does much else."""


def wait_until(holds: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
    """Looks again and again until it holds.

    Raises:
        AssertionError: it does not in time.
    """
    assert waiting.until(holds, timeout_s), "it did not become true in time"


def is_closed(port: int) -> bool:
    """Whether nothing listens at a TCP port of loopback."""
    try:
        socket.create_connection(("127.0.0.1", port), PATIENCE_S).close()
    except ConnectionRefusedError:
        return True
    return False
