"""The files beside the stacks' own that are made from the settings: schemas, template and examples.

An example (`Pulumi.dev.yaml`, `Backend.dev.yaml` and their like) is Contoso's as long as it names Contoso's
group, account and domain, or place of the state, and no stack has been made of it. From then on it is a
team's, and its comments with it: nothing looks at them. So it is with the template of the stack `local`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from fpga.errors import CommandError
from fpga.stacks import presets, schema, template, yaml_text
from fpga.stacks.presets import NAMESPACE

_OWNERS: Final = tuple(f"{NAMESPACE}:{key}" for key in ("resourceGroup", "account", "zone", "fqdn"))


@dataclass(frozen=True)
class Example:
    """A committed file of a stack that is nobody's yet.

    Attributes:
        file: its name.
        settings: what it says.
        owners: the settings by which it is Contoso's.
        text: the whole file, of its settings.
        section: the key that they are under; empty: none.
    """

    file: str
    settings: Mapping[str, Any]
    owners: tuple[str, ...]
    text: Callable[[Mapping[str, Any]], str]
    section: str = ""

    def renewed(self, text: bytes | str) -> str | None:
        """The file with the comments that it should have, and the settings that it has; None: it is a team's,
        who may have broken it, or listed services with comments of their own.
        """
        try:
            content = yaml_text.load(text, self.file)
        except CommandError:
            return None
        given = content.get(self.section) if self.section and isinstance(content, dict) else content
        if not isinstance(given, dict) or f"{NAMESPACE}:services" in given:
            return None
        if any(given.get(key) != self.settings[key] for key in self.owners):
            return None
        renewed = self.text(given)
        # what encrypts a stack's secrets, say, or a setting of Pulumi's own: a person has put it there
        return renewed if yaml_text.load(renewed, self.file) == content else None


def files(folder: Path) -> dict[Path, str]:
    """The files as they should be, by their paths; without those that a team has made its own, or removed.

    Args:
        folder: the one of the stacks' files.
    """
    schemas = {"stack": schema.stack_schema(), "backend": schema.backend_schema()}
    found = {
        folder / "schema" / f"{name}.schema.json": json.dumps(one, indent=2, ensure_ascii=False) + "\n"
        for name, one in schemas.items()
    }
    for example in examples():
        file = folder / example.file
        renewed = example.renewed(file.read_bytes()) if file.is_file() else None
        if renewed is not None:
            found[file] = renewed
    return found


def examples() -> Iterator[Example]:
    """The files of stacks that are committed with the project, as they are before anybody touches them."""
    yield Example(
        "Pulumi.local.template.yaml",
        presets.local_configuration(),
        _OWNERS,
        template.local_text,
        section="config",
    )
    for name in presets.PRESETS:
        yield Example(
            f"Pulumi.{name}.yaml",
            presets.configuration(name, name, None),
            _OWNERS,
            partial(template.stack_text, name),
            section="config",
        )
        yield Example(
            f"Backend.{name}.yaml",
            presets.contosos_backend(name),
            ("url",),
            partial(template.backend_text, name),
        )
