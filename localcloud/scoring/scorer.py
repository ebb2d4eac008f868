"""The scorers of a service's calls: a model in this process, or replicas on other machines."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Protocol, runtime_checkable

from localcloud.scoring.addresses import Endpoint
from localcloud.scoring.counts import Counted


@dataclass(frozen=True)
class ModelShape:
    """What callers are told of a model.

    Attributes:
        height, width: the size in pixels of the images that it takes.
        labels: the names of the classes, in their order; empty: the package names none.
        result_shape: the shape of its answer, as it declares it; None in it: any size; empty: it does not.
    """

    height: int
    width: int
    labels: tuple[str, ...]
    result_shape: tuple[int | None, ...]

    def to_json(self) -> str:
        """The shape as it is kept, and told by another process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> ModelShape:
        """The shape that `to_json` wrote."""
        told = json.loads(text)
        return cls(told["height"], told["width"], tuple(told["labels"]), tuple(told["result_shape"]))


@runtime_checkable
class Scorer(Protocol):
    """Any number of threads may use it at a time.

    Attributes:
        shape: of its model.
        computes_here: whether an answer takes a core of this process; else it waits for other machines.
    """

    @property
    def shape(self) -> ModelShape: ...

    @property
    def computes_here(self) -> bool: ...

    def answer(self, message: bytes, timeout_s: float | None) -> bytes:
        """The answer to a call, a serialized `PredictResponse`.

        Args:
            message: a `PredictRequest` as it came; any bytes.
            timeout_s: what is left of the caller's deadline, in seconds; None: there is none.

        Raises:
            InputError: it cannot be scored.
            BusyError: there is no place for it.
            StoppingError: nobody answers now.
            ScoringError: the model failed.
        """


@runtime_checkable
class CountsElsewhere(Protocol):
    """A scorer whose model answers calls that do not come through this process, too."""

    def counted(self) -> Counted:
        """The counts of these calls, as they were told last."""


class Replicated(Scorer, Protocol):
    """A scorer whose replicas come and go."""

    def follow(self, endpoints: Collection[Endpoint]) -> None:
        """Has calls go to these from now on; those under way go on to their end."""

    def close(self) -> None:
        """Lets go of its connections, behind the calls under way."""
