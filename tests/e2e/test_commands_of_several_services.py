"""The commands on a stack with three services: each is told, called, renewed and judged by its name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from infra.settings.reader import PROJECT_ROOT
from tests.support.stacks.program_stack import ProgramStack

SERVICES: Final = "fpga-web-service:services"
PHOTO: Final = str(PROJECT_ROOT / "samples" / "espresso.jpg")
NAMES: Final = ("birds", "cats", "dogs")
ZONE: Final = "three.contoso.test"


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., ProgramStack]) -> ProgramStack:
    listed = [{"name": name, "fqdn": f"{name}.{ZONE}"} for name in NAMES]
    config: dict[str, Any] = {SERVICES: listed, "fpga-web-service:accountCapacity": "4"}
    made = make_stack("three", config, loaded=True)
    made.run("config", "rm", "--stack", made.stack, "fpga-web-service:fqdn")
    made.up()
    (made.folder / "stacks").mkdir(exist_ok=True)
    (made.folder / "stacks" / settings_file(made).name).symlink_to(
        settings_file(made)
    )  # as a checkout has it
    return made


def told(stack: ProgramStack, *words: str, code: int = 0) -> str:
    """What a command prints on standard output; of one that is refused, on standard error."""
    done = stack.fpga(*words, "--stack", stack.stack)
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return done.stderr if code else done.stdout


def settings_file(stack: ProgramStack) -> Path:
    return stack.folder / f"Pulumi.{stack.stack}.yaml"


def test_a_photo_is_classified_by_the_service_that_is_named(stack: ProgramStack) -> None:
    for name in NAMES:
        shown = told(stack, "predict", PHOTO, "--service", name)
        assert "espresso" in shown
        assert f"{name}.{ZONE} at " in shown
        assert f"(stack {stack.stack}, service {name})" in shown
    (one,) = {json.loads(told(stack, "predict", PHOTO, "--service", "cats", "--json"))["service"]}
    assert one == "cats"


def test_a_photo_is_classified_by_all_services_one_after_the_other(stack: ProgramStack) -> None:
    listed = json.loads(told(stack, "predict", PHOTO, "--each-service", "--json"))
    assert [one["service"] for one in listed] == list(NAMES)
    assert {one["labels"][0]["name"] for one in listed} == {"espresso"}
    said = told(stack, "predict", "-", "--each-service", code=1)
    assert "Standard input is read once: name a file, or one service by --service." in said


@pytest.mark.parametrize("command", [("predict", PHOTO), ("call-info",)])
def test_none_named_is_a_list_to_choose_from(stack: ProgramStack, command: tuple[str, ...]) -> None:
    said = told(stack, *command, code=2)
    assert f"the stack {stack.stack} has 3 services; name one of them:" in said
    for name in NAMES:
        assert f"  {name:<5}  {name}.{ZONE}" in said


def test_a_name_that_is_none_is_asked_back(stack: ProgramStack) -> None:
    said = told(stack, "predict", PHOTO, "--service", "cat", code=2)
    assert f"the stack {stack.stack} has no service 'cat': did you mean cats? It has:" in said
    other = told(stack, "call-info", "--service", "dogg", code=1)
    assert "has no service dogg that answers" in other
    assert "The stack's own: birds, cats, dogs. Did you mean dogs?" in other


def test_callers_are_told_of_each_service_its_own(stack: ProgramStack) -> None:
    outputs = stack.outputs(show_secrets=True)
    seen = set()
    for name in NAMES:
        info = json.loads(told(stack, "call-info", "--service", name, "--format", "json"))
        of = outputs["services"][name]
        assert (info["name"], info["host"], info["address"]) == (name, of["fqdn"], of["ip"])
        assert Path(info["roots_file"]).read_text() == of["rootCertificate"]
        assert info["key_command"] == f"fpga call-info --stack {stack.stack} --service {name} --format key"
        key = told(stack, "call-info", "--service", name, "--format", "key").strip()
        assert key == outputs["serviceKeys"][name]["primaryKey"]
        # by the name that it has in the account, too
        again = json.loads(told(stack, "call-info", "--service", info["service"], "--format", "json"))
        assert again["name"] == name
        seen.add((info["service"], key))
    assert len(seen) == 3


def test_a_plan_is_told_by_service(stack: ProgramStack) -> None:
    assert "\n3 services unchanged\n" in f"\n{told(stack, 'plan')}"
    before = settings_file(stack).read_text()
    path = f"{SERVICES}[1].recordTtl"
    stack.run("config", "set", "--path", "--plaintext", path, "120", "--stack", stack.stack)
    try:
        plan = json.loads(told(stack, "plan", "--format", "json"))
        shown = told(stack, "plan")
        comment = told(stack, "plan", "--format", "markdown")
    finally:
        settings_file(stack).write_text(before)
    changed = {(one["service"], one["name"]) for one in plan["changes"]}
    assert ("cats", "cats-record") in changed
    assert {service for service, _ in changed} == {"cats"}
    assert {one["name"]: bool(one["certificate"]) for one in plan["services"]} == dict.fromkeys(NAMES, True)
    assert shown.splitlines()[0] == "service cats"
    assert "2 services unchanged" in shown
    assert "| <code>cats</code> | " in comment
    for text in (shown, comment):
        assert "dogs" not in text


def test_a_policy_names_the_service(stack: ProgramStack) -> None:
    before = settings_file(stack).read_text()
    path = f"{SERVICES}[2].recordTtl"
    stack.run("config", "set", "--path", "--plaintext", path, "5", "--stack", stack.stack)
    try:
        refused = stack.preview("--policy-pack", str(PROJECT_ROOT / "policy"), code=None)
    finally:
        settings_file(stack).write_text(before)
    found = [event["policyEvent"] for event in refused.events if "policyEvent" in event]
    assert [(one["policyName"], one["resourceUrn"].rpartition("::")[2]) for one in found] == [
        ("record-ttl-bounds", "dogs-record")
    ]
    assert "service dogs: its TTL is 5 seconds" in found[0]["message"]


def test_a_quiet_night_finds_nothing_of_any(stack: ProgramStack) -> None:
    watch = json.loads(told(stack, "watch", "--format", "json"))
    assert (watch["services"], watch["findings"]) == (list(NAMES), [])


def test_one_is_renewed_where_the_list_has_it(stack: ProgramStack) -> None:
    file = settings_file(stack)
    text = file.read_text().replace(
        "  fpga-web-service:services:\n", "  # ours\n  fpga-web-service:services:\n"
    )
    file.write_text(text)
    before = stack.outputs(show_secrets=True)

    shown = told(stack, "certs", "renew", "--service", "cats", "--early", "--yes")

    assert f"{SERVICES}[1].certificateGeneration is 2 now" in shown
    assert "generation  2 (self_signed)" in shown
    assert "dogs" not in shown
    added = [line.strip() for line in file.read_text().splitlines() if line not in text.splitlines()]
    assert added == ["certificateGeneration: 2"]
    assert [line for line in text.splitlines() if line not in file.read_text().splitlines()] == []
    after = stack.outputs(show_secrets=True)
    assert after["serviceKeys"] == before["serviceKeys"]
    for name in NAMES:
        same = after["services"][name] == before["services"][name]
        assert same is (name != "cats"), name
    said = told(stack, "certs", "renew", "--early", "--yes", code=2)
    assert "has 3 services; name one of them:" in said
    assert told(stack, "certs", "renew").count("Not due until") == 3


def test_what_a_lost_state_had_is_adopted_by_service(stack: ProgramStack) -> None:
    """Records come back by the engine's import, services by the next update, which knows their names."""
    exported = stack.export()
    lost = (
        "cats-record",
        "cats-service",
        "cats-endpoint",
        "cats-keys",
        "cats-endpoint-check",
        "cats-certificate",
    )
    resources = exported["deployment"]["resources"]
    kept = [one for one in resources if one["urn"].rpartition("::")[2] not in (*lost, "cats")]
    stack.load({**exported, "deployment": {**exported["deployment"], "resources": kept}})
    before = stack.outputs(show_secrets=True)["serviceKeys"]["cats"]

    shown = told(stack, "adopt", "--yes")

    assert "cats-record" in shown
    assert "Adopted: cats-record." in shown
    standing = {line.split()[0]: line for line in shown.splitlines() if line.strip()}
    assert "the next update takes it over" in standing["cats-service"]
    assert "in the stack" in standing["dogs-service"]
    stack.up()
    assert stack.outputs(show_secrets=True)["serviceKeys"]["cats"] == before
    assert "espresso" in told(stack, "predict", PHOTO, "--service", "cats")
