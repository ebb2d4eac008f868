"""`python -m engine.dynamic_provider ENGINE_ADDRESS`: Pulumi's dynamic provider, which ends with the engine.

Started by Pulumi's own launcher it would outlive an engine that was killed, and an interrupt in the middle
of a create would make the engine wait five seconds for it.
"""

from __future__ import annotations

import os
import runpy
import sys

from engine import plugin_process


def main() -> None:
    """Serve until the engine interrupts or ends."""
    plugin_process.leave_with_the_engine()
    # Providers are imported from the program's folder, as with `python -m pulumi.dynamic`.
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - no need of pathlib
    runpy.run_module("pulumi.dynamic", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
