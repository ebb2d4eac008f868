"""Settings read from options and a file: all that cannot be used is refused together, as it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.configuration import file, table
from localcloud.configuration.table import ConfigFile, Setting, Unfit
from localcloud.errors import StartError
from localcloud.settings import Settings

Options = Mapping[str, Sequence[str]]
"""The texts of the options that somebody gave, by their fields; of a switch `true` or `false`."""


@dataclass(frozen=True)
class Found:
    """The values that somebody gave.

    Attributes:
        values: by the names of their fields.
        config: the file that some of them are from; None: there is none.
    """

    values: Mapping[str, Any]
    config: ConfigFile | None

    def settings(self, **filled: Any) -> Settings:
        """The settings.

        Args:
            filled: values of those that nobody gave.

        Raises:
            StartError: a setting is missing.
        """
        values = filled | dict(self.values)
        missing = [one for one in table.of(Settings).values() if one.is_required and one.field not in values]
        if missing:
            told = "; ".join(f"{one.option} {one.kind.metavar}: {one.about}" for one in missing)
            raise StartError(f"A setting is missing, as an option or in the file of --config: {told}.")
        return Settings(**values, config=self.config)


def read(options: Options, config: Path | None = None, base: Path | None = None) -> Found:
    """The values that options and a file give; an option wins.

    Args:
        config: the file.
        base: the folder from which relative paths of options, and the file's own, go; None: the current one.

    Raises:
        StartError: the file cannot be read, or values in it or among the options cannot be used: each is
            named as it is written, with the remedy.
    """
    settings = table.of(Settings)
    base = Path.cwd() if base is None else base
    problems: list[str] = []
    values: dict[str, Any] = {}
    lines: dict[str, int] = {}
    path = None if config is None else base / config.expanduser()
    if path is not None:
        for field, written in file.read(path, settings, problems.append).items():
            if field in options:
                continue
            setting = settings[field]
            told = f"{setting.key}: {_told(written.texts)} ({path}, line {written.line})"
            _put(values, setting, written.texts, path.parent, told, problems)
            lines[field] = written.line
    for field, texts in options.items():
        setting = settings[field]
        _put(values, setting, texts, base, f"{setting.option} {_told(texts)}", problems)
    if problems:
        raise StartError.of_settings(problems)
    return Found(values, None if path is None else ConfigFile(path, lines, frozenset(options)))


def _put(
    values: dict[str, Any],
    setting: Setting,
    texts: Sequence[str],
    base: Path,
    told: str,
    problems: list[str],
) -> None:
    try:
        values[setting.field] = setting.value(tuple(texts), base)
    except Unfit as error:
        problems.append(f"{told} {error}.")


def _told(texts: Sequence[str]) -> str:
    text = ", ".join(texts)
    return text if len(text) <= 100 else f"{text[:99]}…"
