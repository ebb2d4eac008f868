"""Pulumi's property values, to and from a Struct."""

from __future__ import annotations

import pytest
from google.protobuf import json_format, struct_pb2
from pulumi.runtime import rpc

from engine.azure_native.values import (
    UNKNOWN,
    Secret,
    from_struct,
    holds_secret,
    holds_unknown,
    plain,
    to_struct,
)


def _struct(value: dict[str, object]) -> struct_pb2.Struct:
    return json_format.ParseDict(value, struct_pb2.Struct())


def test_plain_values_come_back_as_they_went() -> None:
    values = {"text": "a", "whole": 300, "part": 0.5, "yes": True, "list": [1, {"a": "b"}], "empty": {}}
    assert from_struct(to_struct(values)) == values


def test_the_signatures_are_the_sdks() -> None:
    message = _struct(
        {
            "secret": {rpc._special_sig_key: rpc._special_secret_sig, "value": {"a": 1}},
            "unknown": rpc.UNKNOWN,
            "output": {rpc._special_sig_key: rpc._special_output_value_sig, "value": "a", "secret": True},
            "pending": {rpc._special_sig_key: rpc._special_output_value_sig},
            "resource": {rpc._special_sig_key: rpc._special_resource_sig, "urn": "urn", "id": "an id"},
        }
    )
    values = from_struct(message)
    assert values["secret"] == Secret({"a": 1})
    assert values["unknown"] is UNKNOWN
    assert values["output"] == Secret("a")
    assert values["pending"] is UNKNOWN
    assert values["resource"] == "an id"


def test_secrets_and_unknowns_go_out_as_the_sdk_reads_them() -> None:
    message = json_format.MessageToDict(to_struct({"key": Secret("hush"), "later": UNKNOWN, "none": None}))
    assert message == {
        "key": {rpc._special_sig_key: rpc._special_secret_sig, "value": "hush"},
        "later": rpc.UNKNOWN,
    }


def test_assets_are_refused() -> None:
    message = _struct({"asset": {rpc._special_sig_key: rpc._special_asset_sig, "text": "a"}})
    with pytest.raises(ValueError, match="assets and archives have no place"):
        from_struct(message)


def test_looking_into_values() -> None:
    nested = {"a": [{"b": Secret({"c": UNKNOWN})}]}
    assert holds_secret(nested)
    assert holds_unknown(nested)
    assert plain(nested) == {"a": [{"b": {"c": UNKNOWN}}]}
    assert not holds_secret(plain(nested))
    assert "hush" not in repr(Secret("hush"))


def test_an_unknown_cannot_be_taken_for_a_truth() -> None:
    with pytest.raises(TypeError, match="unknown value"):
        bool(UNKNOWN)
