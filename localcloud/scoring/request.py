"""`PredictRequest` messages, which are any bytes, and the answers to them."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.message import DecodeError

from clients.wire.messages import PredictRequest, PredictResponse, TensorProto
from clients.wire.tensorflow_serving import INPUT, LABELS, OUTPUT, tensor_from_bytes
from localcloud.scoring.errors import InputError
from localcloud.scoring.message_fields import require_few
from localcloud.scoring.scorer import Scorer


def read(message: bytes) -> PredictRequest:
    """The request in a message.

    Raises:
        InputError: it is none that a service takes.
    """
    require_few(message)
    try:
        request = PredictRequest.FromString(message)
    except DecodeError as error:
        raise InputError(f"The message is no tensorflow.serving.PredictRequest: {error}") from error
    if set(request.inputs) != {INPUT}:
        came = ", ".join(sorted(request.inputs)) or "none"
        raise InputError(f"This service takes one input, '{INPUT}'; the request has: {came}.")
    if request.output_filter and OUTPUT not in request.output_filter:
        wanted = ", ".join(request.output_filter)
        raise InputError(f"This service gives one output, '{OUTPUT}'; output_filter asks for: {wanted}.")
    return request


def answer(request: PredictRequest, scores: TensorProto, labels: Sequence[str]) -> bytes:
    """The answer to a request, a serialized `PredictResponse`.

    Args:
        labels: of the classes; they are told where the request asks for them.
    """
    response = PredictResponse()
    response.outputs[OUTPUT].CopyFrom(scores)
    if LABELS in request.output_filter and labels:
        response.outputs[LABELS].CopyFrom(tensor_from_bytes([label.encode() for label in labels]))
    return response.SerializeToString()


def scores(scorer: Scorer, images: TensorProto, timeout_s: float | None) -> TensorProto:
    """The scores of images that came in another form than a `PredictRequest`.

    Raises:
        ScoringError: as of `Scorer.answer`.
    """
    message = PredictRequest()
    message.inputs[INPUT].CopyFrom(images)
    return PredictResponse.FromString(scorer.answer(message.SerializeToString(), timeout_s)).outputs[OUTPUT]
