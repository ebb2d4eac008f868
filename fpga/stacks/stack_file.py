"""A stack's file as text: its parts, and those that go on to a stack that is made anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

# how the secrets of the file are encrypted, and with what
_ENCRYPTION: Final = frozenset({"encryptionsalt", "encryptedkey", "secretsprovider"})


def without_encryption(text: str) -> tuple[str, list[str]]:
    """The file without all that is encrypted, which is lost with what it was encrypted with, and its keys.
    Comments and order stay; in a list an empty text takes its place.

    Raises:
        yaml.YAMLError: it is not YAML.
    """
    import yaml

    text, lost = _without_encrypted_items(text)
    lines = text.splitlines(keepends=True)
    gone: set[int] = set()
    for key, value in _pairs(yaml.compose(text, Loader=yaml.SafeLoader)):
        if key.value in _ENCRYPTION:
            gone.update(_lines(key, value, lines))
        elif key.value == "config":
            for setting, content in _pairs(value):
                if _is_encrypted(content):
                    lost.append(str(setting.value))
                    gone.update(_lines(setting, content, lines))
    return "".join(line for number, line in enumerate(lines) if number not in gone), lost


def _without_encrypted_items(text: str) -> tuple[str, list[str]]:
    """The file with an empty text for each secret in a list, whose items are a person's; and their places."""
    import yaml

    places: list[str] = []
    spans: list[tuple[int, int]] = []

    def look(node: Any, place: str) -> None:
        pairs = list(_pairs(node))
        if [key.value for key, _ in pairs] == ["secure"]:
            places.append(place)
            # for YAML a block ends where the next entry begins
            end = node if node.flow_style else pairs[0][1]
            spans.append((node.start_mark.index, end.end_mark.index))
            return
        for key, value in pairs:
            look(value, f"{place}.{key.value}")
        if isinstance(node, yaml.SequenceNode):
            for number, item in enumerate(node.value):
                look(item, f"{place}[{number}]")

    for key, value in _pairs(yaml.compose(text, Loader=yaml.SafeLoader)):
        if key.value == "config":
            for setting, content in _pairs(value):
                if isinstance(content, yaml.SequenceNode):
                    look(content, str(setting.value))
    for start, end in reversed(spans):
        text = f'{text[:start]}""{text[end:]}'
    return text, places


def _pairs(node: Any) -> Iterator[tuple[Any, Any]]:
    import yaml

    if isinstance(node, yaml.MappingNode):
        yield from node.value


def _is_encrypted(node: Any) -> bool:
    import yaml

    if isinstance(node, yaml.MappingNode):
        return any(key.value == "secure" or _is_encrypted(value) for key, value in node.value)
    return isinstance(node, yaml.SequenceNode) and any(map(_is_encrypted, node.value))


def _lines(key: Any, value: Any, lines: list[str]) -> range:
    """The lines of an entry. For YAML a block ends where the next entry begins, behind all comments."""
    is_block = getattr(value, "flow_style", None) is False
    first, end = key.start_mark.line, value.end_mark.line
    end += not is_block and value.end_mark.column > 0
    while end > first + 1 and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
        end -= 1
    return range(first, end)


@dataclass(frozen=True)
class Standing:
    """The standing of a stack's file: how far it was made.

    Attributes:
        has_settings: whether it sets anything.
        encryption: its lines that say what secrets are encrypted with: the stack was made.
        secrets_provider: the one that these name; None: a passphrase.
    """

    has_settings: bool
    encryption: str
    secrets_provider: str | None


def standing(text: str) -> Standing:
    """Reads a stack's file, as `pulumi stack init` leaves one, or a person.

    Raises:
        yaml.YAMLError: it is not YAML.
    """
    import yaml

    lines = text.splitlines(keepends=True)
    found = {
        str(key.value): (value, "".join(lines[number] for number in _lines(key, value, lines)))
        for key, value in _pairs(yaml.compose(text, Loader=yaml.SafeLoader))
    }
    provider = found["secretsprovider"][0].value if "secretsprovider" in found else None
    return Standing(
        has_settings="config" in found and any(_pairs(found["config"][0])),
        encryption="".join(line for key, (_, line) in found.items() if key in _ENCRYPTION),
        secrets_provider=None if provider in (None, "", "passphrase") else str(provider),
    )
