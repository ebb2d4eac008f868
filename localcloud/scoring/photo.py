"""A photo that a person has scored on the page: with a place, in its turn, and counted as any other call."""

from __future__ import annotations

import logging
import time
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass
from typing import Final

from clients.wire.tensorflow_serving import array_from_tensor, tensor_from_bytes
from localcloud.scoring import model_facts, request
from localcloud.scoring.calls import Calls
from localcloud.scoring.counts import PREDICT, Counts
from localcloud.scoring.errors import BusyError, InputError, ScoringError, StoppingError
from localcloud.scoring.scorer import Scorer
from localcloud.scoring.served import ServedModel
from localcloud.scoring.turns import Turn

TIMEOUT_S: Final = 30.0
"""How long a photo waits for its turn, and is scored."""
BEST: Final = 5

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PhotoScores:
    """The best classes of a photo with their scores, the best first.

    Attributes:
        best: labels, or `class N` where the package has none.
        are_probabilities: whether all scores are of 0 to 1.
        duration_s: from the photo's coming to its scores.
    """

    best: tuple[tuple[str, float], ...]
    are_probabilities: bool
    duration_s: float


def score_photo(
    service: str, model: ServedModel, calls: Calls, counts: Counts, peer: str, photo: bytes
) -> PhotoScores:
    """The scores of a photo, an image file's bytes.

    Args:
        service: the ID of the service.
        model: answers.
        calls: of all services.
        counts: of this service.
        peer: address of who sent it.

    Raises:
        BusyError: there is no place for it now, or it was not its turn in time.
        InputError: it is no image.
        StoppingError: the model is still being loaded, or nobody answers now.
        ScoringError: the model failed.
    """
    began = time.perf_counter()
    try:
        with calls.web(service, peer, len(photo)):
            counts.received(len(photo))
            found = _computed(service, model, calls, photo, began)
    except BusyError:
        counts.ended(PREDICT, "RESOURCE_EXHAUSTED")
        raise
    except InputError:
        counts.ended(PREDICT, "INVALID_ARGUMENT")
        raise
    except StoppingError:
        counts.ended(PREDICT, "UNAVAILABLE")
        raise
    except Exception:
        _log.exception("The model failed on a photo of %d bytes", len(photo))
        counts.ended(PREDICT, "INTERNAL")
        raise ScoringError("The model failed on this photo.") from None
    counts.answered(found.duration_s, 0)
    return found


def _computed(service: str, model: ServedModel, calls: Calls, photo: bytes, began: float) -> PhotoScores:
    scorer = model_facts.loaded(model.scorer)
    if scorer is None:
        raise StoppingError(model_facts.LOADING)
    if not scorer.computes_here:
        return _scores(scorer, photo, began)
    turn = Turn(service, lambda: _scores(scorer, photo, began))
    calls.turns.enqueue(turn)
    try:
        return turn.result(TIMEOUT_S)
    except (NotInTime, CancelledError):
        if turn.cancel():
            calls.turns.withdraw(turn)
        raise BusyError(
            f"It was not the photo's turn within {TIMEOUT_S:.0f} seconds; try again later."
        ) from None


def _scores(scorer: Scorer, photo: bytes, began: float) -> PhotoScores:
    import numpy as np

    scores = array_from_tensor(request.scores(scorer, tensor_from_bytes([photo]), TIMEOUT_S)).reshape(-1)
    if not np.isfinite(scores).all():
        raise ArithmeticError("scores that are no numbers")
    names = scorer.shape.labels if len(scorer.shape.labels) == len(scores) else ()
    best = (-scores).argsort(kind="stable")[:BEST]
    return PhotoScores(
        tuple((names[i] if names else f"class {i}", float(scores[i])) for i in best),
        bool(scores.min() >= 0 and scores.max() <= 1),
        time.perf_counter() - began,
    )
