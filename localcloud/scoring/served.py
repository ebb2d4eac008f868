"""The model that a service answers with, and the keys that open it."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field

from localcloud.scoring.scorer import Scorer


@dataclass(frozen=True)
class ModelName:
    """The name and version of a registered model."""

    name: str
    version: int


@dataclass(frozen=True)
class ServedModel:
    """The model that answers calls, and the keys that open it.

    Attributes:
        scorer: scores the images; as a future, it is still being loaded, and calls wait for it.
        keys: either of them opens the service; None: anyone may call, and a key that comes is ignored.
        name: what the model is called.
    """

    scorer: Scorer | Future[Scorer]
    keys: tuple[str, str] | None = field(repr=False)
    name: ModelName
