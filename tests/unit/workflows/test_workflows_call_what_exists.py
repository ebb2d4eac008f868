"""What a workflow runs is a make target, or a command of this project, and takes those options."""

from __future__ import annotations

import re
from typing import Any

import pytest
import typer
from typer.exceptions import TyperException

from fpga.cli import app
from fpga.github import reviewed_plan
from fpga.stacks.touched import PROMOTION
from infra.settings.management import VARIABLES
from tests.support.workflow_scripts import CHECKOUT, FILES, Command, commands, jobs, read
from tools import pythons

FPGA = ".local/venv/bin/fpga"
VALUES = {
    "BEFORE": "beef" * 10,
    "COMMIT": "beef" * 10,
    "HEAD": "beef" * 10,
    "PULL_REQUEST": "7",
    "STACK": "dev",
    "STACKS": '["dev"]',
    "stacks": '["dev"]',
}
ALL = list(commands())
MANAGEMENT = sorted(VARIABLES.values())


class NotFitting(Exception):
    """A command line that the command refuses."""


def parse(words: list[str]) -> None:
    """Has the command line read by the command's own parser, and does not run it."""
    command: Any = typer.main.get_command(app)
    context = None
    for position, word in enumerate(words):
        if not hasattr(command, "commands"):
            break
        context = command.make_context(command.name, [], parent=context, resilient_parsing=True)
        if word not in command.commands:
            raise NotFitting(f"there is no command {' '.join(words[: position + 1])}")
        command, rest = command.commands[word], words[position + 1 :]
    try:
        command.make_context(command.name, rest, parent=context)
    except TyperException as error:
        raise NotFitting(str(error)) from None


@pytest.mark.parametrize(("where", "command"), ALL, ids=[where for where, _ in ALL])
def test_each_command_exists_with_its_options(where: str, command: Command) -> None:
    program, *arguments = command.words
    if program == "make":
        targets = re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE)
        assert arguments
        assert set(arguments) <= set(targets)
    elif program == FPGA:
        parse(command.with_values(VALUES)[1:])
    else:
        assert program in ("echo", "mkdir"), "what a workflow does is a make target or a command of ours"


@pytest.mark.parametrize(("where", "command"), ALL, ids=[where for where, _ in ALL])
def test_each_variable_is_declared(where: str, command: Command) -> None:
    assert command.used <= set(command.variables)


@pytest.mark.parametrize(
    "wrong",
    [
        ["touch", "--base", "x"],
        ["touched", "--bsae", "x"],
        ["touched", "stray"],
        ["github", "comments"],
        ["github", "comment", "--pull-request", "seven"],
        ["github", "reviewed-plan", "--commit", "x", "--stack", "dev"],
        ["github", "issues"],
    ],
    ids=" ".join,
)
def test_a_command_line_that_does_not_fit_is_noticed(wrong: list[str]) -> None:
    with pytest.raises(NotFitting):
        parse(wrong)


def test_no_workflow_runs_foreign_code_with_rights() -> None:
    for file in FILES:
        assert set(read(file)["on"]) <= {"pull_request", "push", "schedule", "workflow_dispatch"}


def test_pull_requests_are_tested_on_each_supported_python() -> None:
    job = read("pull-request.yml")["jobs"]["test"]
    assert job["strategy"]["matrix"]["python"] == [f"3.{version}" for version in pythons.supported()]
    (setup,) = [step for step in job["steps"] if step.get("uses", "").startswith("actions/setup-python@")]
    assert setup["with"]["python-version"] == "${{ matrix.python }}"
    assert [step["run"] for step in job["steps"] if "run" in step] == ["make test"]


def test_rights_are_given_job_by_job() -> None:
    for file, _, job in jobs():
        assert read(file)["permissions"] == {}
        assert "permissions" in job
        assert "timeout-minutes" in job


def test_only_what_needs_a_secret_gets_it() -> None:
    """The passphrase whatever reads a stack's state; the server's secret, where one is used, what asks it."""
    passphrase, server = (
        f"${{{{ secrets.{name} }}}}" for name in ("PULUMI_CONFIG_PASSPHRASE", "FPGA_MANAGEMENT_CLIENT_SECRET")
    )
    given: dict[str, set[str]] = {passphrase: set(), server: set()}
    for file, name, job in jobs():
        for step in job["steps"]:
            for variable, value in step.get("env", {}).items():
                if "secrets." in value:
                    assert value == f"${{{{ secrets.{variable} }}}}"
                    assert "environment" in job, f"{file} {name}: of an environment, not of the repository"
                    given[value].add(step["run"].split()[1])
        assert "secrets." not in str(job).replace(passphrase, "").replace(server, "")
    assert given == {passphrase: {"plan", "apply", "predict", "watch"}, server: {"plan", "apply", "watch"}}


