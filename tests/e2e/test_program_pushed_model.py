"""`fpga model push`, `list` and `delete`: a model beside the stack's own, run by its id, and deleted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from clients.azure.blobs import Blobs
from fpga.models import folder, onnx_file
from fpga.models.new_package import Wanted, made
from infra.declared import CONTAINER
from tests.support.models import onnx_files
from tests.support.stacks.program_stack import ProgramStack

MODEL_ID, PACKAGE = "fpga-web-service:modelId", "fpga-web-service:modelPackage"


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., ProgramStack]) -> ProgramStack:
    return make_stack("pushed", {"fpga-web-service:sslEnabled": "false"}, loaded=True)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("pushed") / "colours"
    model = onnx_file.read(onnx_files.mean_colour(place.parent / "own.onnx"))
    folder.write(place, made(model, Wanted("0:1"), softmax=True).files)
    return place


def fpga(stack: ProgramStack, *arguments: str, code: int = 0) -> str:
    done = stack.fpga("model", *arguments, "--stack", stack.stack)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stderr


def listed(stack: ProgramStack) -> dict[str, dict[str, object]]:
    return {one["name"]: one for one in json.loads(fpga(stack, "list", "--json"))}


def test_a_stack_without_an_account_says_so(stack: ProgramStack, package: Path) -> None:
    told = fpga(stack, "push", str(package), code=1)
    assert "The stack pushed has no account or storage yet" in told
    assert "`pulumi up -s pushed` makes them" in told


def test_what_is_pushed_twice_is_registered_once(stack: ProgramStack, package: Path) -> None:
    stack.up()
    (own,) = listed(stack)

    first = fpga(stack, "push", str(package))
    again = fpga(stack, "push", str(package))

    assert first.startswith("Registered: colours-")
    assert again.startswith("Registered already: colours-")
    (pushed,) = listed(stack).keys() - {own}
    assert first.split("(")[1].split(")")[0] == again.split("(")[1].split(")")[0]
    assert f"{own} " in fpga(stack, "list")
    assert list(stack.up().changes) == ["same"]

    (package / "labels.txt").write_text("red\ngreen\nblue\n")
    definition = json.loads((package / "service_def.json").read_text())
    (package / "service_def.json").write_text(json.dumps({**definition, "labels": "labels.txt"}))
    fpga(stack, "push", str(package))
    assert len(listed(stack)) == 3
    told = fpga(stack, "delete", "colours", "--yes", code=1)
    assert "2 models are called colours: name one by its id: " in told
    fpga(stack, "delete", pushed, "--yes")
    assert pushed not in listed(stack)


def test_what_would_not_run_is_refused_before_it_is_uploaded(stack: ProgramStack, package: Path) -> None:
    (package / "labels.txt").write_text("red\n")
    before = listed(stack)
    told = fpga(stack, "push", str(package), code=1)
    assert "labels.txt has 1 labels, but pipeline[2] (softmax.onnx) gives 3 scores" in told
    (package / "labels.txt").write_text("red\ngreen\nblue\n")
    assert "--name a/b: a model's name takes" in fpga(stack, "push", str(package), "--name", "a/b", code=1)
    assert listed(stack) == before


def test_a_model_that_a_service_runs_is_deleted_by_force_alone(stack: ProgramStack) -> None:
    (own,) = [name for name, one in listed(stack).items() if one["ofAStack"]]
    (pushed,) = [one for name, one in listed(stack).items() if name != own]
    stack.run("config", "rm", PACKAGE, "--stack", stack.stack)
    stack.configure({MODEL_ID: str(pushed["id"])})
    stack.up()

    (service,) = stack.services()
    told = fpga(stack, "delete", "colours", "--yes", code=1)
    assert f"is run by {service.name} (" in told
    assert "have them deleted with it: --force" in told
    assert "Nobody is there to be asked" in fpga(stack, "delete", "colours", "--force", code=1)
    assert len(stack.services()) == 1

    name = str(pushed["name"])
    assert f"{name}.zip" in blobs(stack)
    assert f"the service {service.name}" in fpga(stack, "delete", "colours", "--force", "--yes")
    assert stack.services() == []
    assert listed(stack) == {}
    assert f"{name}.zip" not in blobs(stack)
    assert "has no model colours: nothing to do" in fpga(stack, "delete", "colours", "--yes")


def blobs(stack: ProgramStack) -> list[str]:
    """The packages in the stack's storage account."""
    (account,) = [one["id"] for one in stack.resources() if one["type"].endswith(":StorageAccount")]
    with Blobs(stack.cloud.client, account, CONTAINER)._client() as client:
        return list(client.get_container_client(CONTAINER).list_blob_names())
