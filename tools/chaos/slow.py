"""Slow callers: the 99th percentile of other services' calls beside two of them, over the quiet one."""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

import grpc

from localcloud.scoring.addresses import Endpoint
from localcloud.scoring.calls import Calls
from localcloud.scoring.host import Deployment, ScoringHost
from localcloud.scoring.pipeline import load_package
from localcloud.scoring.served import ModelName
from tests.support.certificates.authority import Authority
from tests.support.localcloud.scoring_parts import (
    PRIMARY,
    SECONDARY,
    channel,
    device,
    free_endpoint,
    package,
    photo_request,
    predict,
    tls_material,
)
from tests.support.localcloud.stuck_caller import silent_caller, stuck_caller
from tools.chaos.table import Progress, Table, rounds

CALLERS: Final = 2
CALLS: Final = 20
BLOCKS: Final = 5
"""Calls in a row of one side, and how often the sides take turns: what else the machine does meets both."""
LIMIT: Final = 2.0

Attack = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True)
class Parts:
    """A service that is attacked with SSL, one without, and another one of the same host."""

    host: ScoringHost
    secured: Endpoint
    open: Endpoint
    other: Endpoint
    root: bytes

    def attacks(self) -> dict[str, Attack]:
        """The ways of being slow."""
        return {
            "half a message, with the key, then nothing": lambda: stuck_caller(
                self.secured, self.root, PRIMARY
            ),
            "half a message, with the key, a byte a tenth of a second": lambda: stuck_caller(
                self.secured, self.root, PRIMARY, trickle_s=0.1
            ),
            "half a message, SSL off, then nothing": lambda: stuck_caller(self.open),
            "half a message, without a key": lambda: stuck_caller(self.secured, self.root),
            "a connection without a TLS handshake": lambda: silent_caller(self.secured),
            "a TLS handshake, a byte a tenth of a second": lambda: silent_caller(self.secured, trickle_s=0.1),
        }


@contextmanager
def served() -> Iterator[Parts]:
    """The services, in this process."""
    authority, host = Authority(), ScoringHost(Calls())
    pipeline = load_package(package(), device())

    def deployed(name: str, *, secure: bool) -> Endpoint:
        where = free_endpoint()
        tls = tls_material(authority) if secure else None
        host.deploy(Deployment(name, *where, pipeline, tls, PRIMARY, SECONDARY, ModelName("model", 1)))
        return where

    try:
        yield Parts(
            host,
            deployed("secured", secure=True),
            deployed("open", secure=False),
            deployed("other", secure=True),
            authority.root,
        )
    finally:
        host.stop()


def p99(seconds: list[float]) -> float:
    """The 99th percentile."""
    return statistics.quantiles(seconds, n=100)[98]


def measure(seconds: float, progress: Progress) -> Table:
    """Quiet calls and calls beside each attack, in turns."""
    quiet: dict[str, list[float]] = {}
    beside: dict[str, list[float]] = {}
    refused: list[str] = []
    with served() as parts, channel(parts.other, parts.root) as opened:
        attacks = parts.attacks()
        call = functools.partial(predict, opened, photo_request(), PRIMARY)
        _took(call, CALLS)  # warms up
        for number in rounds(seconds):
            for name, attack in attacks.items():
                for sides, under in BLOCKS * ((quiet, False), (beside, True)):
                    with ExitStack() as stuck:
                        for _ in range(CALLERS if under else 0):
                            stuck.enter_context(attack())
                        try:
                            sides.setdefault(name, []).extend(_took(call, CALLS))
                        except grpc.RpcError as error:
                            refused.append(f"{name}: {error}")
            progress(
                f"turn {number + 1}: {max(p99(beside[n]) / p99(quiet[n]) for n in attacks):.2f} x at most"
            )
    table = Table(
        ("two callers that send", "calls beside", "quiet p99, ms", "p99 beside, ms", "ratio"), broken=refused
    )
    for name in attacks:
        ratio = p99(beside[name]) / p99(quiet[name])
        row = [name, len(beside[name]), 1000 * p99(quiet[name]), 1000 * p99(beside[name]), ratio]
        table.rows.append(row)
        if ratio > LIMIT:
            table.broken.append(f"{name}: p99 is {ratio:.2f} times the quiet one, and {LIMIT:g} at most")
    return table


def _took(call: Callable[[], object], times: int) -> list[float]:
    """Seconds of each call."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        took.append(time.perf_counter() - began)
    return took
