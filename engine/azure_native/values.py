"""Pulumi's property values, to and from `google.protobuf.Struct`.

Secrets and unknowns travel inside a Struct under signatures
(`sdk/go/common/resource/plugin/rpc.go`, Pulumi 3.250).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf import struct_pb2

from engine import signatures


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
        return UNKNOWN if value.string_value in signatures.UNKNOWNS else value.string_value
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
    signature = properties.get(signatures.KEY)
    if signature is None:
        return properties
    if signature == signatures.SECRET:
        return Secret(properties.get("value"))
    if signature == signatures.OUTPUT:
        inner = properties.get("value", UNKNOWN)
        return Secret(inner) if properties.get("secret") else inner
    if signature == signatures.RESOURCE:
        return properties.get("id", UNKNOWN)
    raise ValueError("assets and archives have no place in an Azure resource's properties")


def _to_value(value: Any) -> struct_pb2.Value:
    if value is UNKNOWN:
        return struct_pb2.Value(string_value=signatures.UNKNOWN_STRING)
    if isinstance(value, Secret):
        inner = struct_pb2.Struct()
        inner.fields[signatures.KEY].string_value = signatures.SECRET
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
