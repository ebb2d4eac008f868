"""The reader of a stack's configuration: makes the settings of a table, gathering what is wrong.

Every value arrives as a string (lists and mappings as JSON); every problem names its key and the remedy. An
item of a list of settings is read by the same table, and what it does not say is said outside the list.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from infra.settings import table
from infra.settings.table import Setting, Table, Unfit, When

NAMESPACE = "fpga-web-service"
PROJECT_ROOT = Path(__file__).resolve().parent.parent.parent

T = TypeVar("T")
Named = Callable[[str], str]
"""Tells of a setting's key how `pulumi config` names it."""


class SettingsError(Exception):
    """The configuration cannot be used. `problems` holds one sentence for each thing to mend."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__("\n  - ".join((f"{count} in the stack's configuration:", *self.problems)))


@dataclass(frozen=True)
class Item:
    """An item of a list of settings.

    Attributes:
        place: where it stands, such as `services[2]`.
        own: what it says itself, by key; None: what is refused already.
        apart: the keys of its table that are none of an item's.
    """

    place: str
    own: Mapping[str, str | None]
    apart: Collection[str]


class Reader(Generic[T]):
    """A reader of one table of settings.

    Args:
        made: the dataclass of all settings.
        config: values by key with namespace, as the engine hands them out; those of an item without its own.
        secret_keys: the keys whose values are encrypted in the stack's file; None: nobody knows.
        item: what is read; None: the settings outside all lists.
        of_items: the keys that say what the items of a list do not: that those need them, or have no use for
            them, is told elsewhere.

    Attributes:
        problems: what is wrong, a sentence each.
    """

    def __init__(
        self,
        made: type[T],
        config: Mapping[str, str],
        secret_keys: Collection[str] | None = None,
        *,
        item: Item | None = None,
        of_items: Collection[str] = (),
    ) -> None:
        prefix = f"{NAMESPACE}:"
        self._values = {
            key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)
        }
        self._table = table.of(made)  # type: ignore[arg-type]  # a class can be hashed
        self._known = {setting.key: setting for setting in self._table.settings()}
        self._secret_keys = secret_keys
        self._item = item
        self._of_items = of_items
        if item is not None:
            self._values |= {key: value or "" for key, value in item.own.items()}
        self._refused = {key for key, value in item.own.items() if value is None} if item else set()
        self.problems: list[str] = []

    def read(self, **others: Any) -> T:
        """The settings; what is wrong goes to `problems`, and then they are of no use but to look further.

        Args:
            others: the fields that are no settings.
        """
        settings = self._made(self._table, others)
        for key in sorted(self._values.keys() - self._known.keys()):
            near = difflib.get_close_matches(key, self._known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(self._known))}"
            self._refuse(key, f"is not a setting of this program: {hint}")
        return cast(T, settings)

    def find(self, contradictions: Collection[tuple[str, str]]) -> None:
        """Takes problems of keys that are good by themselves: what is wrong already is told once.

        Args:
            contradictions: keys, each with a sentence that goes on from it and tells the remedy.
        """
        refused = frozenset(self._refused)
        for key, problem in contradictions:
            if key not in refused:
                self._refuse(key, problem)

    def place(self, key: str) -> str:
        """Where a setting stands, or would have to, without namespace: `services[2].fqdn`, or `fqdn`.

        What nothing says is for an item to say where that has such a setting of its own, or no other one may
        say the same.
        """
        item = self._item
        if item is None or key in item.apart:
            return key
        inside = f"{item.place}.{key}"
        if key in item.own or self._values.get(key):
            return inside if key in item.own else key
        setting = self._known.get(key)
        if setting is None or (setting.required is True and setting.when is None):
            return inside
        asked = [one.key for one in (setting.when, setting.required) if isinstance(one, When)]
        near = any(self._known[own].section == setting.section for own in item.own)
        return inside if near or any(one in item.own for one in asked) else key

    def named(self, key: str) -> str:
        """How `pulumi config` names a setting."""
        place = self.place(key)
        return f"{NAMESPACE}:{place}" if place == key else f"--path '{NAMESPACE}:{place}'"

    def uses(self, key: str) -> bool:
        """Whether a setting is used with what the others are, as far as that is known."""
        when = self._known[key].when
        return when is None or self._holds(when) is not False

    def _refuse(self, key: str, problem: str) -> None:
        self._refused.add(key)
        self.problems.append(f"{NAMESPACE}:{self.place(key)} {problem}")

    def _made(self, one: Table, others: Mapping[str, Any]) -> Any:
        fields = {
            field: self._value(inner) if isinstance(inner, Setting) else self._made(inner, {})
            for field, inner in one.fields.items()
        }
        return one.make(**fields, **others) if one.when is None or self._holds(one.when) else None

    def _value(self, setting: Setting) -> Any:
        if setting.key in self._refused:
            return setting.default
        written = self._written(setting)
        if setting.kind.secret and written:
            self._require_encrypted(setting)
        is_said_elsewhere = setting.key in self._of_items
        if setting.when and not is_said_elsewhere and not self._holds(setting.when):
            # where the source of certificates, say, is itself refused, nobody knows what is used with it
            if written and self._holds(setting.when) is False and self._is_own(setting.key):
                self._refuse_unused(setting.key, setting.when)
        elif setting.kind.public and self._is_encrypted(setting.key):
            self._refuse_encrypted(setting.key)
        elif written:
            try:
                return setting.kind.read(written)
            except Unfit as error:
                for problem in error.problems:
                    self._refuse(setting.key, problem)
        elif is_said_elsewhere:
            pass
        elif setting.required is True or (setting.required and self._holds(setting.required)):
            self._refuse_missing(setting)
        return setting.default

    def _is_own(self, key: str) -> bool:
        return self._item is None or key in self._item.own

    def _is_encrypted(self, key: str) -> bool:
        place, keys = self.place(key), self._secret_keys or ()
        return f"{NAMESPACE}:{place}" in keys

    def _written(self, setting: Setting) -> str:
        """The text in the stack's file; empty: none. White space around it is a part of a secret alone."""
        value = self._values.get(setting.key, "")
        return value if setting.kind.secret else value.strip()

    def _holds(self, when: When) -> bool | None:
        """Whether a condition holds; None: what it asks of is itself refused."""
        asked = self._known[when.key]
        written = self._written(asked)
        if not written and when.key in self._refused:
            return None
        try:
            if written and when.among:
                asked.kind.read(written)
        except Unfit:
            return None
        return when.holds(written or asked.default_text)

    def _refuse_missing(self, setting: Setting) -> None:
        missing = setting.missing or "`pulumi config set {name} VALUE`"
        about = setting.about[0].lower() + setting.about[1:]
        name = self.named(setting.key)
        self._refuse(setting.key, f"is not set: {missing.format(about=about, name=name)}")

    def _require_encrypted(self, setting: Setting) -> None:
        if self._secret_keys is not None and not self._is_encrypted(setting.key):
            self._refuse(
                setting.key,
                "stands in plain in the stack's file: whoever could read that knows it. Replace it, then "
                f"`pulumi config set --secret {self.named(setting.key)}`",
            )

    def _refuse_encrypted(self, key: str) -> None:
        self._refuse(
            key,
            "is encrypted in the stack's file, in part or whole: it ends up where many may read it. Remove "
            f"it (`pulumi config rm {NAMESPACE}:{key}`), and set what is no secret in plain",
        )

    def _refuse_unused(self, key: str, when: When) -> None:
        asked = self._known[when.key]
        now = self._written(asked) or asked.default_text
        if not when.among:
            self._refuse(key, f"is not used without {when.key}: set that, too, or remove it")
            return
        others = " or ".join(when.among)
        self._refuse(key, f"is not used with {when.key} {now}: remove it, or set {when.key} to {others}")


def absolute(written: str) -> Path:
    """The absolute path of one in the configuration: relative ones start at the project's root.

    `.local/…` is in the folder that FPGA_LOCAL names, where that is set.
    """
    path = Path(written).expanduser()
    local = os.environ.get("FPGA_LOCAL")
    if local and path.parts[:1] == (".local",):
        return Path(local).expanduser().absolute().joinpath(*path.parts[1:])
    return PROJECT_ROOT / path
