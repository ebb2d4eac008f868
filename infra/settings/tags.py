"""The tags of a stack's resources, by Azure's rules for names and values.

Source: https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources, "Limitations"
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from infra.settings.reader import NAMESPACE
from infra.settings.table import Kind, Unfit
from surroundings import json_text

MAX_TAGS: Final = 50
MAX_NAME: Final = 512
MAX_VALUE: Final = 256
_FORBIDDEN: Final = re.compile(r"[<>%&\\?/]")
_RESERVED: Final = ("microsoft", "azure", "windows")
_REMEDY: Final = f"write it as `name: value`, or `pulumi config set --path '{NAMESPACE}:tags.team' vision`"


def _read(written: str) -> Mapping[str, str]:
    try:
        # numbers stay as they are written
        given = json_text.loads(written, parse_int=str, parse_float=str)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise Unfit(f"is '{written}': it takes a mapping of names to values; {_REMEDY}")
    tags = {name: str(value).lower() if isinstance(value, bool) else value for name, value in given.items()}
    problems = list(_problems(tags))
    if problems:
        raise Unfit(*problems)
    return tags


def _problems(tags: Mapping[str, Any]) -> Iterator[str]:
    if len(tags) > MAX_TAGS:
        yield f"holds {len(tags)} tags: a resource has {MAX_TAGS} at most"
    seen: dict[str, str] = {}
    for name, value in tags.items():
        begins = f"holds the name '{name[:80]}'"
        other = seen.setdefault(name.lower(), name)
        if other != name:
            yield f"{begins} and '{other}': case means nothing in names, so keep one of them"
        if not 0 < len(name) <= MAX_NAME:
            yield f"{begins} of {len(name)} characters: a name takes 1 to {MAX_NAME}"
        found = _FORBIDDEN.search(name)
        if found:
            yield rf"{begins} with '{found.group()}': leave <, >, %, &, \, ? and / out of names"
        if name.lower().startswith(_RESERVED):
            yield f"{begins}: Azure reserves names that begin with {', '.join(_RESERVED)}; choose another one"
        if not isinstance(value, str):
            kind = "nothing" if value is None else "a list" if isinstance(value, list) else "a mapping"
            yield f"{begins} with {kind} for a value: it takes a text; {_REMEDY}"
        elif len(value) > MAX_VALUE:
            yield f"{begins} with a value of {len(value)} characters: a value takes {MAX_VALUE} at most"


TAGS: Final = Kind(
    _read,
    {
        "type": "object",
        "maxProperties": MAX_TAGS,
        "propertyNames": {"minLength": 1, "maxLength": MAX_NAME, "pattern": r"^[^<>%&\\?/]*$"},
        "additionalProperties": {"type": ["string", "number", "boolean"], "maxLength": MAX_VALUE},
    },
    public=True,
)
