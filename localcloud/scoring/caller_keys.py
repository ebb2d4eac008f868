"""The keys that callers send: judged, whichever way they came."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from localcloud.scoring.counts import Refused
from localcloud.scoring.wrong_keys import WrongKeys

HEADER: Final = "authorization"
_SCHEME: Final = "bearer "
_MOST_KEYS: Final = 2


@dataclass(frozen=True)
class KeyRefusal:
    """The refusal of a call for its keys, in words for the caller."""

    reason: Refused
    words: str


_MISSING: Final = KeyRefusal(
    Refused.MISSING,
    f"This service wants its primary or secondary key in the metadata '{HEADER}', "
    "as it is or after 'Bearer '; none came.",
)
_WRONG: Final = KeyRefusal(
    Refused.WRONG, f"The key in the metadata '{HEADER}' is neither the primary nor the secondary key."
)
_MANY: Final = KeyRefusal(
    Refused.MANY, f"More than {_MOST_KEYS} keys came in the metadata '{HEADER}': send one."
)
_NOT_LOOKED_AT: Final = KeyRefusal(
    Refused.NOT_COMPARED,
    "Too many wrong keys came over this connection: the key of this call was not looked at. Open another "
    "connection, or try again in some seconds.",
)


def judge(
    sent: Sequence[str | bytes],
    keys: tuple[str, str],
    wrong_keys: WrongKeys,
    *,
    service: str,
    connection: str,
    peer: str,
) -> KeyRefusal | None:
    """The refusal of a call; None: a right key came.

    Args:
        sent: the values of the metadata, or header.
        keys: either opens the service.
        wrong_keys: counts those that are wrong.
        service: the ID of the service.
        connection: the peer with its port.
        peer: its address, as the log has it.
    """
    if not sent:
        return _MISSING
    if len(sent) > _MOST_KEYS:  # each is a guess
        return _MANY
    fits = wrong_keys.judge(service, connection, peer, lambda: any(_is_one_of(keys, one) for one in sent))
    if fits is None:
        return _NOT_LOOKED_AT
    return None if fits else _WRONG


def _is_one_of(keys: tuple[str, str], sent: str | bytes) -> bool:
    text = sent if isinstance(sent, str) else sent.decode("latin-1")
    key = text[len(_SCHEME) :] if text.lower().startswith(_SCHEME) else text
    allowed = False
    for right in keys:
        # Every key is compared, whichever fits: the time says nothing about them.
        allowed |= bool(right) and hmac.compare_digest(key.encode(), right.encode())
    return allowed
