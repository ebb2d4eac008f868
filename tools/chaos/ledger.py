"""The writes that were acknowledged, beside what is there: what was not answered may have acted, or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

ABSENT: Final = None
"""The value of what is not there."""


class Anything:
    """The value of a write whose answer would have said it, and was not heard."""

    def __eq__(self, other: object) -> bool:
        return other is not ABSENT

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "anything"


class Ledger:
    """The writes of one kind. It is one thread's at a time.

    Attributes:
        acknowledged: how many writes were answered well.
        lost: in words, each thing that was found otherwise than acknowledged.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.acknowledged = 0
        self.lost: list[str] = []
        self._possible: dict[str, list[object]] = {}

    def write(self, name: str, value: object, act: Callable[[], object]) -> None:
        """Carries a write out.

        Args:
            value: of the thing of that name once it has acted; `Anything`: its answer says it.
            act: returns when it was acknowledged, and raises where it was not.
        """
        self._possible.setdefault(name, [ABSENT]).append(value)
        answer = act()
        self._possible[name] = [answer if isinstance(value, Anything) else value]
        self.acknowledged += 1

    def known(self) -> dict[str, object]:
        """The things that are certainly there, with their values."""
        certain = {name: values[0] for name, values in self._possible.items() if len(values) == 1}
        return {name: value for name, value in certain.items() if value is not ABSENT}

    def deleted(self) -> set[str]:
        """The names of what is certainly gone."""
        return {name for name, values in self._possible.items() if values == [ABSENT]}

    def compare(self, found: Mapping[str, object]) -> None:
        """Notes what is lost, or there without having been asked for; goes on from what was found."""
        self.lost += self._differences(found)
        self._possible = {name: [value] for name, value in found.items()}

    def _differences(self, found: Mapping[str, object]) -> list[str]:
        return [
            f"{self.kind} {name}: {found.get(name)!r}, and not {' or '.join(map(repr, possible))}"
            for name in sorted({*self._possible, *found})
            if found.get(name) not in (possible := self._possible.get(name, [ABSENT]))
        ]
