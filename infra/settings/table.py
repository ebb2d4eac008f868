"""The table of settings: each one stands at the field of the dataclass that holds its value.

    zone: Annotated[str, Setting("zone", domain(), "The DNS zone that the graph declares")]

A field without a default is a setting that every stack has to set. Reading a stack's configuration, the
schema of stack files and the comments in them go by the fields; nothing else lists the settings.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, get_args, get_type_hints


class Unfit(ValueError):
    """The refusal of a value that is written for a setting.

    Attributes:
        problems: a sentence each, that goes on from the setting's name and tells the remedy.
    """

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


@dataclass(frozen=True)
class Kind:
    """A kind of value.

    Attributes:
        read: the value of what is written (lists and mappings as JSON); raises `Unfit`.
        schema: what a stack's file may hold, as JSON schema (draft 7).
        secret: it stands encrypted in the file, and white space around it is a part of it.
        public: it ends up where many may read it, so it must not stand encrypted.
        many: it takes a list of texts, too.
    """

    read: Callable[[str], Any]
    schema: Mapping[str, Any]
    secret: bool = False
    public: bool = False
    many: bool = False


@dataclass(frozen=True)
class When:
    """A condition: another setting is one of these texts; "" is that of a setting that is not set.

    Without any text: it is set.
    """

    key: str
    among: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.key} {' or '.join(self.among)}".rstrip()

    def holds(self, text: str) -> bool:
        """Whether it holds where the other setting is this text."""
        return text in self.among if self.among else bool(text)


@dataclass(frozen=True)
class Setting:
    """A setting of the program.

    Attributes:
        key: its name in a stack's file, without the namespace.
        about: the line that editors and stack files show for it.
        when: with what the setting is used: elsewhere it is refused. None: always.
        required: whether a stack has to set it, or when.
        missing: the remedy where it has to be set and is not; `{about}` and `{name}` stand for its own.
            Empty: the command that sets it.
        default: the value where it is not set, which is the field's own; an empty text where it has none.
        section: the title of its group.
    """

    key: str
    kind: Kind
    about: str
    when: When | None = None
    required: bool | When = False
    missing: str = ""
    default: Any = ""
    section: str = ""

    @property
    def line(self) -> str:
        """`about`, and with what the setting is used."""
        return f"{self.about}; with {self.when}" if self.when else self.about

    @property
    def default_text(self) -> str:
        """The default as it would be written."""
        if isinstance(self.default, bool):
            return str(self.default).lower()
        return str(self.default) if self.default else ""


@dataclass(frozen=True)
class Group:
    """A dataclass of settings inside another one.

    Attributes:
        title: heads its settings in stack files.
        when: with what its settings are used: elsewhere they are refused, and the field is None.
    """

    title: str = ""
    when: When | None = None


@dataclass(frozen=True)
class Table:
    """A dataclass of settings, as it is read.

    Attributes:
        make: the dataclass itself.
        when: with what it is used; None: always.
        fields: for each field its setting, or the table of the dataclass that it holds.
    """

    make: Callable[..., Any]
    when: When | None
    fields: Mapping[str, Setting | Table]

    def settings(self) -> Iterator[Setting]:
        """All of them, in the order of the fields."""
        for one in self.fields.values():
            if isinstance(one, Setting):
                yield one
            else:
                yield from one.settings()


@cache
def of(made: type, group: Group = Group()) -> Table:
    """The table of a dataclass. Fields that are neither a setting nor a group are left out.

    Args:
        group: the one that the dataclass is in, with the condition that goes for all of its settings.
    """
    hints = get_type_hints(made, include_extras=True)
    found: dict[str, Setting | Table] = {}
    for field in dataclasses.fields(made):
        for note in getattr(hints[field.name], "__metadata__", ()):
            if isinstance(note, Setting):
                found[field.name] = _completed(note, field, group)
            elif isinstance(note, Group):
                inner = Group(note.title or group.title, note.when or group.when)
                found[field.name] = of(_dataclass(hints[field.name]), inner)
    return Table(made, group.when, found)


def _completed(setting: Setting, field: dataclasses.Field[Any], group: Group) -> Setting:
    has_default = field.default is not dataclasses.MISSING
    return replace(
        setting,
        when=setting.when or group.when,
        required=setting.required or not has_default,
        default=field.default if has_default else "",
        section=group.title or setting.section,
    )


def _dataclass(hint: Any) -> type:
    """The dataclass X in `Annotated[X, …]` or `Annotated[X | None, …]`."""
    inner = get_args(hint)[0]
    return next(
        one for one in get_args(inner) or (inner,) if isinstance(one, type) and dataclasses.is_dataclass(one)
    )
