"""Inputs near to seeds, as a strategy of hypothesis."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

_TELLING = (
    b"",
    b"\0",
    b"\xff",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\x80",
    b"\r\n",
    b"-----",
    b"9" * 5000,
)


@st.composite
def near(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """A seed with up to four changes: parts put in, taken out, overwritten, doubled, or of another seed."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.sampled_from((0, 1, 1, 2, 4, 16, 1 << 20))))
        other = draw(st.sampled_from(seeds))
        put = draw(
            st.one_of(
                st.binary(min_size=1, max_size=4),
                st.sampled_from(_TELLING),
                st.just(data[start:end] * 2),
                st.just(other[start : start + 64]),
            )
        )
        data = data[:start] + put + data[end:]
    return data
