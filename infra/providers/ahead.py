"""Importing ahead: what a creation will need is loaded while the plugin waits for others.

The clients' libraries take most of a second to import, as long as all of their calls together. A resource
that is about to be created starts a thread that imports them, stage by stage in the order of the graph;
whoever needs a stage waits for it. Two threads never import the same packages at once: where packages
import each other in circles, Python would hand one of them a half of it. Without a creation no thread
starts, and the first who needs something imports it.
"""

from __future__ import annotations

import contextlib
import importlib
import threading

STAGES = {
    "certificates": ("certs.sources.self_signed",),
    "cloud": ("clients.azure.takeover", "azure.identity", "azure.storage.blob"),
    "proof": ("infra.proof.endpoint", "dns.resolver", "numpy"),
}

_loaded = {stage: threading.Event() for stage in STAGES}
_started = threading.Event()
_starting = threading.Lock()


def start() -> None:
    """Begins with the first stage, once a process; returns at once."""
    with _starting:
        if _started.is_set():
            return
        _started.set()
        threading.Thread(target=_load_all, name="import-ahead", daemon=True).start()


def require(stage: str) -> None:
    """Returns when a stage's modules are loaded, where that has begun; else its user imports them."""
    if _started.is_set():
        _loaded[stage].wait()


def _load_all() -> None:
    for stage, modules in STAGES.items():
        # a failure shows again, with its words, where the module is used
        with contextlib.suppress(ImportError):
            for module in modules:
                importlib.import_module(module)
        _loaded[stage].set()
