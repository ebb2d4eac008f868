"""The options of `fpga cloud up`: one for each of localcloud's settings, made of the table of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from localcloud.configuration import table
from localcloud.configuration.table import Setting
from localcloud.settings import Settings


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """A command with these options beside its own ones, called with them as `**given` by their fields.

    Those that `command` has itself, and those that are filled in for everybody, are left out.
    """
    own = list(inspect.signature(command, eval_str=True).parameters.values())[:-1]  # without `**given`
    names = {parameter.name for parameter in own}
    settings = [one for one in table.of(Settings).values() if not one.is_filled and one.field not in names]
    made = [
        inspect.Parameter(
            one.field, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_annotation(one)
        )
        for one in settings
    ]

    def taken(**given: Any) -> None:
        command(**given)

    taken.__name__, taken.__doc__ = command.__name__, command.__doc__
    taken.__module__ = command.__module__
    keywords = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own]
    taken.__signature__ = inspect.Signature([*keywords[:2], *made, *keywords[2:]])  # type: ignore[attr-defined]
    return taken


def texts(given: dict[str, Any]) -> dict[str, list[str]]:
    """The texts of the options that somebody gave, by the fields of their settings."""
    return {
        field: [str(value).lower()] if isinstance(value, bool) else list(value)
        for field, value in given.items()
        if value is not None
    }


def _annotation(setting: Setting) -> Any:
    default = setting.shown_default or False
    if setting.kind.is_switch:
        name = setting.option.removeprefix("--")
        declared = typer.Option(f"--{name}/--no-{name}", help=f"{setting.about}.", show_default=default)
        return Annotated[bool | None, declared]
    declared = typer.Option(
        setting.option, metavar=setting.kind.metavar, help=f"{setting.about}.", show_default=default
    )
    return Annotated[list[str] | None, declared]
