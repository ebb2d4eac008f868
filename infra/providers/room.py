"""The wait for FPGAs that another service of the stack gives back in the same update.

The engine updates services side by side, and the preview has counted what all of them hold afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from infra.providers import engine_log

if TYPE_CHECKING:
    from clients.azure.model_management import Service

WAIT_S: Final = 120.0
_NO_FPGA: Final = "FpgaQuotaExceeded"


def awaited(act: Callable[[], Service], name: str) -> Service:
    """The service that comes of what needs FPGAs, once there are enough.

    Raises:
        QuotaExceeded: there are not, after `WAIT_S`.
    """
    from clients.azure.errors import QuotaExceeded
    from clients.azure.operations import Pending, Waiter

    tell = engine_log.Waiting()
    end_s = time.monotonic() + WAIT_S

    def look() -> Service | Pending:
        try:
            return act()
        except QuotaExceeded as error:
            if error.code != _NO_FPGA or time.monotonic() > end_s:
                raise
            tell(f"The service {name} waits for FPGAs that another service of the stack gives back.")
            return Pending(str(error))

    # the deadline is that of the refusals: what is accepted takes its own time
    return Waiter().until_done(look, what=f"FPGAs for the service {name}", deadline_s=2 * WAIT_S)
