"""What part of an image a model sees."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

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
