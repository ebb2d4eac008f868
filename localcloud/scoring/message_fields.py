"""The fields of a PredictRequest message, counted before it is parsed.

A field of two bytes can take a hundred once it is parsed, and protobuf parses a message in one piece, while
every other thread of the process waits: 64 MiB of empty entries would take gigabytes, and many seconds of all
services. What anyone sends on purpose has some ten fields.

Source: https://protobuf.dev/programming-guides/encoding; the fields are those of
`clients/wire/tensorflow_serving.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from localcloud.scoring.errors import InputError

PARTS_LIMIT: Final = 1000
"""Most parts of a message that have a length of their own: tensors, sizes of a shape, strings."""

VALUES_LIMIT: Final = 400_000
"""Most numbers that are written one by one, and not as the bytes of an array: those of two images."""

_VARINT, _FIXED_64, _DELIMITED, _FIXED_32 = 0, 1, 2, 5
_VARINT_BYTES: Final = 10


@dataclass(frozen=True)
class _Kind:
    """A kind of message: what its fields hold, as far as it is looked into.

    Attributes:
        messages: numbers of the fields that are messages.
        numbers: numbers of the fields that are lists of whole numbers, a byte or more each.
    """

    messages: Mapping[int, _Kind] = field(default_factory=dict)
    numbers: frozenset[int] = frozenset()


_TENSOR: Final = _Kind({2: _Kind()}, frozenset({7, 10}))
_REQUEST: Final = _Kind({2: _Kind({2: _TENSOR})})


class _Broken(ValueError):
    """A message that is none."""


class _Counter:
    def __init__(self, message: bytes) -> None:
        self._message = message
        self._parts = self._values = 0

    def count(self, kind: _Kind, at: int, end: int) -> None:
        """Goes over the fields of a message between two places.

        Raises:
            InputError: there are too many.
            _Broken: they are none.
        """
        while at < end:
            tag, at = self._varint(at, end)
            number, wire_type = tag >> 3, tag & 7
            if wire_type == _DELIMITED:
                length, at = self._varint(at, end)
                if length > end - at:
                    raise _Broken
                self._parts += 1
                if self._parts > PARTS_LIMIT:
                    raise InputError(f"The message has more than {PARTS_LIMIT} parts; send one image a call.")
                if number in kind.messages:
                    self.count(kind.messages[number], at, at + length)
                elif number in kind.numbers:
                    self._number(length)
                at += length
            elif wire_type == _VARINT:
                _, at = self._varint(at, end)
                self._number(1)
            elif wire_type in (_FIXED_32, _FIXED_64):
                at += 4 if wire_type == _FIXED_32 else 8
                self._number(1)
            else:  # groups, which nothing has written since 2008
                raise _Broken
        if at > end:
            raise _Broken

    def _number(self, count: int) -> None:
        self._values += count
        if self._values > VALUES_LIMIT:
            raise InputError(
                f"The message lists more than {VALUES_LIMIT} numbers one by one; send them in tensor_content."
            )

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        """The number that begins at a place, and where the next one does."""
        value = 0
        for index in range(_VARINT_BYTES):
            if at >= end:
                break
            byte = self._message[at]
            at += 1
            value |= (byte & 0x7F) << 7 * index
            if byte < 0x80:
                return value, at
        raise _Broken


def require_few(message: bytes) -> None:
    """Refuses a message that would take much more when it is parsed than it has bytes.

    Raises:
        InputError: it would, or it is no message of fields at all.
    """
    try:
        _Counter(message).count(_REQUEST, 0, len(message))
    except _Broken:
        raise InputError(
            "The message is no tensorflow.serving.PredictRequest: its fields break off."
        ) from None
