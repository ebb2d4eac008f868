"""A photo's labels from an endpoint, with the time that each part took."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fpga.endpoint import Endpoint, KeyName
from fpga.errors import CommandError
from fpga.labels import Label, imagenet_labels, top


@dataclass(frozen=True)
class Classification:
    """What the service says of a photo.

    Attributes:
        labels: the best five, best first.
        address: `ADDRESS:PORT` that the name led to.
        connect_s: seconds for name resolution and connecting, TLS included.
        score_s: seconds from sending the photo to its scores.
    """

    labels: list[Label]
    address: str
    connect_s: float
    score_s: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def classify(
    endpoint: Endpoint, photo: Path, key: KeyName, name_server: str | None, timeout_s: float
) -> Classification:
    """Has the endpoint classify a photo.

    Raises:
        CommandError: the photo cannot be read.
        fpga.prediction_errors.PredictionError: the call failed.
    """
    try:
        image = photo.read_bytes()
    except OSError as error:
        raise CommandError(f"The photo {photo} cannot be read: {error.strerror}.") from None
    # What the client imports when it needs it is loaded before the clock starts.
    import dns.resolver  # noqa: F401
    import numpy  # noqa: F401

    with endpoint.client(key, name_server, timeout_s) as client:
        began = time.monotonic()
        address = client.connect()
        connected = time.monotonic()
        scores = client.score_image(image)
        scored = time.monotonic()
    return Classification(top(scores, imagenet_labels()), address, connected - began, scored - connected)


def table(labels: list[Label]) -> list[str]:
    """The labels as lines, scores in percent."""
    width = max(len(label.name) for label in labels)
    return [f"  {place}. {label.name:<{width}}  {label.score:7.2%}" for place, label in enumerate(labels, 1)]
