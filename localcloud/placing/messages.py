"""The messages between localcloud and its child that holds the Ray driver: a line of JSON each. Pure.

Both are the whole of what there is to say: who misses one misses nothing with the next.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from localcloud.placing.wanted import Wanted
from localcloud.scoring.addresses import Endpoint


@dataclass(frozen=True)
class Asked:
    """What the child is to see to.

    Attributes:
        number: of the message: each has a higher one.
        address: `HOST:PORT` of the cluster's head.
        node: this machine's address in the cluster.
        files: `ADDRESS:PORT` where replicas fetch packages.
        wanted: the applications that there are to be.
        attempts: of each of them, by name, how often it was asked for: one that failed before this is begun
            anew at once.
        known: where their replicas answered last, by name.
        own: names of further applications that are this localcloud's, and are to go.
    """

    number: int
    address: str
    node: str
    files: str
    wanted: tuple[Wanted, ...]
    attempts: Mapping[str, int] = field(default_factory=dict)
    known: Mapping[str, tuple[Endpoint, ...]] = field(default_factory=dict)
    own: tuple[str, ...] = ()

    def line(self) -> bytes:
        """The message as a line."""
        return _line(asdict(self))

    @classmethod
    def read(cls, line: bytes) -> Asked:
        """The message of a line that `line` made."""
        told = json.loads(line)
        wanted = tuple(Wanted(**one) for one in told["wanted"])
        known = {name: _endpoints(each) for name, each in told["known"].items()}
        return cls(**told | {"wanted": wanted, "known": known, "own": tuple(told["own"])})


@dataclass(frozen=True)
class Running:
    """An application as it is on the cluster.

    Attributes:
        endpoints: where its replicas answer; sorted.
        trouble: the reason why there are fewer than wanted, a sentence; None: none is known.
        is_final: it has failed for now, and waiting alone mends nothing; it is begun anew from time to time.
        is_stuck: it goes on once somebody makes room.
    """

    endpoints: tuple[Endpoint, ...] = ()
    trouble: str | None = None
    is_final: bool = False
    is_stuck: bool = False


@dataclass(frozen=True)
class Told:
    """What the child has seen.

    Attributes:
        number: of the message of localcloud's that it has seen to; 0: of none.
        is_connected: the cluster answers.
        trouble: the reason why not, a sentence; None: it does, or there was no time yet.
        nodes: how many machines the cluster has.
        applications: what is known of those that are asked for, by name, and of others of this localcloud's
            that are still there. A name that is left out: of a wanted one nothing is known yet, another one
            is gone.
    """

    number: int = 0
    is_connected: bool = False
    trouble: str | None = None
    nodes: int = 0
    applications: Mapping[str, Running] = field(default_factory=dict)

    def line(self) -> bytes:
        """The message as a line."""
        return _line(asdict(self))

    @classmethod
    def read(cls, line: bytes) -> Told:
        """The message of a line that `line` made."""
        told = json.loads(line)
        applications = {
            name: Running(**one | {"endpoints": _endpoints(one["endpoints"])})
            for name, one in told["applications"].items()
        }
        return cls(**told | {"applications": applications})


def _endpoints(told: Iterable[Sequence[Any]]) -> tuple[Endpoint, ...]:
    return tuple(Endpoint(str(address), int(port)) for address, port in told)


def _line(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"
