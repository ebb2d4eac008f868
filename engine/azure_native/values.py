"""Pulumi's property values, to and from `google.protobuf.Struct`.

Secrets and unknowns travel inside a Struct under signatures
(`sdk/go/common/resource/plugin/rpc.go`, Pulumi 3.250).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf import struct_pb2

_SIGNATURE_KEY: Final = "4dabf18193072939515e22adb298388d"
_SECRET_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a public constant of the protocol
_RESOURCE_SIGNATURE: Final = "5cf8f73096256a8f31e491e813e4eb8e"
_OUTPUT_SIGNATURE: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
# Go's plugin.UnknownStringValue and its siblings for other kinds: one a kind of value.
_UNKNOWNS: Final = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
_UNKNOWN_STRING: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


class _Unknown:
    """A value that only a deployment will tell."""

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __bool__(self) -> bool:
        raise TypeError("an unknown value was tested as if it were known")


UNKNOWN: Final = _Unknown()


@dataclass(frozen=True)
class Secret:
    """A value that the engine keeps encrypted; its repr does not show it."""

    value: Any = field(repr=False)


Properties = dict[str, Any]


def from_struct(message: struct_pb2.Struct) -> Properties:
    """Python values of a property map: whole numbers as int, `Secret` and `UNKNOWN` in their places."""
    return {key: _from_value(value) for key, value in message.fields.items()}


def to_struct(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """The property map as the engine reads it; properties that are None are left out."""
    message = struct_pb2.Struct()
    for key, value in properties.items():
        if value is not None:
            message.fields[key].CopyFrom(_to_value(value))
    return message


def plain(value: Any) -> Any:
    """The value without its `Secret` wrappers; unknowns stay."""
    if isinstance(value, Secret):
        return plain(value.value)
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value


def holds_secret(value: Any) -> bool:
    """Whether a `Secret` is the value or anywhere inside it."""
    if isinstance(value, dict):
        return any(holds_secret(inner) for inner in value.values())
    if isinstance(value, list):
        return any(holds_secret(inner) for inner in value)
    return isinstance(value, Secret)


def holds_unknown(value: Any) -> bool:
    """Whether the value, or anything inside it, is unknown."""
    if isinstance(value, Secret):
        return holds_unknown(value.value)
    if isinstance(value, dict):
        return any(holds_unknown(inner) for inner in value.values())
    if isinstance(value, list):
        return any(holds_unknown(inner) for inner in value)
    return value is UNKNOWN


def _from_value(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return UNKNOWN if value.string_value in _UNKNOWNS else value.string_value
    if kind == "number_value":
        number = value.number_value
        # Struct knows doubles only; ARM takes 300 for a TTL, and not 300.0.
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_from_value(item) for item in value.list_value.values]
    if kind == "struct_value":
        return _from_object(from_struct(value.struct_value))
    return None


def _from_object(properties: Properties) -> Any:
    signature = properties.get(_SIGNATURE_KEY)
    if signature is None:
        return properties
    if signature == _SECRET_SIGNATURE:
        return Secret(properties.get("value"))
    if signature == _OUTPUT_SIGNATURE:
        inner = properties.get("value", UNKNOWN)
        return Secret(inner) if properties.get("secret") else inner
    if signature == _RESOURCE_SIGNATURE:
        return properties.get("id", UNKNOWN)
    raise ValueError("assets and archives have no place in an Azure resource's properties")


def _to_value(value: Any) -> struct_pb2.Value:
    if value is UNKNOWN:
        return struct_pb2.Value(string_value=_UNKNOWN_STRING)
    if isinstance(value, Secret):
        inner = struct_pb2.Struct()
        inner.fields[_SIGNATURE_KEY].string_value = _SECRET_SIGNATURE
        inner.fields["value"].CopyFrom(_to_value(value.value))
        return struct_pb2.Value(struct_value=inner)
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, int | float):
        return struct_pb2.Value(number_value=value)
    if isinstance(value, str):
        return struct_pb2.Value(string_value=value)
    if isinstance(value, list):
        return struct_pb2.Value(list_value=struct_pb2.ListValue(values=[_to_value(item) for item in value]))
    if isinstance(value, dict):
        return struct_pb2.Value(struct_value=to_struct(value))
    if value is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    raise TypeError(f"{type(value).__name__} is no property value")
