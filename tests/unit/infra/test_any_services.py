"""Whatever the list of services holds: it is read or refused in words, and tells no secret."""

from __future__ import annotations

import json
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from infra import settings
from infra.settings import services
from infra.settings.reader import SettingsError

UUID = "11111111-2222-3333-4444-555555555555"
S3CRET = "zq9-s3cret.contoso.test"
PART = "zq9-s3cret"
LISTED = "fpga-web-service:services"
SECRETS = ("certificateKey", "pfxPassword", "acmeEabHmacKey")
CONFIG: Final = {
    "azure-native:metadataHost": "127.0.0.1:20443",
    "azure-native:tenantId": UUID,
    "azure-native:subscriptionId": UUID,
    "azure-native:clientId": UUID,
    "azure-native:clientSecret": "x",
    "fpga-web-service:resourceGroup": "fpga",
    "fpga-web-service:account": "models",
    "fpga-web-service:accountCapacity": "16",
    "fpga-web-service:zone": "contoso.test",
}

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
plausible = st.sampled_from(
    [
        *("", "a", "cats", "a.contoso.test", "b.contoso.test", "true", "1", "2", "files", "pfx", "config"),
        *("self_signed", "acme", "https://ca.example/d", "README.md", "LICENSE", "{", "%s", "{about}"),
    ]
)
keys = st.sampled_from([*sorted(services.own_keys() - {*SECRETS}), "name"])
items = st.dictionaries(
    keys | st.sampled_from(["zone", "tags", "fqdnn"]) | st.text(max_size=8),
    plausible | anything,
    max_size=8,
)
wrapped = st.sampled_from([S3CRET, [S3CRET], {"secure": S3CRET}, {S3CRET: S3CRET}, [[S3CRET]]])
with_secrets = st.builds(
    lambda item, secrets: item | secrets,
    items,
    st.dictionaries(st.sampled_from(SECRETS), wrapped, max_size=2),
)
flat = st.dictionaries(keys.filter(lambda key: key != "name"), plausible, max_size=6)


def reads_or_refuses(config: dict[str, str], written: str, secret_keys: set[str] | None) -> None:
    told: tuple[str, ...]
    try:
        told = (repr(settings.read(CONFIG | config | {LISTED: written}, {}, secret_keys).services),)
    except SettingsError as refusal:
        told = refusal.problems
    assert len(set(told)) == len(told) > 0
    assert PART not in "".join(told)
    "".join(told).encode()


@given(anything.map(json.dumps) | st.text())
def test_any_value_is_read_or_refused(written: str) -> None:
    reads_or_refuses({}, written, None)


@given(st.lists(with_secrets, min_size=1, max_size=4), flat, st.sampled_from([None, set(), {LISTED}]))
def test_any_items_are_read_or_refused_and_no_secret_is_told(
    listed: list[dict[str, Any]], outside: dict[str, str], secret_keys: set[str] | None
) -> None:
    config = {f"fpga-web-service:{key}": value for key, value in outside.items()}

    reads_or_refuses(config, json.dumps(listed), secret_keys)


@given(st.lists(items, min_size=1, max_size=3), st.data())
def test_what_is_encrypted_is_never_told(listed: list[dict[str, Any]], data: st.DataObject) -> None:
    places = set()
    for number, item in enumerate(listed):
        for key in data.draw(st.sets(keys | st.sampled_from(SECRETS), max_size=4)):
            item[key] = S3CRET
            places.add(f"{LISTED}[{number}].{key}")

    reads_or_refuses({}, json.dumps(listed), places)
