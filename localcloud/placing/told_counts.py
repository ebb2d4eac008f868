"""The counts of a service's scoring calls as a replica tells them: a JSON object. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from localcloud.scoring.counts import BOUNDS_S, PREDICT, Counted, Refused

METHOD: Final = "/localcloud.placing.Replica/Counts"
"""The path of the method that tells them."""


def written(counted: Counted) -> dict[str, Any]:
    """The object for these counts; calls for its health are nobody's affair but the edge's and Ray's."""
    return {
        "codes": [
            [method, code, number] for (method, code), number in counted.codes.items() if method == PREDICT
        ],
        "durations": list(counted.durations),
        "duration_s": counted.duration_s,
        "received_bytes": counted.received_bytes,
        "sent_bytes": counted.sent_bytes,
        "refused": dict(counted.refused),
    }


def read(told: Mapping[str, Any]) -> Counted:
    """The counts of an object that `written` made.

    Raises:
        ValueError: it is none of this version's.
    """
    try:
        durations = tuple(int(number) for number in told["durations"])
        found = Counted(
            {(str(method), str(code)): int(number) for method, code, number in told["codes"]},
            durations,
            float(told["duration_s"]),
            int(told["received_bytes"]),
            int(told["sent_bytes"]),
            {Refused(reason): int(number) for reason, number in told["refused"].items()},
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no counts: {error!r}") from None
    if len(durations) != len(BOUNDS_S) + 1:
        raise ValueError(f"{len(durations)} durations")
    return found
