"""Photos' labels from an endpoint, with the time that each part took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from clients.prediction.labels import Scores, read_scores

if TYPE_CHECKING:
    from clients.prediction.client import PredictionClient
    from fpga.predict.photos import Photo

CLASSES_OF_IMAGENET = 1000


@dataclass(frozen=True)
class Classification:
    """The answer of the service for a photo.

    Attributes:
        address: `ADDRESS:PORT` that the name led to.
        connect_s: seconds for name resolution and connecting, TLS included; 0 for a photo after the first.
        score_s: seconds from sending the photo to its scores.
    """

    scores: Scores
    address: str
    connect_s: float
    score_s: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        told = {
            "labels": [asdict(label) for label in self.scores.labels],
            "probabilities": self.scores.probabilities,
            "shape": self.scores.shape,
            "address": self.address,
            "connect_s": self.connect_s,
            "score_s": self.score_s,
        }
        if self.scores.values:
            told["values"] = self.scores.values
        if self.scores.note:
            told["note"] = self.scores.note
        return told


def classify(
    client: PredictionClient,
    photos: Iterable[Photo],
    known_labels: Callable[[], Sequence[str]],
    tell: Callable[[str], object] = lambda _: None,
) -> Iterator[tuple[Photo, Classification | Exception]]:
    """Has a service classify photos over one connection; a photo that cannot be scored does not end it.

    Args:
        known_labels: those of a model of a thousand classes whose package is from before packages had labels;
            empty: it is not known to be such.
        tell: told what is waited for.

    Raises:
        clients.prediction.errors.PredictionError: the service cannot be reached, or refuses the key.
    """
    # What the client imports when it needs it is loaded before the clock starts.
    import dns.resolver  # noqa: F401
    import numpy  # noqa: F401

    from clients.prediction.errors import InvalidInput
    from fpga.errors import CommandError
    from fpga.predict.photos import STANDARD_INPUT

    connect_s = 0.0
    address = ""
    for photo in photos:
        try:
            tell("standard input is to end" if photo.name == STANDARD_INPUT else f"{photo.name} is read")
            image = photo.read()
            if not address:
                tell("it is connected to")
                began = time.monotonic()
                address = client.connect()
                connect_s = time.monotonic() - began
            tell(f"it is to score {photo.name}")
            sent = time.monotonic()
            answer = client.score_labelled(image)
            score_s = time.monotonic() - sent
        except (CommandError, InvalidInput) as error:
            yield photo, error
            continue
        labels: Sequence[str] = answer.labels
        if not labels and answer.scores.size == CLASSES_OF_IMAGENET:
            labels = known_labels()
        yield photo, Classification(read_scores(answer.scores, labels), address, connect_s, score_s)
        connect_s = 0.0