def test_who_signs_in_is_told_by_the_environment_of_the_job() -> None:
    """`STACK-preview` where it looks, `STACK` where it changes something; in both the same names."""
    told = {
        **{
            f"ARM_{name}": f"${{{{ vars.AZURE_{name} }}}}"
            for name in ("CLIENT_ID", "TENANT_ID", "SUBSCRIPTION_ID")
        },
        **{variable: f"${{{{ vars.{variable} }}}}" for variable in MANAGEMENT if "SECRET" not in variable},
    }
    assert len(told) == 6
    signing = [(file, name, job) for file, name, job in jobs() if "id-token" in job["permissions"]]
    assert len(signing) == 2 + len(PROMOTION)
    for file, name, job in signing:
        where = name if file == "deploy.yml" else "${{ matrix.stack }}-preview"
        assert job["environment"] == where
        stack = name if file == "deploy.yml" else "${{ matrix.stack }}"
        assert job["env"] == {"STACK": stack, "ARM_USE_OIDC": "true", **told}
        for step in job["steps"]:
            if "run" in step and "fpga " in step["run"]:
                assert not told.keys() & step.get("env", {}).keys()


def test_only_jobs_that_need_azure_may_sign_in() -> None:
    signing = {(file, job) for file, job, body in jobs() if "id-token" in body["permissions"]}
    using = {
        (file, job)
        for file, job, body in jobs()
        if any(step.get("uses", "").startswith("azure/login@") for step in body["steps"])
    }
    assert signing == using
    assert {file for file, _ in signing} == {"deploy.yml", "nightly.yml", "pull-request.yml"}


def test_a_fork_gets_neither_a_sign_in_nor_a_right_to_write() -> None:
    own = "github.event.pull_request.head.repo.full_name == github.repository"
    writing = [
        job
        for file, _, job in jobs()
        if file == "pull-request.yml" and "write" in job["permissions"].values()
    ]
    assert len(writing) == 2
    for job in writing:
        # one of several conditions that all must hold
        assert own in job["if"].split(" && ")
        assert "||" not in job["if"]
    fork = read("pull-request.yml")["jobs"]["fork"]
    assert fork["if"] == own.replace("==", "!=")
    assert fork["permissions"] == {}


def test_the_merge_finds_what_the_pull_request_kept() -> None:
    workflow = read(reviewed_plan.WORKFLOW)
    assert set(workflow["on"]) == {"pull_request"}
    (upload,) = [
        step
        for step in workflow["jobs"]["preview"]["steps"]
        if step.get("uses", "").startswith("actions/upload-artifact@")
    ]
    assert upload["with"]["name"] == reviewed_plan.name("${{ matrix.stack }}")
    assert upload["with"]["path"] == f"{reviewed_plan.name('${{ matrix.stack }}')}.json"


def test_a_merge_goes_through_the_environments_one_after_the_other() -> None:
    deploy = read("deploy.yml")["jobs"]
    assert list(deploy) == ["touched", *PROMOTION]
    before = ["touched"]
    for stack in PROMOTION:
        job = deploy[stack]
        needed = [job["needs"]] if isinstance(job["needs"], str) else job["needs"]
        assert needed == before
        assert job["environment"] == stack
        assert job["env"]["STACK"] == stack
        assert job["concurrency"] == {"group": f"stack-{stack}", "cancel-in-progress": False}
        assert f"contains(fromJSON(needs.touched.outputs.stacks), '{stack}')" in job["if"]
        before.append(stack)
    same = [{"steps": deploy[stack]["steps"], "rights": deploy[stack]["permissions"]} for stack in PROMOTION]
    assert same[0] == same[1] == same[2]


def test_later_environments_wait_for_earlier_ones_to_succeed() -> None:
    deploy = read("deploy.yml")["jobs"]
    for stack in PROMOTION[1:]:
        # a skipped environment lets the next one go on; one that failed, was cancelled or timed out does not
        conditions = deploy[stack]["if"].split(" && ")
        assert conditions[:2] == ["!cancelled()", "!failure()"]
        for before in PROMOTION[: PROMOTION.index(stack)]:
            ended_well = f"""contains(fromJSON('["success", "skipped"]'), needs.{before}.result)"""
            assert ended_well in conditions


def test_the_night_watch_sees_every_environment_with_rights_to_read() -> None:
    watch = read("nightly.yml")["jobs"]["watch"]
    assert watch["strategy"]["matrix"]["stack"] == list(PROMOTION)
    assert watch["environment"] == "${{ matrix.stack }}-preview"
    assert read("pull-request.yml")["jobs"]["preview"]["environment"] == watch["environment"]
