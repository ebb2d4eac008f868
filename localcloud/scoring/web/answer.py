"""The answers in JSON, in the shape of TensorFlow Serving's REST API.

Source: https://www.tensorflow.org/tfx/serving/api_rest
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from clients.wire.messages import POOL
from clients.wire.tensorflow_serving import LABELS, OUTPUT, array_from_tensor
from localcloud.scoring import request as messages
from localcloud.scoring.scorer import Scorer
from localcloud.scoring.web.request import JsonRequest

JSON: Final = "application/json"


@dataclass(frozen=True)
class Answer:
    """An answer of HTTP.

    Attributes:
        status: its code.
        body: JSON.
        headers: beside those of every answer.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def refusal(status: int, words: str, headers: Mapping[str, str] | None = None) -> Answer:
    """A refusal: `{"error": words}`."""
    return Answer(status, _json({"error": words}), headers or {})


def of_message(message: Message) -> Answer:
    """A message of the protos, by the names of its fields."""
    told = MessageToDict(
        message,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
        descriptor_pool=POOL,
    )
    return Answer(200, _json(told))


def predicted(request: JsonRequest, scorer: Scorer) -> Answer:
    """The answer to a request.

    Raises:
        ScoringError: as of `Scorer.answer`.
        ArithmeticError: the model gives what is no number.
    """
    import numpy as np

    scores = np.concatenate(
        [array_from_tensor(messages.scores(scorer, images, None)) for images in request.images]
    )
    if not np.isfinite(scores).all():
        raise ArithmeticError("scores that are no numbers, which JSON has not")
    if request.by_row:
        return Answer(200, _json({"predictions": scores.tolist()}))
    outputs: dict[str, Any] = {OUTPUT: scores.tolist()}
    if LABELS not in request.outputs:
        return Answer(200, _json({"outputs": outputs[OUTPUT]}))
    return Answer(200, _json({"outputs": outputs | {LABELS: list(scorer.shape.labels)}}))


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
