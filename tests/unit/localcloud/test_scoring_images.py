"""What part of an image a model sees."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from localcloud.scoring.errors import InputError
from localcloud.scoring.images import decode_image


def _encoded(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def _thirds(size: tuple[int, int], left: str, middle: str, right: str) -> Image.Image:
    """Three upright stripes; the outer ones are a quarter of the width each."""
    image = Image.new("RGB", size, middle)
    quarter = size[0] // 4
    image.paste(left, (0, 0, quarter, size[1]))
    image.paste(right, (size[0] - quarter, 0, size[0], size[1]))
    return image


def test_pixels_are_red_green_blue_from_0_to_255() -> None:
    pixels = decode_image(_encoded(Image.new("RGB", (300, 300), (255, 128, 0)), "PNG"), 224, 224)
    assert pixels.shape == (1, 224, 224, 3)
    assert pixels.dtype == np.float32
    assert np.unique(pixels.reshape(-1, 3), axis=0).tolist() == [[255, 128, 0]]


def test_the_sides_of_a_wide_image_are_left_out() -> None:
    content = _encoded(_thirds((800, 400), "red", "lime", "blue"), "PNG")
    pixels = decode_image(content, 224, 224)[0]
    assert pixels[:, :, 1].min() == 255
    assert pixels[:, :, [0, 2]].max() == 0


def test_of_a_square_image_seven_eighths_are_seen() -> None:
    image = Image.new("RGB", (448, 448), "black")
    # 392 = 448 * 0.875 pixels from 28 to 420, and what the filter takes from around them.
    image.paste("white", (24, 24, 424, 424))
    assert decode_image(_encoded(image, "PNG"), 224, 224).min() == 255
    image.paste("black", (0, 0, 36, 448))
    assert decode_image(_encoded(image, "PNG"), 224, 224)[0, :, 0].max() < 128


def test_other_proportions_are_cropped_not_squeezed() -> None:
    content = _encoded(_thirds((800, 400), "red", "lime", "blue"), "PNG")
    wide = decode_image(content, 100, 200)[0]
    assert wide.shape == (100, 200, 3)
    assert wide[50, 5].tolist() == [255, 0, 0]
    assert wide[50, 100].tolist() == [0, 255, 0]
    assert wide[50, 195].tolist() == [0, 0, 255]


def test_a_photo_is_turned_upright() -> None:
    image = _thirds((400, 400), "red", "lime", "blue")
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: to be shown, turn by 90 degrees clockwise
    pixels = decode_image(_encoded(image, "JPEG", exif=exif, quality=95), 224, 224)[0]
    assert pixels[5, 112].argmax() == 0  # what was left is above
    assert pixels[218, 112].argmax() == 2


def test_a_large_jpeg_gives_about_the_pixels_of_a_full_decode() -> None:
    gradient = np.linspace(0, 255, 2400, dtype=np.uint8)
    image = Image.fromarray(
        np.stack(np.broadcast_arrays(gradient[:, None], gradient[None], 128), -1).astype("uint8")
    )
    small = decode_image(_encoded(image, "JPEG", quality=95), 224, 224)
    full = decode_image(_encoded(image, "PNG"), 224, 224)
    assert np.abs(small - full).max() < 4


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK"])
def test_other_kinds_of_pixels_become_red_green_blue(mode: str) -> None:
    white = Image.new("RGB", (256, 256), "white").convert(mode)
    content = _encoded(white, "JPEG" if mode == "CMYK" else "PNG")
    assert decode_image(content, 224, 224).min() >= 250


def _turned_by(exif: bytes) -> bytes:
    """A JPEG whose left is red, its right blue."""
    return _encoded(_thirds((400, 400), "red", "lime", "blue"), "JPEG", exif=exif, quality=95)


def _is_turned(pixels: npt.NDArray[np.float32]) -> bool:
    """Whether what was left is above."""
    return bool(pixels[0, 5, 112].argmax() == 0 and pixels[0, 218, 112].argmax() == 2)


def _exif(*entries: tuple[int, int, int, bytes], behind: bytes = b"") -> bytes:
    """EXIF (TIFF 6.0, section 2) with entries as (tag, type, count, value or offset)."""
    directory = b"".join(struct.pack(">HHI", *one[:3]) + one[3].ljust(4, b"\0") for one in entries)
    return b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">H", len(entries)) + directory + bytes(4) + behind


_SIX = (0x0112, 3, 1, b"\0\x06")
_RATIONAL, _ASCII = 5, 2


@pytest.mark.parametrize(
    "exif",
    [
        _exif((0x010F, _RATIONAL, 1, b"\0\0\0\x26"), _SIX, behind=bytes(8)),  # a maker that is 0/0
        _exif((0x010F, _RATIONAL, 1, b"\xff\xff\xff\xf0"), _SIX),  # a value beyond the end
        _exif((0x0110, _RATIONAL, 1, b"\0\0\0\x26"), _SIX, behind=struct.pack(">II", 72, 1)),
        _exif(_SIX, (0x8825, _ASCII, 4, b"none")),  # GPS as a text
        _exif(_SIX, (0x8769, 4, 1, b"\xff\xff\xff\xff")),  # an EXIF folder that is not there
        _exif(_SIX, (0x011A, 99, 1, b"\0\0\0\0")),  # a type that there is not
        _exif((0x0112, 4, 1, b"\0\0\0\x06")),  # the orientation as LONG
        _exif((0x0112, 1, 1, b"\x06")),  # as BYTE
        _exif((0x0112, 3, 2, b"\0\x06\0\x06")),  # twice
        _exif((0x0112, _ASCII, 2, b"6\0")),  # as a text
    ],
)
def test_odd_exif_is_passed_over_and_its_orientation_taken(exif: bytes) -> None:
    assert _is_turned(decode_image(_turned_by(exif), 224, 224))


@pytest.mark.parametrize(
    "exif",
    [
        _exif((0x0112, 3, 1, b"\0\x09")),
        _exif((0x0112, _ASCII, 4, b"top\0")),
        _exif((0x0112, _RATIONAL, 1, b"\xff\xff\xff\xff")),
        _exif(_SIX)[:20],
        b"Exif\0\0" + b"\xff" * 40,
        b"Exif\0\0",
    ],
)
def test_a_photo_whose_orientation_cannot_be_read_is_scored_as_it_lies(exif: bytes) -> None:
    pixels = decode_image(_turned_by(exif), 224, 224)
    assert pixels[0, 112, 5].argmax() == 0
    assert pixels[0, 112, 218].argmax() == 2


@pytest.mark.parametrize(
    ("orientation", "corner"),
    [
        *((1, (0, 0)), (2, (0, -1)), (3, (-1, -1)), (4, (-1, 0))),
        *((5, (0, 0)), (6, (0, -1)), (7, (-1, -1)), (8, (-1, 0))),
    ],
)
def test_every_orientation_turns_the_upper_left_corner_to_where_it_belongs(
    orientation: int, corner: tuple[int, int]
) -> None:
    image = Image.new("RGB", (480, 320), "black")
    image.paste("white", (0, 0, 240, 160))
    exif = Image.Exif()
    exif[0x0112] = orientation
    # wide where it is to be wide: nothing is squeezed
    size = (200, 300) if orientation < 5 else (300, 200)
    pixels = decode_image(_encoded(image, "PNG", exif=exif), *size)[0]
    corners = [(row, column) for row in (0, -1) for column in (0, -1) if pixels[row, column, 0] > 128]
    assert corners == [corner]


@pytest.mark.parametrize(("form", "options"), [("PNG", {}), ("WEBP", {"lossless": True})])
def test_other_formats_are_turned_upright_too(form: str, options: dict[str, object]) -> None:
    image = _thirds((400, 400), "red", "lime", "blue")
    assert _is_turned(decode_image(_encoded(image, form, exif=_exif(_SIX), **options), 224, 224))


def test_an_image_file_of_several_images_gives_the_first() -> None:
    first, second = Image.new("RGB", (64, 64), "red"), Image.new("RGB", (64, 64), "blue")
    for form in ("GIF", "WEBP", "PNG", "MPO"):
        pixels = decode_image(_encoded(first, form, save_all=True, append_images=[second]), 224, 224)
        assert pixels[0, 112, 112].argmax() == 0, form
        assert pixels[0, 112, 112, 0] > 240, form


def _with_hidden_colour(mode: str) -> bytes:
    """A black square on what is transparent, with red hidden in it."""
    image = Image.new("RGBA", (256, 256), (255, 0, 0, 0))
    image.paste((0, 0, 0, 255), (96, 96, 160, 160))
    if mode == "LA":
        grey = Image.new("LA", (256, 256), (90, 0))
        grey.paste((0, 255), (96, 96, 160, 160))
        return _encoded(grey, "PNG")
    if mode == "P":
        palette = Image.new("P", (256, 256), 1)
        palette.putpalette([0, 0, 0, 255, 0, 0])
        palette.paste(0, (96, 96, 160, 160))
        return _encoded(palette, "PNG", transparency=1)
    if mode == "GIF":
        palette = Image.open(io.BytesIO(_with_hidden_colour("P")))
        return _encoded(palette, "GIF", transparency=1)
    if mode == "RGB":
        return _encoded(image.convert("RGB"), "PNG", transparency=(255, 0, 0))
    return _encoded(image, mode, **({"lossless": True, "exact": True} if mode == "WEBP" else {}))


@pytest.mark.parametrize("mode", ["PNG", "WEBP", "LA", "P", "GIF", "RGB"])
def test_colours_that_transparency_hides_are_not_seen(mode: str) -> None:
    pixels = decode_image(_with_hidden_colour(mode), 224, 224)[0]
    assert pixels[5, 5].tolist() == [255, 255, 255]
    assert pixels[112, 112].tolist() == [0, 0, 0]


def test_what_is_half_transparent_is_half_seen() -> None:
    pixels = decode_image(_encoded(Image.new("RGBA", (64, 64), (0, 0, 0, 128)), "PNG"), 224, 224)
    assert np.unique(pixels).tolist() == [127]


def _png(side: int, depth: int, kind: int, row: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG (third edition, section 11) of equal rows."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", side, side, depth, kind, 0, 0, 0)),
        *chunks,
        (b"IDAT", zlib.compress((b"\0" + row) * side)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


@pytest.mark.parametrize("kind", [2, 4, 6])
def test_sixteen_bits_a_channel_are_taken(kind: int) -> None:
    channels = {2: 3, 4: 2, 6: 4}[kind]
    value = [0x40FF] * channels
    if kind in (4, 6):
        value[-1] = 0xFFFF
    pixels = decode_image(_png(64, 16, kind, struct.pack(f">{channels}H", *value) * 64), 224, 224)
    assert np.unique(pixels).tolist() == [0x40]


@pytest.mark.parametrize("profile", [b"", b"no profile at all", bytes(200)])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_broken_colour_profile_is_passed_over(form: str, profile: bytes) -> None:
    content = _encoded(Image.new("RGB", (64, 64), "red"), form, icc_profile=profile)
    assert decode_image(content, 224, 224)[0, 112, 112, 0] > 240


@pytest.mark.parametrize(
    ("mode", "size"), [("RGB", (9000, 6000)), ("L", (12000, 9000)), ("CMYK", (9000, 6000))]
)
def test_a_jpeg_of_more_pixels_than_are_decoded_is_decoded_at_a_fraction(
    mode: str, size: tuple[int, int]
) -> None:
    content = _encoded(Image.new("L", size, 200).convert(mode), "JPEG")
    assert np.unique(decode_image(content, 224, 224)).tolist() == [200]


def test_a_progressive_jpeg_is_decoded_at_a_fraction_while_its_coefficients_fit_in_memory() -> None:
    content = _encoded(Image.new("L", (9000, 6000), 200), "JPEG", progressive=True)
    assert np.unique(decode_image(content, 224, 224)).tolist() == [200]


def _sized(content: bytes, marker: bytes, width: int, height: int) -> bytes:
    """A JPEG that says to have other sizes (ITU-T T.81, B.2.2)."""
    at = content.index(marker) + 5
    return content[:at] + struct.pack(">HH", height, width) + content[at + 4 :]


def test_a_jpeg_that_would_take_too_much_memory_or_time_is_refused() -> None:
    image = Image.new("RGB", (64, 64))
    progressive = _sized(_encoded(image, "JPEG", progressive=True), b"\xff\xc2", 20000, 20000)
    with pytest.raises(
        InputError, match=r"20000 x 20000 pixels in several scans .* Save it as a baseline JPEG"
    ):
        decode_image(progressive, 224, 224)
    baseline = _sized(_encoded(image, "JPEG"), b"\xff\xc0", 65000, 65000)
    with pytest.raises(
        InputError, match=r"65000 x 65000 pixels; at most 1000000000 are taken. Send a smaller"
    ):
        decode_image(baseline, 224, 224)


def test_what_cannot_be_decoded_at_a_fraction_is_refused_before_it_is_decoded() -> None:
    huge = _png(8000, 8, 0, bytes(8))
    with pytest.raises(
        InputError, match=r"8000 x 8000 pixels; at most 50000000 are taken; of a JPEG, .* Send"
    ):
        decode_image(huge, 224, 224)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read as JPEG, PNG, GIF, BMP, WEBP: 0 bytes came; the file is empty."),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "it looks like HEIC. Save it as JPEG or PNG"),
        (b"\0\0\0\x18ftypavif\0\0\0\0", "it looks like AVIF. Save it as JPEG"),
        (b"II*\0\x08\0\0\0", "it looks like TIFF, or a camera's raw file. Save it"),
        (b"%PDF-1.7", "it looks like PDF. Save it"),
        (b"\n<!DOCTYPE html>", "it looks like a text, such as SVG or HTML. Save it"),
        (b"hello", "cannot be read as JPEG, PNG, GIF, BMP, WEBP: 5 bytes came; it looks like none of them"),
    ],
)
def test_what_is_no_image_that_is_read_is_named(content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        decode_image(content, 224, 224)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP", "WEBP"])
def test_an_image_that_breaks_off_is_refused(form: str) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    content = _encoded(Image.fromarray(noise), form)
    with pytest.raises(InputError, match=rf"The image .*{len(content) // 2} bytes came"):
        decode_image(content[: len(content) // 2], 224, 224)
