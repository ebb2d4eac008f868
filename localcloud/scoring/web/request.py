"""A prediction in JSON: a request in the shape of TensorFlow Serving's REST API.

Source: https://www.tensorflow.org/tfx/serving/api_rest
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, Final

from clients.wire.messages import TensorProto
from clients.wire.tensorflow_serving import INPUT, LABELS, OUTPUT, tensor_from_array, tensor_from_bytes
from localcloud.scoring.errors import InputError
from localcloud.scoring.model_facts import IMAGE_FILE, PIXELS

IMAGES_LIMIT: Final = 32
"""Most image files of a request."""

PARTS_LIMIT: Final = 500_000
"""Most values, lists and names of a request: those of three images, number by number."""

_MEMBERS: Final = frozenset({"signature_name", "instances", "inputs", "output_filter"})
_B64: Final = "b64"


@dataclass(frozen=True)
class JsonRequest:
    """A request that was read.

    Attributes:
        images: a tensor for each time that the model is to run.
        by_row: it came as `instances`, and is answered as `predictions`; else as `inputs` and `outputs`.
        outputs: the names of the outputs that it asks for; empty: it names none.
    """

    images: tuple[TensorProto, ...]
    by_row: bool
    outputs: tuple[str, ...]


def read(body: bytes) -> JsonRequest:
    """The request in a body.

    Raises:
        InputError: it is none, in words for who sent it.
    """
    if sum(body.count(mark) for mark in (b",", b"[", b"{")) > PARTS_LIMIT:
        raise InputError(
            f"The request has more than {PARTS_LIMIT} values; send images as files, in {_B64}, not by "
            "numbers."
        )
    try:
        value = json.loads(body)
    except RecursionError:
        raise InputError("The request is nested too deeply.") from None
    except ValueError as error:  # of JSON, or of its encoding
        raise InputError(f"The request is no JSON: {error}.") from None
    if not isinstance(value, dict):
        raise InputError('The request is no JSON object; send {"instances": [{"b64": "..."}]}.')
    unknown = sorted(set(value) - _MEMBERS)
    if unknown:
        raise InputError(
            f"The request has {', '.join(unknown)[:200]}; it may have {', '.join(sorted(_MEMBERS))}."
        )
    if ("instances" in value) == ("inputs" in value):
        raise InputError("The request has to have either instances or inputs.")
    if value.get("signature_name", IMAGE_FILE) not in (IMAGE_FILE, PIXELS, ""):
        raise InputError(f"signature_name: there are {IMAGE_FILE} and {PIXELS}.")
    by_row = "instances" in value
    outputs = _outputs(value.get("output_filter", []), by_row=by_row)
    return JsonRequest(_rows(value["instances"]) if by_row else _columns(value["inputs"]), by_row, outputs)


def _outputs(value: object, *, by_row: bool) -> tuple[str, ...]:
    there = (OUTPUT, LABELS)
    if not isinstance(value, list) or not all(name in there for name in value):
        raise InputError(f"output_filter: a list of names is expected; there are {OUTPUT} and {LABELS}.")
    if by_row and LABELS in value:
        raise InputError(
            f"output_filter: {LABELS} are the model's, and not one image's: send inputs, not instances."
        )
    return tuple(value)


def _rows(value: object) -> tuple[TensorProto, ...]:
    if not isinstance(value, list) or not value:
        raise InputError("instances: a list is expected, of an image or more.")
    images = [_named(one, "instances") for one in value]
    if all(_is_file(one) for one in images):
        return _files(images, "instances")
    return (_pixels(images, "instances"),)


def _columns(value: object) -> tuple[TensorProto, ...]:
    images = _named(value, "inputs")
    if _is_file(images):
        return _files([images], "inputs")
    if isinstance(images, list) and images and all(_is_file(one) for one in images):
        return _files(images, "inputs")
    return (_pixels(images, "inputs"),)


def _named(value: Any, where: str) -> Any:
    """The images, which may stand under the input's name."""
    if not isinstance(value, dict) or _is_file(value):
        return value
    if set(value) != {INPUT}:
        came = ", ".join(sorted(value))[:200] or "none"
        raise InputError(f"{where}: this service takes one input, '{INPUT}'; the request has: {came}.")
    return value[INPUT]


def _is_file(value: object) -> bool:
    return isinstance(value, dict) and set(value) == {_B64}


def _files(values: list[Any], where: str) -> tuple[TensorProto, ...]:
    if len(values) > IMAGES_LIMIT:
        raise InputError(f"{where}: {len(values)} images came; a request takes {IMAGES_LIMIT}.")
    found = []
    for value in values:
        text = value[_B64]
        try:
            content = base64.b64decode(text, validate=True) if isinstance(text, str) else None
        except (binascii.Error, ValueError):
            content = None
        if content is None:
            raise InputError(f"{where}: {_B64} holds no base64 (RFC 4648 section 4), an image file's bytes.")
        found.append(tensor_from_bytes([content]))
    return tuple(found)


def _pixels(value: object, where: str) -> TensorProto:
    import numpy as np

    try:
        array = np.array(value, dtype=np.float32)
    except (ValueError, TypeError, OverflowError):
        array = None
    if array is None or array.ndim == 0:
        raise InputError(
            f'{where}: neither image files, as {{"b64": "..."}}, nor lists of the numbers of their pixels.'
        )
    return tensor_from_array(array)
