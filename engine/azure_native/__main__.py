"""`python -m engine.azure_native ENGINE_ADDRESS`: serves the plugin, and prints its port for the engine."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import TYPE_CHECKING

from engine import plugin_process
from surroundings import settle

if TYPE_CHECKING:
    import grpc


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


def _start() -> tuple[grpc.Server, int]:
    for package in ("pulumi", "pulumi.runtime", "pulumi.runtime.proto"):
        _skip_package_body(package)
    from engine.azure_native.server import serve

    return serve()


def main() -> None:
    """Serves until the engine interrupts or ends."""
    settle()
    plugin_process.leave_with_the_engine()
    server, port = plugin_process.load(_start)
    print(port, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
