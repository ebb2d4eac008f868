"""The start of the program in a process of its own, with as little loaded as it needs."""

from __future__ import annotations

import gc

from pulumi.runtime.config import get_config_env, get_config_secret_keys_env

from infra import piecemeal, settling
from surroundings import settle


def start() -> None:
    """Runs the program with the configuration that the engine hands out."""
    settle()
    # It lives for seconds, and needs nearly all that it makes to its end: to look for what it does not need
    # takes a third of the time in which it declares fifty services.
    gc.disable()
    piecemeal.install()
    from infra.program import run  # it imports the SDK

    run(get_config_env(), get_config_secret_keys_env())
    settling.wait_for_all()
