"""`python -m engine.azure_native ENGINE_ADDRESS`: serves the plugin, and prints its port for the engine."""

from __future__ import annotations

import importlib.util
import os
import signal
import stat
import sys
import threading
from types import ModuleType


def _skip_package_body(name: str) -> None:
    """Lets submodules of a package be imported without running the package's own `__init__`.

    Of the Pulumi SDK this process needs the generated messages alone; importing all of it doubles the time
    that the process takes to start, which every `pulumi` command waits for.
    """
    spec = importlib.util.find_spec(name)
    if spec is None or spec.submodule_search_locations is None:
        raise SystemExit(f"the Python package {name} is not installed beside this plugin")
    package = ModuleType(name)
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules[name] = package


def _leave_with_the_engine() -> None:
    """Ends the process when the engine ends without saying so: it holds the other end of our stdin."""
    while os.read(0, 4096):
        pass
    os._exit(0)


def main() -> None:
    """Serves until the engine interrupts or ends."""
    # At once: the engine waits five seconds for a plugin that it interrupted before it kills it.
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    for package in ("pulumi", "pulumi.runtime", "pulumi.runtime.proto"):
        _skip_package_body(package)
    from engine.azure_native.server import serve

    server, port = serve()
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        threading.Thread(target=_leave_with_the_engine, daemon=True).start()
    print(port, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
