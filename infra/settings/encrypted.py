"""The places that are encrypted in a stack's file: of a list, the engine tells only that it holds secrets."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from infra.settings.reader import NAMESPACE

SERVICES: Final = f"{NAMESPACE}:services"


def keys(secret_keys: Collection[str], written: Mapping[str, Any] | None) -> frozenset[str]:
    """The keys whose values are encrypted, and of the list of services the places in it.

    Args:
        secret_keys: as the engine tells them.
        written: the settings of the stack's file, as they stand there; None: nobody can read it, and the list
            counts as encrypted as a whole.
    """
    found = frozenset(secret_keys)
    if SERVICES not in found or written is None:
        return found
    within = frozenset(places(SERVICES, written.get(SERVICES)))
    return (found - {SERVICES}) | within if within else found


def written(root: Path, stack: str) -> Mapping[str, Any] | None:
    """The settings of a stack's file as they stand there; None: it is not where the project's file has it, or
    nobody can read it.

    Args:
        root: the folder of Pulumi.yaml.
        stack: the stack's name, without organization and project.
    """
    import yaml

    try:
        project = _loaded(root / "Pulumi.yaml")
        content = _loaded(root / str(project.get("stackConfigDir") or "") / f"Pulumi.{stack}.yaml")
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return None
    return settings_of(content)


def settings_of(content: Any) -> dict[str, Any]:
    """The settings in what a stack's file holds, by key with namespace; none where it holds no settings."""
    config = content.get("config") if isinstance(content, dict) else None
    if not isinstance(config, dict):
        return {}
    # the engine reads its own older form of a key, too
    return {str(key).replace(":config:", ":", 1): value for key, value in config.items()}


def _loaded(file: Path) -> dict[str, Any]:
    import yaml

    content = yaml.load(file.read_bytes(), _loader())  # noqa: S506 - it is a safe one
    return content if isinstance(content, dict) else {}


@cache
def _loader() -> type[Any]:
    """A loader to which numbers and dates are texts: PyYAML has other ones than the engine."""
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # ten times as fast
        pass

    for kind in ("int", "float", "timestamp"):
        Loader.add_constructor(
            f"tag:yaml.org,2002:{kind}", yaml.constructor.SafeConstructor.construct_yaml_str
        )
    return Loader


def places(key: str, value: Any) -> Iterator[str]:
    """The places in a setting's value of a stack's file that are encrypted, as `pulumi config` names them: of
    an item of a list, what it sets; else the whole.
    """
    if not isinstance(value, list) or is_encrypted(value):
        yield from [key] if _holds_encrypted(value) else []
        return
    for number, item in enumerate(value):
        place = f"{key}[{number}]"
        if not isinstance(item, dict) or is_encrypted(item):
            yield from [place] if _holds_encrypted(item) else []
            continue
        yield from (f"{place}.{inner}" for inner, content in item.items() if _holds_encrypted(content))


def is_encrypted(value: Any) -> bool:
    """Whether a value of a stack's file is what the engine writes for a secret."""
    return isinstance(value, dict) and set(value) == {"secure"} and isinstance(value["secure"], str)


def _holds_encrypted(value: Any) -> bool:
    if isinstance(value, dict):
        return is_encrypted(value) or any(map(_holds_encrypted, value.values()))
    return isinstance(value, list) and any(map(_holds_encrypted, value))
