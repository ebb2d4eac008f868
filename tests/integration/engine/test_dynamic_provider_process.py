"""Pulumi's dynamic provider as the engine meets it: what a provider raises is told in its own words."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dill  # type: ignore[import-untyped]
import grpc
import pytest
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from engine.azure_native.values import to_struct
from tests.support.engine.plugin_process import started

PROVIDERS = """
from pulumi.dynamic import CreateResult, ResourceProvider


class Failing(ResourceProvider):
    def create(self, props):
        raise {"runtime": RuntimeError, "key": KeyError, "silent": ValueError}[props["kind"]](*props["words"])
"""


@contextmanager
def _started(folder: Path) -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    with started("engine.dynamic_provider", folder=folder) as (_, channel):
        yield provider_pb2_grpc.ResourceProviderStub(channel)


@pytest.mark.parametrize(
    ("kind", "words", "told"),
    [
        (
            "runtime",
            ["creating the service s: the package is broken"],
            "creating the service s: the package is broken",
        ),
        ("key", ["account_id"], "KeyError: 'account_id'"),
        ("silent", [], "ValueError: "),
    ],
)
def test_what_a_provider_raises_is_told_in_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, words: list[str], told: str
) -> None:
    (tmp_path / "failing_providers.py").write_text(PROVIDERS)
    monkeypatch.syspath_prepend(str(tmp_path))
    import failing_providers  # type: ignore[import-not-found]

    reference = base64.b64encode(dill.dumps(failing_providers.Failing())).decode()
    properties = to_struct({"__provider": reference, "kind": kind, "words": words})
    request = provider_pb2.CreateRequest(urn="urn:pulumi:s::p::t::n", properties=properties)
    with _started(tmp_path) as stub, pytest.raises(grpc.RpcError) as refused:
        stub.Create(request)
    assert (refused.value.code(), refused.value.details()) == (grpc.StatusCode.UNKNOWN, told)


def test_what_the_servicer_says_itself_stays(tmp_path: Path) -> None:
    with _started(tmp_path) as stub, pytest.raises(grpc.RpcError) as refused:
        stub.CheckConfig(provider_pb2.CheckRequest())
    assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED
