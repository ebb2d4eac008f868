"""The file of settings: YAML, a key a line. It holds no secrets, and may name files that do."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from localcloud.configuration.table import Setting, Unfit
from localcloud.errors import StartError

_MOST_BYTES: Final = 1 << 20
_NULL: Final = "tag:yaml.org,2002:null"


@dataclass(frozen=True)
class Written:
    """What a file says for one setting.

    Attributes:
        texts: as they stand there, without quotes.
        line: number of the line, from 1.
    """

    texts: tuple[str, ...]
    line: int


def read(path: Path, settings: Mapping[str, Setting], refuse: Callable[[str], None]) -> dict[str, Written]:
    """What a file says for the settings that it names, by their fields.

    Args:
        settings: all that there are, by their fields.
        refuse: takes what is wrong with one key, each for itself.

    Raises:
        StartError: the file cannot be read, or is no mapping in YAML.
    """
    import yaml  # only who has such a file pays for it

    try:
        root = yaml.compose(_content(path), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        # without the text around it, as the error's own words have it: nobody knows what the file holds
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it cannot be read as such"
        raise StartError(
            f"{path}{where} is no YAML: {problem}. Write `KEY: VALUE`, a setting a line."
        ) from None
    if root is None:
        return {}
    if not isinstance(root, yaml.MappingNode):
        raise StartError(f"{path} holds no settings: write `KEY: VALUE`, a setting a line.")
    known = {setting.key: setting for setting in settings.values()}
    lines: dict[str, int] = {}
    found: dict[str, Written] = {}
    for key_node, node in root.value:
        line = key_node.start_mark.line + 1
        where = f"({path}, line {line})"
        key = key_node.value if isinstance(key_node, yaml.ScalarNode) else "what stands there"
        if key not in known:
            refuse(f"{_short(key)} {where} is no setting{_nearest(key, known)}.")
        elif key in lines:
            refuse(f"{key} {where} stands on line {lines[key]} already: leave one of them out.")
        else:
            lines[key] = line
            try:
                texts = _texts(node, known[key])
            except Unfit as error:
                refuse(f"{key} {where} {error}.")
            else:
                found[known[key].field] = Written(texts, line)
    return found


def _content(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise StartError(f"{path} is no file of settings: it has more than {_MOST_BYTES} bytes.")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise StartError(
            f"{path} cannot be read ({error.strerror}): name the file of settings with --config."
        ) from None
    except ValueError:
        raise StartError(f"{path} is not text in UTF-8: name the file of settings with --config.") from None


def _texts(node: Any, setting: Setting) -> tuple[str, ...]:
    """The texts of a key's value.

    Raises:
        Unfit: it is of another kind than the setting's.
    """
    import yaml

    if isinstance(node, yaml.ScalarNode):
        if node.tag == _NULL:
            raise Unfit(f"has no value: give {_plain(setting)}, or leave the key out")
        return (node.value,)
    if isinstance(node, yaml.SequenceNode) and setting.kind.gather is not None:
        if all(isinstance(one, yaml.ScalarNode) and one.tag != _NULL for one in node.value):
            return tuple(one.value for one in node.value)
        raise Unfit("holds something in its list that is no single value: give a flat list")
    held = "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"
    raise Unfit(f"holds {held}: give {_plain(setting)}")


def _plain(setting: Setting) -> str:
    return setting.kind.shape.replace("`", "")


def _nearest(key: str, known: Mapping[str, Setting]) -> str:
    """The remedy for a key that nobody knows: the one that was meant, as far as that is to be seen."""
    folded = {one.lower(): one for one in known}
    plain = key.lower().replace("-", "").replace("_", "")
    near = [plain] if plain in folded else difflib.get_close_matches(plain, folded, n=1)
    return f": {folded[near[0]]} is the nearest there is" if near else ": leave it out"


def _short(key: str) -> str:
    return key if len(key) <= 60 else f"{key[:59]}…"
