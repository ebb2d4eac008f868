"""An image file as the pixels that a model takes."""

from __future__ import annotations

import io
import math
import struct
import zlib
from typing import TYPE_CHECKING, Final

from localcloud.scoring.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

PIXELS_LIMIT: Final = 50_000_000
_FORMATS: Final = ("JPEG", "PNG", "GIF", "BMP", "WEBP")
_MODES: Final = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"})
# The share of the shorter side that is looked at: ImageNet's usual central crop.
_CROP: Final = 0.875


def decode_image(content: bytes, height: int, width: int) -> npt.NDArray[np.float32]:
    """The centre of an image, resized: float32 [1, height, width, 3], RGB, 0 to 255.

    The image is turned upright by its EXIF orientation, cropped to 0.875 of the largest centred part of the
    wanted proportions, and resized (bicubic).

    Raises:
        InputError: it is no JPEG, PNG, GIF, BMP or WebP, is damaged, or has over 50 million pixels.
    """
    import numpy as np
    from PIL import Image, ImageOps, UnidentifiedImageError

    # Pillow's own limit warns before it refuses; ours is checked before anything is decoded.
    Image.MAX_IMAGE_PIXELS = None
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            _check(image.width, image.height, image.mode)
            # A large JPEG is decoded at a fraction of its size, while twice what is needed remains.
            shrink = min(1.0, 2 * max(height, width) / _CROP / min(image.size))
            image.draft("RGB", (math.ceil(image.width * shrink), math.ceil(image.height * shrink)))
            ImageOps.exif_transpose(image, in_place=True)
            colours = image if image.mode == "RGB" else image.convert("RGB")
            box = _centre(colours.width, colours.height, height, width)
            resized = colours.resize((width, height), Image.Resampling.BICUBIC, box=box)
    except (OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error) as error:
        raise InputError(
            f"The image cannot be read as {', '.join(_FORMATS)}: {len(content)} bytes came"
            + ("." if isinstance(error, UnidentifiedImageError) else f"; {error}.")
        ) from error
    return np.asarray(resized, dtype=np.float32)[np.newaxis]


def _check(width: int, height: int, mode: str) -> None:
    if width * height > PIXELS_LIMIT:
        raise InputError(
            f"The image has {width} x {height} pixels; at most {PIXELS_LIMIT} are taken. Send a smaller one."
        )
    if mode not in _MODES:
        raise InputError(f"The image has pixels of mode {mode}; save it with 8 bits a channel, e.g. as RGB.")


def _centre(width: int, height: int, to_height: int, to_width: int) -> tuple[float, float, float, float]:
    """The part that is looked at, as left, upper, right and lower edge in pixels."""
    scale = min(width / to_width, height / to_height) * _CROP
    left, upper = (width - to_width * scale) / 2, (height - to_height * scale) / 2
    return left, upper, width - left, height - upper
