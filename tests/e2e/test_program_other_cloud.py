"""The cloud of groups, storage and zones by another host or tenant alone: the preview asks there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from infra import catalogue
from tests.support.stacks.engine_operations import expect_no_changes
from tests.support.stacks.local_cloud import LocalCloud
from tests.support.stacks.program_stack import ProgramStack
from tests.support.stacks.two_clouds import trust

HOST, TENANT = "azure-native:metadataHost", "azure-native:tenantId"
NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(scope="module")
def apart_stack(make_apart: Callable[..., ProgramStack]) -> ProgramStack:
    made = make_apart("elsewhere", {"sslEnabled": "false"})
    made.up()
    return made


@contextmanager
def given(stack: ProgramStack, local_cloud: LocalCloud, **values: str) -> Iterator[None]:
    own = {HOST: local_cloud.host, TENANT: str(local_cloud.status.tenant)}
    keys = {"host": HOST, "tenant": TENANT}
    stack.configure({keys[name]: value for name, value in values.items()})
    try:
        yield
    finally:
        stack.configure(own)


def service(stack: ProgramStack) -> dict[str, Any]:
    (found,) = [one for one in stack.resources() if one["type"] == catalogue.SERVICE.token]
    return found


def test_another_host_or_tenant_alone_is_refused_by_the_preview(
    apart_stack: ProgramStack, local_cloud: LocalCloud, other_server: LocalCloud, bundle: Path
) -> None:
    trust(bundle, other_server)
    before = service(apart_stack)
    own = {"host": local_cloud.host, "tenant_id": local_cloud.status.tenant}
    assert before["inputs"]["cloud"] == own
    for changed in ({"host": other_server.host}, {"tenant": NOBODY}):
        with given(apart_stack, local_cloud, **changed):
            refused = apart_stack.preview(code=None)
        assert refused.code != 0
        assert f"what the stack has was made at {local_cloud.host}" in refused.text
        assert "set them back" in refused.text
        assert "Nothing was changed" in refused.text
    assert service(apart_stack) == before
    expect_no_changes(apart_stack)


def test_another_name_of_the_same_cloud_is_taken(apart_stack: ProgramStack, local_cloud: LocalCloud) -> None:
    port = local_cloud.host.rpartition(":")[2]
    with given(apart_stack, local_cloud, host=f"localhost:{port}"):
        expect_no_changes(apart_stack)


def test_a_state_of_before_that_does_not_say_its_cloud_sees_no_change(
    apart_stack: ProgramStack, local_cloud: LocalCloud, tmp_path: Path
) -> None:
    exported = apart_stack.export()
    for one in exported["deployment"]["resources"]:
        if one["type"] == catalogue.SERVICE.token:
            del one["inputs"]["cloud"], one["outputs"]["cloud"]
    file = tmp_path / "state.json"
    file.write_text(json.dumps(exported))
    apart_stack.run("stack", "import", "--stack", apart_stack.stack, "--file", str(file))
    expect_no_changes(apart_stack)
    apart_stack.up()
    assert service(apart_stack)["inputs"]["cloud"]["host"] == local_cloud.host
