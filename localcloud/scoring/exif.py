"""The orientation in EXIF, however odd the rest of it is: read entry by entry, none but this one looked at.

Source: EXIF 2.3, 4.6; TIFF 6.0, section 2.
"""

from __future__ import annotations

import struct
from typing import Final

_PREFIX: Final = b"Exif\0\0"
ORIENTATION: Final = 0x0112
_ENTRY_SIZE: Final = 12
# by the field's type: BYTE, SHORT, LONG; all of them fit into the entry itself
_FORMATS: Final = {1: "B", 3: "H", 4: "I"}
_ASCII: Final = 2


def orientation(exif: bytes) -> int | None:
    """The orientation that EXIF tells, 1 to 8; None: it tells none, or cannot be read that far."""
    tiff = exif.removeprefix(_PREFIX)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return None
    try:
        (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, directory)
        for entry in range(count):
            at = directory + 2 + entry * _ENTRY_SIZE
            tag, kind = struct.unpack_from(f"{order}HH", tiff, at)
            if tag == ORIENTATION:
                return _value(order, kind, tiff[at + 8 : at + _ENTRY_SIZE])
    except struct.error:  # it breaks off
        return None
    return None


def _value(order: str, kind: int, field: bytes) -> int | None:
    if kind == _ASCII:
        digit = field[:1]
        value = int(digit) if digit.isdigit() else 0
    elif kind in _FORMATS:
        (value,) = struct.unpack_from(order + _FORMATS[kind], field)
    else:
        return None
    return value if 1 <= value <= 8 else None
