"""Reading one namespace of a stack's configuration, key by key, gathering what is wrong.

Every value arrives as a string (lists as JSON); every problem names its key and the remedy.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from infra.settings import naming

NAMESPACE = "fpga-web-service"
PROJECT_ROOT = Path(__file__).resolve().parent.parent.parent


class SettingsError(Exception):
    """The configuration cannot be used. `problems` holds one sentence for each thing to mend."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__("\n  - ".join((f"{count} in the stack's configuration:", *self.problems)))


@dataclass(frozen=True)
class Setting:
    """What a key takes, as the reading of it says: the schema of stack files is made from this.

    Attributes:
        kind: `secret` stands encrypted in the file; `texts` is a list, or one text.
        about: one line for whoever edits the file.
        required: whether every stack has to set it.
        choices: all that it may be; empty: no such list.
        low, high: both ends of an integer's range.
        default: what it is where it is not set; None: nothing, or what other settings say.
        pattern: a regular expression that the whole text matches.
    """

    key: str
    kind: Literal["text", "texts", "boolean", "integer", "secret"]
    about: str
    required: bool = False
    choices: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None
    default: str | int | bool | None = None
    pattern: str | None = None


class Reader:
    """Reads keys of the project's namespace, remembers which are known, and gathers what is wrong.

    `about`, of each, is the one line that an editor shows for the key.
    """

    def __init__(self, config: Mapping[str, str], secret_keys: Collection[str] | None = None) -> None:
        prefix = f"{NAMESPACE}:"
        self._values = {
            key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)
        }
        self.secret_keys = secret_keys
        self._known: dict[str, Setting] = {}
        self.problems: list[str] = []

    @property
    def settings(self) -> tuple[Setting, ...]:
        """Each setting that has been asked for, in that order."""
        return tuple(self._known.values())

    def _knows(self, setting: Setting) -> None:
        self._known[setting.key] = setting

    def is_set(self, key: str) -> bool:
        """Whether the stack sets it to more than white space."""
        return bool(self._value(key))

    def refuse(self, key: str, problem: str) -> None:
        """Notes a problem of a key; the sentence goes on from the key's name, and tells the remedy."""
        self.problems.append(f"{NAMESPACE}:{key} {problem}")

    def optional(
        self,
        key: str,
        check: Callable[[str], str | None] | None = None,
        *,
        about: str,
        default: str | None = None,
        choices: tuple[str, ...] = (),
        pattern: str | None = None,
    ) -> str | None:
        """A text, or None. `default`, `choices` and `pattern` tell editors what the caller itself checks."""
        self._knows(Setting(key, "text", about, default=default, choices=choices, pattern=pattern))
        return self._checked(key, check)

    def _value(self, key: str) -> str | None:
        return self._values.get(key, "").strip() or None

    def _checked(self, key: str, check: Callable[[str], str | None] | None) -> str | None:
        value = self._value(key)
        problem = check(value) if check and value else None
        if problem:
            self.refuse(key, f"is '{value}': it {problem}")
        return value

    def secret(self, key: str, *, about: str) -> str | None:
        """A value that must be encrypted in the stack's file, as it is: a password may begin with a space."""
        self._knows(Setting(key, "secret", about))
        value = self._values.get(key) or None
        if value and self.secret_keys is not None and f"{NAMESPACE}:{key}" not in self.secret_keys:
            self.refuse(
                key,
                "stands in plain in the stack's file: whoever could read that knows it. Replace it, then "
                f"`pulumi config set --secret {NAMESPACE}:{key}`",
            )
        return value

    def text(self, key: str, check: Callable[[str], str | None] | None = None, *, about: str) -> str:
        """A text that must be set; empty, and a problem noted, where it is not."""
        self._knows(Setting(key, "text", about, required=True))
        value = self._checked(key, check)
        if value is None:
            self.refuse(key, f"is not set: `pulumi config set {NAMESPACE}:{key} VALUE`")
        return value or ""

    def domain(self, key: str, *, about: str) -> str:
        """A domain name that must be set, in A-labels; U-labels are taken, too."""
        return self._a_labels(key, self.text(key, about=about))

    def optional_domain(self, key: str, *, about: str) -> str | None:
        """The same of a record, or None."""
        value = self.optional(key, about=about)
        return None if value is None else self._a_labels(key, value, of_record=True)

    def _a_labels(self, key: str, written: str, *, of_record: bool = False) -> str:
        if not written:
            return ""
        try:
            return naming.a_labels(written, of_record=of_record)
        except ValueError as error:
            self.refuse(key, f"is '{written}': it {error}")
            return ""

    def boolean(self, key: str, *, default: bool, about: str) -> bool:
        """`true` or `false`."""
        self._knows(Setting(key, "boolean", about, default=default))
        return self._chosen(key, ("true", "false"), str(default).lower()) == "true"

    def choice(self, key: str, among: Sequence[str], *, default: str, about: str) -> str:
        """One of a few texts."""
        self._knows(Setting(key, "text", about, default=default, choices=tuple(among)))
        return self._chosen(key, among, default)

    def _chosen(self, key: str, among: Sequence[str], default: str) -> str:
        value = self._value(key) or default
        if value not in among:
            self.refuse(key, f"is '{value}': choose one of {', '.join(among)}")
        return value

    def integer(self, key: str, *, default: int, low: int, high: int, about: str) -> int:
        """A whole number; the default, and a problem noted, where it is none or out of range."""
        self._knows(Setting(key, "integer", about, low=low, high=high, default=default))
        number = self._number(key, low, high)
        return default if number is None else number

    def optional_integer(self, key: str, *, low: int, high: int, about: str) -> int | None:
        """A whole number, or None where other settings say what it is."""
        self._knows(Setting(key, "integer", about, low=low, high=high))
        return self._number(key, low, high)

    def _number(self, key: str, low: int, high: int) -> int | None:
        value = self._value(key)
        if value is None:
            return None
        if not (value.isascii() and value.isdecimal() and low <= int(value) <= high):
            self.refuse(key, f"is '{value}': it takes a whole number from {low} to {high}")
            return None
        return int(value)

    def path(self, key: str, *, required: str = "", about: str) -> Path | None:
        """A path that exists; relative ones start at the project's root. `required` says what it is."""
        self._knows(Setting(key, "text", about))
        return self._path(key, required)

    def _path(self, key: str, required: str, remedy: str = "") -> Path | None:
        value = self._value(key)
        if value is None:
            if required:
                self.refuse(key, f"is not set: it is the path of {required}")
            return None
        path = absolute(value)
        if not path.exists():
            self.refuse(key, f"is '{value}': there is nothing at {path}{remedy and '; '}{remedy}")
        return path

    def path_text(self, key: str, what: str, *, about: str, remedy: str) -> str:
        """The same, as it is written: what ends up in the state must not depend on the machine.

        Args:
            remedy: what to do where there is nothing.
        """
        self._knows(Setting(key, "text", about))
        self._path(key, what, remedy)
        return self._value(key) or ""

    def addresses(self, key: str, *, about: str) -> tuple[str, ...]:
        """A list of `host:port`."""
        return self.texts(key, _host_and_port_problem, about=about)

    def texts(self, key: str, check: Callable[[str], str | None], *, about: str) -> tuple[str, ...]:
        """A list, written as one or, where it has one item only, plainly."""
        self._knows(Setting(key, "texts", about))
        value = self._value(key)
        if value is None:
            return ()
        try:
            listed = json.loads(value) if value.startswith("[") else [value]
        except ValueError:
            listed = [value]
        items = tuple(str(item) for item in listed)
        for item in items:
            problem = check(item)
            if problem:
                self.refuse(key, f"holds '{item}': {problem}")
        return items

    def refuse_unknown_keys(self) -> None:
        """Notes each key that was set and never asked for: call it when all are read."""
        for key in sorted(self._values.keys() - self._known.keys()):
            near = difflib.get_close_matches(key, self._known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(self._known))}"
            self.refuse(key, f"is not a setting of this program: {hint}")


def absolute(written: str) -> Path:
    """A path of the configuration: relative ones start at the project's root.

    `.local/…` is in the folder that FPGA_LOCAL names, where that is set.
    """
    path = Path(written).expanduser()
    local = os.environ.get("FPGA_LOCAL")
    if local and path.parts[:1] == (".local",):
        return Path(local).expanduser().absolute().joinpath(*path.parts[1:])
    return PROJECT_ROOT / path


def _host_and_port_problem(address: str) -> str | None:
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and 0 < int(port) < 65536:
        return None
    return "write each server as host:port, such as 127.0.0.1:53"
