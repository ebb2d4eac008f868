"""JSON and numbers that somebody else wrote: read, or refused by one kind of error."""

from __future__ import annotations

import pytest

from surroundings import digits, json_text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "nested too deep"),
        ('{"a":' * 100_000, "nested too deep"),
        ("1e999", "a number in it is too large"),
        ("-1e999", "a number in it is too large"),
        ("NaN", "NaN is no JSON value"),
        ("[-Infinity]", "-Infinity is no JSON value"),
        ("9" * 5000, "integer string conversion"),
        (b"\xff", "can't decode"),
        ("", "Expecting value"),
    ],
)
def test_json_that_cannot_be_had_is_a_value_error(text: bytes | str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        json_text.loads(text)


def test_json_is_read_as_python_does() -> None:
    assert json_text.loads(b'{"a": [1, 1.5, 1e3, null, true, "\xc3\xa4"]}') == {
        "a": [1, 1.5, 1000.0, None, True, "\u00e4"]
    }
    assert json_text.loads("[1, 1.50]", parse_int=str, parse_float=str) == ["1", "1.50"]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("007", 7),
        ("65535", 65535),
        ("65536", None),
        ("0" * 5000 + "7", 7),
        ("9" * 5000, None),
        ("", None),
        ("-1", None),
        ("+1", None),
        ("1_0", None),
        (" 1", None),
        ("\N{SUPERSCRIPT TWO}", None),
        ("\N{ARABIC-INDIC DIGIT ONE}", None),
    ],
)
def test_a_whole_number_is_ascii_digits_up_to_the_most(text: str, number: int | None) -> None:
    assert digits.whole(text, 65535) == number
