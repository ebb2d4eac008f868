"""The one reader of Retry-After: seconds, dates of all three forms, milliseconds, and what is none of it."""

from __future__ import annotations

import pytest

from surroundings.https import retry_after_s

NOON = 784_900_800.0  # 15 November 1994, 12:00 UTC


@pytest.mark.parametrize(
    ("headers", "pause_s"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": " 7 "}, 7.0),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "7", "retry-after-ms": "50"}, 0.05),
        ({"Retry-After": "7", "retry-after-ms": "soon"}, 7.0),
        ({"Retry-After": "Tue, 15 Nov 1994 12:00:09 GMT"}, 9.0),
        ({"Retry-After": "Tuesday, 15-Nov-94 12:00:09 GMT"}, 9.0),
        ({"Retry-After": "Tue Nov 15 12:00:09 1994"}, 9.0),
        ({"Retry-After": "Tue, 15 Nov 1994 11:00:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "1.5"}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "9" * 400}, None),
        ({"Retry-After": "9" * 5000}, None),
        ({"retry-after-ms": "9" * 5000}, None),
        ({"Retry-After": "\N{SUPERSCRIPT TWO}"}, None),
        ({"Retry-After": "0" * 5000 + "7"}, 7.0),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, None),
        ({"Retry-After": "Sat, 01 Jan 0001 00:00:00 +2359"}, None),
        ({}, None),
    ],
)
def test_it_reads(headers: dict[str, str], pause_s: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Pacific/Honolulu")
    assert retry_after_s(headers, lambda: NOON) == pause_s
