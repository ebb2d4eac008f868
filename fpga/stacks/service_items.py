"""The items of a stack's list of services, as its settings have them: by name, and by place.

Nothing is judged here: the program does that. What is no item of a list is passed over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from surroundings import json_text

NAMESPACE: Final = "fpga-web-service"
SERVICES: Final = f"{NAMESPACE}:services"


@dataclass(frozen=True)
class ServiceItem:
    """One item.

    Attributes:
        index: its place in the list, from 0.
        values: what it sets itself, by key without a namespace.
    """

    index: int
    name: str
    values: Mapping[str, Any]

    def settings(self, values: Mapping[str, str]) -> dict[str, str]:
        """The stack's settings as they hold for this service: its own before those at the top.

        An empty text of its own takes the one at the top back.
        """
        own = {f"{NAMESPACE}:{key}": _text(value) for key, value in self.values.items()}
        return {key: value for key, value in {**values, **own}.items() if own.get(key) != ""}

    def path(self, key: str) -> str:
        """The path of a setting of this item, as `pulumi config set --path` takes it."""
        return f"{SERVICES}[{self.index}].{key}"


def items(values: Mapping[str, str]) -> tuple[ServiceItem, ...]:
    """The items that have a name, in the order of the list; none where there is no list.

    Args:
        values: the stack's settings, lists as JSON.
    """
    try:
        told = json_text.loads(values.get(SERVICES) or "[]")
    except ValueError:
        return ()
    return tuple(
        ServiceItem(index, one["name"], {key: value for key, value in one.items() if key != "name"})
        for index, one in enumerate(told if isinstance(told, list) else ())
        if isinstance(one, Mapping) and isinstance(one.get("name"), str)
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
