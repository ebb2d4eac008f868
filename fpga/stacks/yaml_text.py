"""YAML that a person wrote: whatever is wrong with it is a `CommandError`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from fpga.errors import CommandError

T = TypeVar("T")


def load(text: bytes | str, origin: str) -> Any:
    """The value of a YAML text.

    Raises:
        CommandError: it is not YAML in UTF-8; the message begins with the origin.
    """
    import yaml

    return read(yaml.safe_load, text, origin)


def read(reader: Callable[[str], T], text: bytes | str, origin: str) -> T:
    """What a reader of PyYAML makes of a text.

    Raises:
        CommandError: it is not YAML in UTF-8; the message begins with the origin.
    """
    import yaml

    try:
        return reader(text if isinstance(text, str) else text.decode())
    except yaml.YAMLError as error:
        reason = str(error)
    except ValueError as error:  # it is not UTF-8, or has a date or a number that there is not
        reason = str(error)
    except RecursionError:
        reason = "it is nested too deep"
    raise CommandError(f"{origin} is not YAML: {reason}")
