"""A plugin that is killed alone, its engine alive: the next plain update goes on with what it had begun."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2

from engine.azure_native.values import to_struct
from engine.plugin_notes import Notes
from tests.support.engine import put_faults
from tests.support.engine.plugin_process import Plugin, plugin
from tests.support.engine.put_faults import (
    KINDS,
    Fault,
    FaultyCloud,
    Resource,
    Victim,
    inputs,
    up,
)
from tests.support.engine.scripted_arm import Arm
from tests.support.waiting import PATIENCE_S, wait_until

GROUP = "rg-killed"


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[tuple[FaultyCloud, Arm]]:
    with put_faults.faulty_cloud(tmp_path) as found:
        yield found


def killed_amid(cloud: FaultyCloud, arm: Arm, call: Callable[[Plugin], object]) -> None:
    """Has a plugin put something, and kills it alone once that was carried out."""
    cloud.faults[GROUP] = Fault("change", acts=True, kills=Victim.PLUGIN)
    with plugin(arm.ca, home=arm.ca.parent / "home") as victim, ThreadPoolExecutor(1) as pool:
        victim.configure(arm.settings)
        begun = pool.submit(call, victim)
        assert cloud.waiting.acquire(timeout=PATIENCE_S)
        victim.process.kill()
        victim.process.wait()
        cloud.all_are_killed.set()
        begun.exception(PATIENCE_S)
    cloud.out.clear()


@pytest.mark.parametrize("name", ["group", "record set"])
def test_a_create_is_gone_on_with(cloud: tuple[FaultyCloud, Arm], name: str) -> None:
    faulty, arm = cloud
    kind, wanted = KINDS[name], inputs(name, GROUP)
    killed_amid(faulty, arm, lambda victim: up(victim, kind, wanted, None))
    assert GROUP in faulty.kept

    with plugin(arm.ca, home=arm.ca.parent / "home") as running:
        running.configure(arm.settings)
        made = up(running, kind, wanted, None)
        assert made is not None
        assert not made.unfinished
        notes = Notes(str(arm.ca.parent / "home"))
        wait_until(lambda: notes.get(made.id) is not None and not running_on(notes, made))
        with pytest.raises(grpc.RpcError, match="cannot create already existing resource"):
            running.create(kind, running.check(kind, wanted))
        running.delete(kind, made.id, made.inputs)
    assert notes.get(made.id) is None


def running_on(notes: Notes, made: Resource) -> bool:
    note = notes.get(made.id)
    return note is not None and note.begun


def test_what_somebody_else_made_is_refused(cloud: tuple[FaultyCloud, Arm]) -> None:
    faulty, arm = cloud
    kind, wanted = KINDS["group"], inputs("group", GROUP)
    faulty.kept[GROUP] = {"id": "theirs", "name": GROUP, "properties": {}}
    with plugin(arm.ca, home=arm.ca.parent / "home") as running:
        running.configure(arm.settings)
        for _ in range(2):  # a refusal is no beginning
            with pytest.raises(grpc.RpcError, match="cannot create already existing resource"):
                running.create(kind, running.check(kind, wanted))


def test_another_stacks_beginning_is_refused(cloud: tuple[FaultyCloud, Arm]) -> None:
    faulty, arm = cloud
    kind, wanted = KINDS["group"], inputs("group", GROUP)
    killed_amid(faulty, arm, lambda victim: up(victim, kind, wanted, None))
    with plugin(arm.ca, home=arm.ca.parent / "home") as running:
        running.configure(arm.settings)
        other = provider_pb2.CreateRequest(
            urn=f"urn:pulumi:other::fpga-web-service::{kind.token}::thing",
            properties=to_struct(running.check(kind, wanted)),
        )
        with pytest.raises(grpc.RpcError, match="cannot create already existing resource"):
            running.stub.Create(other)


def test_an_update_is_put_again_whatever_is_declared_by_then(cloud: tuple[FaultyCloud, Arm]) -> None:
    faulty, arm = cloud
    kind, wanted = KINDS["storage"], inputs("storage", GROUP)
    with plugin(arm.ca, home=arm.ca.parent / "home") as running:
        running.configure(arm.settings)
        state = up(running, kind, wanted, None)
        assert state is not None
    changed = {**wanted, "tags": {"team": "vision"}}
    killed_amid(faulty, arm, lambda victim: up(victim, kind, changed, state))

    with plugin(arm.ca, home=arm.ca.parent / "home") as running:
        running.configure(arm.settings)

        def changes() -> int:
            request = provider_pb2.DiffRequest(
                urn=f"urn:pulumi:test::fpga-web-service::{kind.token}::thing",
                id=state.id,
                old_inputs=to_struct(state.inputs),
                news=to_struct(state.inputs),
            )
            return int(running.stub.Diff(request).changes)

        assert changes() == provider_pb2.DiffResponse.DIFF_SOME, "what is declared again was changed there"
        running.update(kind, state.id, state.outputs, state.inputs, state.inputs)
        wait_until(lambda: changes() == provider_pb2.DiffResponse.DIFF_NONE)


def test_notes_that_cannot_be_written_are_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for home in (tmp_path / "file", tmp_path / "none"):
        notes = Notes(str(home))
        notes.forget("/subscriptions/s")
        assert notes.get("/subscriptions/s") is None
    notes = Notes(str(tmp_path / "file"))
    notes.begin("/subscriptions/s", "urn:pulumi:a::p::t::n", made=True)
    assert notes.get("/subscriptions/s") is None


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b'{"id": 1}', b"\xff"])
def test_odd_notes_are_none(tmp_path: Path, content: bytes) -> None:
    notes = Notes(str(tmp_path))
    notes.begin("/subscriptions/s/resourceGroups/G", "urn:pulumi:a::p::t::n", made=True)
    note = notes.get("/subscriptions/S/resourcegroups/g")
    assert note is not None
    assert (note.begun, note.is_made_by("p", "a"), note.is_made_by("p", "b")) == (True, True, False)
    (file,) = (tmp_path / "azure-native-notes").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_bytes(content)
    assert notes.get("/subscriptions/s/resourceGroups/G") is None
