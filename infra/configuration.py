"""Reading one namespace of a stack's configuration, key by key, gathering what is wrong.

Every value arrives as a string (lists as JSON); every problem names its key and the remedy.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from infra import names

NAMESPACE = "fpga-web-service"
PROJECT_ROOT = Path(__file__).resolve().parent.parent


class Reader:
    """Reads keys of the project's namespace, remembers which are known, and gathers what is wrong."""

    def __init__(self, config: Mapping[str, str], secret_keys: Collection[str] | None = None) -> None:
        prefix = f"{NAMESPACE}:"
        self._values = {
            key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)
        }
        self._secret_keys = secret_keys
        self._known: list[str] = []
        self.problems: list[str] = []

    def refuse(self, key: str, problem: str) -> None:
        self.problems.append(f"{NAMESPACE}:{key} {problem}")

    def optional(self, key: str, check: Callable[[str], str | None] | None = None) -> str | None:
        self._known.append(key)
        value = self._values.get(key, "").strip()
        if not value:
            return None
        problem = check(value) if check else None
        if problem:
            self.refuse(key, f"is '{value}': it {problem}")
        return value

    def secret(self, key: str) -> str | None:
        """A value that must be encrypted in the stack's file, as it is: a password may begin with a space."""
        self._known.append(key)
        value = self._values.get(key) or None
        if value and self._secret_keys is not None and f"{NAMESPACE}:{key}" not in self._secret_keys:
            self.refuse(
                key,
                "stands in plain in the stack's file: whoever could read that knows it. Replace it, then "
                f"`pulumi config set --secret {NAMESPACE}:{key}`",
            )
        return value

    def text(self, key: str, check: Callable[[str], str | None] | None = None) -> str:
        value = self.optional(key, check)
        if value is None:
            self.refuse(key, f"is not set: `pulumi config set {NAMESPACE}:{key} VALUE`")
        return value or ""

    def domain(self, key: str) -> str:
        """A domain name that must be set, in A-labels; U-labels are taken, too."""
        return self._a_labels(key, self.text(key))

    def optional_domain(self, key: str) -> str | None:
        value = self.optional(key)
        return None if value is None else self._a_labels(key, value)

    def _a_labels(self, key: str, written: str) -> str:
        if not written:
            return ""
        try:
            name = names.a_labels(written)
        except ValueError as error:
            self.refuse(key, f"is '{written}': it {error}")
            return ""
        problem = names.domain_problem(name)
        if problem:
            self.refuse(key, f"is '{written}': it {problem}")
        return name

    def boolean(self, key: str, *, default: bool) -> bool:
        value = self.choice(key, ("true", "false"), default=str(default).lower())
        return value == "true"

    def choice(self, key: str, among: Sequence[str], *, default: str) -> str:
        value = self.optional(key) or default
        if value not in among:
            self.refuse(key, f"is '{value}': choose one of {', '.join(among)}")
        return value

    def integer(self, key: str, *, default: int, low: int, high: int) -> int:
        value = self.optional(key)
        if value is None:
            return default
        try:
            number = int(value)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            self.refuse(key, f"is '{value}': it takes a whole number from {low} to {high}")
            return default
        return number

    def path(self, key: str, *, required: str = "") -> Path | None:
        """A path that exists; relative ones start at the project's root. `required` says what it is."""
        value = self.optional(key)
        if value is None:
            if required:
                self.refuse(key, f"is not set: it is the path of {required}")
            return None
        path = PROJECT_ROOT / Path(value).expanduser()
        if not path.exists():
            self.refuse(key, f"is '{value}': there is nothing at {path}")
        return path

    def path_text(self, key: str, what: str) -> str:
        """The same, as it is written: what ends up in the state must not depend on the machine."""
        self.path(key, required=what)
        return self.optional(key) or ""

    def addresses(self, key: str) -> tuple[str, ...]:
        """A list of `host:port`."""
        return self.texts(key, _host_and_port_problem)

    def texts(self, key: str, check: Callable[[str], str | None]) -> tuple[str, ...]:
        """A list, written as one or, where it has one item only, plainly."""
        value = self.optional(key)
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
        for key in sorted(self._values.keys() - set(self._known)):
            near = difflib.get_close_matches(key, self._known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(self._known))}"
            self.refuse(key, f"is not a setting of this program: {hint}")


def _host_and_port_problem(address: str) -> str | None:
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and 0 < int(port) < 65536:
        return None
    return "write each server as host:port, such as 127.0.0.1:53"
