"""The authentication keys of a service: made by it, read here, secret from the start.

A resource of its own for the reason that `endpoint` gives. Rotation is configuration: a generation for each
key, a whole number from 1. Raising one has the service make that key anew, in place. Never both at once:
callers need one key that goes on while they take over the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    UpdateResult,
)

from infra import catalogue
from infra.providers import engine_log
from infra.providers.base import CloudProvider, Props, changed, only, properties, with_secrets

if TYPE_CHECKING:
    from clients.azure.model_management import Keys as ServiceKeys
    from clients.azure.model_management import KeyType

_OF = ("account_id", "service_id")
_GENERATIONS = ("primary_generation", "secondary_generation")
_INPUTS = (*_OF, *_GENERATIONS)

_SETTINGS: Final = {
    "primary_generation": "fpga-web-service:primaryKeyGeneration",
    "secondary_generation": "fpga-web-service:secondaryKeyGeneration",
}
_KEY_TYPES: Final[dict[str, KeyType]] = {
    "primary_generation": "Primary",
    "secondary_generation": "Secondary",
}

NEW_KEYS: Final = (
    "A new service comes in the place of the one that callers know, whose keys end with it: callers need "
    "new keys. Give them its primaryKey or secondaryKey, which the stack's outputs tell, as soon as the "
    "update is done; until then their calls are refused."
)


class KeysProvider(CloudProvider):
    def check(self, olds: Props, news: Props) -> CheckResult:
        """Refuses what callers could not follow; another service's keys are new in any case."""
        result = super().check(olds, news)
        if not olds or changed(_OF, olds, news):
            return result
        lowered = [name for name in _GENERATIONS if _generation(news, name) < _generation(olds, name)]
        for name in lowered:
            reached = _generation(olds, name)
            result.failures.append(
                CheckFailure(
                    name,
                    f"{_SETTINGS[name]} goes from {reached} to {_generation(news, name)}: a key that was "
                    f"withdrawn does not come back. Set it to {reached}, or to {reached + 1} for a new key",
                )
            )
        if not lowered and _raised(olds, news) == list(_GENERATIONS):
            first, second = (_SETTINGS[name] for name in _GENERATIONS)
            result.failures.append(
                CheckFailure(
                    _GENERATIONS[1],
                    f"{first} and {second} are both raised: with both keys withdrawn at once, no caller "
                    f"could go on while it takes over a new one. Leave {second} at "
                    f"{_generation(olds, _GENERATIONS[1])}, run `pulumi up`, have all callers take the new "
                    "primary key, then raise it",
                )
            )
        return result

    def diff(self, _id: str, olds: Props, news: Props) -> DiffResult:
        replaces = changed(_OF, olds, news)
        if replaces:
            engine_log.warn_once(NEW_KEYS)
        regenerates = any(_generation(olds, name) != _generation(news, name) for name in _GENERATIONS)
        return DiffResult(changes=bool(replaces or regenerates), replaces=replaces)

    def create(self, props: Props) -> CreateResult:
        """Reads the keys that there are, whatever the generations: they count from here."""
        return CreateResult(props["service_id"], _outs(props, self._require(props)))

    def update(self, _id: str, olds: Props, news: Props) -> UpdateResult:
        """Regenerates the key whose generation was raised.

        A run that was cut off after that left the old generation in the state: the same key is made anew once
        more. Its first successor was never told to anyone.
        """
        keys = self._require(news)
        for name in _raised(olds, news):
            _require_known_remainder(name, olds, keys)
            keys = self.management(news["account_id"]).regenerate_key(news["service_id"], _KEY_TYPES[name])
        return UpdateResult(_outs(news, keys))

    def read(self, id_: str, props: Props) -> ReadResult:
        if self.is_elsewhere(props["account_id"]):
            return ReadResult(id_, dict(props), only(_INPUTS, props))
        keys = self.management(props["account_id"]).keys(props["service_id"])
        if keys is None:
            return ReadResult(None, {})
        return ReadResult(id_, _outs(props, keys), only(_INPUTS, props))

    def _require(self, props: Props) -> ServiceKeys:
        keys = self.management(props["account_id"]).keys(props["service_id"])
        if keys is None:
            raise RuntimeError(f"the service {props['service_id']} is gone")
        return keys


def _generation(props: Mapping[str, Any], name: str) -> int:
    """The engine hands numbers out as floats; a state from before there were generations has none."""
    return int(props.get(name, 1))


def _raised(olds: Props, news: Props) -> list[str]:
    return [name for name in _GENERATIONS if _generation(news, name) > _generation(olds, name)]


def _require_known_remainder(name: str, olds: Props, keys: ServiceKeys) -> None:
    """The other key must be the one that callers were told: it is all that they have when this one ends."""
    other, now = ("secondary", keys.secondary) if name == _GENERATIONS[0] else ("primary", keys.primary)
    if olds[f"{other}_key"] != now:
        raise RuntimeError(
            f"the service's {other} key is not the one in the stack's state: a run that was cut off, or "
            f"somebody else, made it anew, and callers may not have it. {_SETTINGS[name]} would withdraw the "
            "only key that they have. Nothing was changed: run `pulumi refresh`, have all callers take the "
            f"{other} key from the outputs, then run `pulumi up` again"
        )


def _outs(props: Props, keys: ServiceKeys) -> Props:
    return {**only(_INPUTS, props), "primary_key": keys.primary, "secondary_key": keys.secondary}


@dataclass(frozen=True)
class KeysArgs:
    """Inputs of a pair of keys.

    Attributes:
        account_id, service_id: whose they are.
        primary_generation, secondary_generation: raised by one, and the service makes that key anew.
    """

    account_id: pulumi.Input[str]
    service_id: pulumi.Input[str]
    primary_generation: int
    secondary_generation: int


class Keys(Resource, module=catalogue.MODULE, name=catalogue.KEYS.type_name):
    """Primary and secondary key of a service; either opens it while SSL is on."""

    primary_key: pulumi.Output[str]
    secondary_key: pulumi.Output[str]

    def __init__(self, name: str, args: KeysArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        props = properties(catalogue.KEYS, args, catalogue.KEYS.secrets)
        super().__init__(KeysProvider(), name, props, with_secrets(catalogue.KEYS, opts))
