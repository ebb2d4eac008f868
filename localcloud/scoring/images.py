"""An image file as the pixels that a model takes; what else the file holds may be broken."""

from __future__ import annotations

import io
import math
import warnings
from typing import TYPE_CHECKING, Final

from localcloud.scoring.errors import InputError
from localcloud.scoring.exif import ORIENTATION, orientation

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image, Transpose
    from PIL.JpegImagePlugin import JpegImageFile

PIXELS_LIMIT: Final = 50_000_000
"""Most pixels that are decoded."""

JPEG_PIXELS_LIMIT: Final = 1_000_000_000
"""Most pixels of a JPEG, which is decoded at a fraction of its size: some seconds."""

COEFFICIENTS_LIMIT: Final = 400_000_000
"""Most bytes that a JPEG's coefficients take, where they come in several scans and are all kept."""

_FORMATS: Final = ("JPEG", "PNG", "GIF", "BMP", "WEBP")
_MODES: Final = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"})
# The share of the shorter side that is looked at: ImageNet's usual central crop.
_CROP: Final = 0.875
_BACKGROUND: Final = "white"
_START_OF_SCAN: Final = b"\xff\xda"  # JPEG (ITU-T T.81), B.2.3

# EXIF orientation -> value of PIL.Image.Transpose, and those of them that swap width and height.
_TURNS: Final = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
_SIDEWAYS: Final = (2, 4, 5, 6)

# What people send that is not decoded: where in the file, the bytes, its name.
_OTHERS: Final = (
    *(
        (4, b"ftyp" + brand, "HEIC")
        for brand in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")
    ),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftyp", "a video"),
    (0, b"II*\0", "TIFF, or a camera's raw file"),
    (0, b"MM\0*", "TIFF, or a camera's raw file"),
    (0, b"\0\0\0\x0cJXL ", "JPEG XL"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (0, b"%PDF", "PDF"),
    (0, b"<", "a text, such as SVG or HTML"),
)


def decode_image(content: bytes, height: int, width: int) -> npt.NDArray[np.float32]:
    """The centre of an image, resized: float32 [1, height, width, 3], RGB, 0 to 255.

    The image is cropped to 0.875 of the largest centred part of the wanted proportions, resized (bicubic),
    and turned upright by its EXIF orientation, where that can be read. Where it is transparent, white shows
    through. Of an animation the first image is taken. Colour profiles are left aside, as in training.

    A JPEG is decoded at a fraction of its size, while twice what is needed remains.

    Raises:
        InputError: it is no JPEG, PNG, GIF, BMP or WebP, is damaged, or would take too much memory.
    """
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    # Pillow's own limit warns before it refuses; ours is checked before anything is decoded.
    Image.MAX_IMAGE_PIXELS = None
    # Of odd EXIF Pillow warns, and reads on.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            _shrink(image, content, max(height, width))
            turn = _turn(image)
            size = (height, width) if turn in _SIDEWAYS else (width, height)
            colours = _colours(image)
            resized = colours.resize(size, Image.Resampling.BICUBIC, box=_centre(colours.size, size))
            if turn is not None:
                resized = resized.transpose(turn)
    except InputError:
        raise
    except UnidentifiedImageError as error:
        raise InputError(_unreadable(content, _likeness(content))) from error
    except Exception as error:  # what Pillow raises on damaged files has no root of its own
        raise InputError(_unreadable(content, f"{error}.")) from error
    return np.asarray(resized, dtype=np.float32)[np.newaxis]


def _turn(image: Image) -> Transpose | None:
    """The turn that sets the image upright; None: it is, or nothing tells."""
    from PIL.Image import Transpose

    image.load()  # a PNG may hold EXIF behind its pixels
    exif = image.info.get("exif")
    value = orientation(exif) if isinstance(exif, bytes) else None
    if value is None:
        try:  # forms that Pillow knows beside EXIF, such as XMP
            value = image.getexif().get(ORIENTATION)
        except Exception:  # they can be broken in any way, and nothing but this is wanted of them
            return None
    return Transpose(_TURNS[value]) if value in _TURNS else None


def _shrink(image: Image, content: bytes, side: int) -> None:
    """Has a JPEG decoded at a fraction; refuses what would take too much memory."""
    from PIL.JpegImagePlugin import JpegImageFile

    full = image.size
    jpeg = isinstance(image, JpegImageFile)
    if isinstance(image, JpegImageFile) and math.prod(full) <= JPEG_PIXELS_LIMIT:
        _check_scans(image, content)
        fraction = min(1.0, 2 * side / _CROP / min(full))
        image.draft("RGB", (math.ceil(full[0] * fraction), math.ceil(full[1] * fraction)))
    if math.prod(image.size) > PIXELS_LIMIT:
        limit = JPEG_PIXELS_LIMIT if jpeg and math.prod(full) > JPEG_PIXELS_LIMIT else PIXELS_LIMIT
        also = "" if jpeg else f"; of a JPEG, which can be decoded at a fraction, {JPEG_PIXELS_LIMIT}"
        raise InputError(
            f"The image has {full[0]} x {full[1]} pixels; at most {limit} are taken{also}. "
            "Send a smaller one."
        )
    if image.mode not in _MODES:
        raise InputError(
            f"The image has pixels of mode {image.mode}; save it with 8 bits a channel, e.g. as RGB."
        )


def _check_scans(image: JpegImageFile, content: bytes) -> None:
    """A JPEG in several scans is whole in memory before its first pixel is there, at a fraction too."""
    assert image.fp is not None  # noqa: S101 - it has just been opened
    first = content.rfind(_START_OF_SCAN, 0, image.fp.tell())
    in_scan = content[first + 4]
    if not image.info.get("progressive") and in_scan == len(image.layer):
        return
    widest = max(h for _, h, _, _ in image.layer) * max(v for _, _, v, _ in image.layer)
    share = sum(h * v for _, h, v, _ in image.layer) / widest
    kept = int(math.prod(image.size) * share * 2)
    if kept > COEFFICIENTS_LIMIT:
        raise InputError(
            f"The image has {image.width} x {image.height} pixels in several scans (a progressive JPEG), and "
            f"would take {kept} bytes to decode; at most {COEFFICIENTS_LIMIT} are taken. Save it as a "
            "baseline JPEG, or send a smaller one."
        )


def _colours(image: Image) -> Image:
    """The image as RGB, on white where it is transparent: what colours hide there is not seen."""
    from PIL import Image as images

    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    seen = image.convert("RGBA")
    ground = images.new("RGB", seen.size, _BACKGROUND)
    ground.paste(seen, mask=seen.getchannel("A"))
    return ground


def _centre(full: tuple[int, int], size: tuple[int, int]) -> tuple[float, float, float, float]:
    """The part that is looked at, as left, upper, right and lower edge in pixels; sizes are width, height."""
    scale = min(full[0] / size[0], full[1] / size[1]) * _CROP
    left, upper = (full[0] - size[0] * scale) / 2, (full[1] - size[1] * scale) / 2
    return left, upper, full[0] - left, full[1] - upper


def _unreadable(content: bytes, why: str) -> str:
    return f"The image cannot be read as {', '.join(_FORMATS)}: {len(content)} bytes came; {why}"


def _likeness(content: bytes) -> str:
    """The format that a file of none that is read seems to have, and the remedy."""
    if not content:
        return "the file is empty."
    start = content[:64].lstrip()
    looks = next((name for at, magic, name in _OTHERS if start[at:].startswith(magic)), "none of them")
    return f"it looks like {looks}. Save it as JPEG or PNG, and send that."
