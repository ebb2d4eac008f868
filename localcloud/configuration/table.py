"""The table of localcloud's settings: each one stands at the field of `Settings` that holds its value.

    https_port: Annotated[int, Setting(kinds.port(any_free=True), "Port of all HTTPS APIs")] = 0

The key in a file (`httpsPort`), the option of the commands (`--https-port`), their help and the reference in
the documents go by the fields; nothing else lists the settings. Standard library only: `control` imports it.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_type_hints


class Unfit(ValueError):
    """The refusal of a value: the end of a sentence that begins with the setting, and the remedy."""


@dataclass(frozen=True)
class Kind:
    """A kind of value.

    Attributes:
        read: the value of a text; raises `Unfit`.
        shape: what a value is, as the reference tells it.
        metavar: what stands for a value in the help of a command.
        gather: the one value of several; None: there is one alone. In a file they are a list, on a command
            line the option is repeated.
        is_switch: it is `true` or `false`, and its option takes no value.
        is_path: it names a file or folder; a relative one goes from where it is written.
    """

    read: Callable[[str], Any]
    shape: str
    metavar: str
    gather: Callable[[list[Any]], Any] | None = None
    is_switch: bool = False
    is_path: bool = False


@dataclass(frozen=True)
class Setting:
    """A setting of localcloud.

    Attributes:
        kind: what its value is.
        about: a sentence for help and reference, without its full stop.
        default_told: how the value is told that it has where it is not set; empty: as it would be written.
        section: the title of its group in the reference.
        is_filled: `fpga cloud up` finds the value where nobody gives one, and has no option for it.
        option: its option where that is not made of the field's name.
        field: the field's name.
        is_required: whether somebody must set it: the field has no default.
        default: the field's own.
    """

    kind: Kind
    about: str
    section: str
    default_told: str = ""
    is_filled: bool = False
    option: str = ""
    field: str = ""
    is_required: bool = False
    default: Any = None

    @property
    def key(self) -> str:
        """Its name in a file."""
        first, *others = self.field.split("_")
        return first + "".join(part.capitalize() for part in others)

    @property
    def shown_default(self) -> str:
        """The value where it is not set, for a person; empty: there is none."""
        if self.default_told or self.default is None or self.kind.is_switch:
            return self.default_told
        return ", ".join(self.texts(self.default))

    def texts(self, value: Any) -> tuple[str, ...]:
        """The texts that a value would be written as, which `kind.read` takes again."""
        if isinstance(value, tuple):
            return tuple(str(one) for one in value)
        return (str(value).lower() if isinstance(value, bool) else str(value),)

    def value(self, texts: tuple[str, ...], base: Path) -> Any:
        """The value of what is written.

        Args:
            base: the folder from which a relative path goes.

        Raises:
            Unfit: it is none.
        """
        read = [self._path(text, base) if self.kind.is_path else self.kind.read(text) for text in texts]
        return read[-1] if self.kind.gather is None else self.kind.gather(read)

    def _path(self, text: str, base: Path) -> Any:
        return base / self.kind.read(text)


@dataclass(frozen=True)
class ConfigFile:
    """A file that settings were read from.

    Attributes:
        path: absolute.
        lines: number of the line, from 1, for the field of each setting whose value is the file's own.
        options: the fields of the settings that were given beside it.
    """

    path: Path
    lines: Mapping[str, int]
    options: frozenset[str] = frozenset()


@functools.cache
def of(made: type) -> Mapping[str, Setting]:
    """The settings of a dataclass by the names of their fields, in their order."""
    hints = get_type_hints(made, include_extras=True)
    return {
        field.name: _completed(note, field)
        for field in dataclasses.fields(made)
        for note in getattr(hints[field.name], "__metadata__", ())
        if isinstance(note, Setting)
    }


def _completed(setting: Setting, field: dataclasses.Field[Any]) -> Setting:
    is_required = field.default is dataclasses.MISSING
    return replace(
        setting,
        field=field.name,
        option=setting.option or f"--{field.name.replace('_', '-')}",
        is_required=is_required,
        default=None if is_required else field.default,
    )
