"""`fpga github comment`: one comment of ours, kept up to date, in a real exchange with a GitHub."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from fpga.github.plan_comment import MARK
from fpga.plan.model import Change, Difference, Plan, Value
from tests.support.github.command import Command, fpga, github, github_server
from tests.support.github.stand_in import BOT, Fault, StandIn
from tests.support.plan.samples import EMPTY

__all__ = ["fpga", "github", "github_server"]

PULL_REQUEST = ("github", "comment", "--pull-request", "7")


def a_plan(stack: str, *changes: str, text: str = "S2") -> Plan:
    """A plan that updates resources of these names."""
    updates = tuple(
        Change(
            urn=f"urn:pulumi:{stack}::fpga-web-service::t:i:T::{name}",
            name=name,
            type="t:i:T",
            operation="update",
            differences=(Difference("sku.name", Value("plain", "S1"), Value("plain", text)),),
        )
        for name in changes
    )
    return replace(EMPTY, stack=stack, changes=updates, unchanged=3)


def kept(folder: Path, plan: Plan) -> Path:
    file = folder / f"plan-{plan.stack}.json"
    file.write_text(json.dumps(plan.to_json()))
    return file


@pytest.fixture(autouse=True)
def may_write(github: StandIn) -> None:
    github.permissions = {"pull_requests=write"}


def test_there_is_one_comment_and_it_is_the_last_word(fpga: Command, github: StandIn, tmp_path: Path) -> None:
    for login in (BOT, "ada", "mallory"):
        github.comment(7, "Looks good.", login)
    for name in ("account", "service"):
        code, told, _ = fpga(*PULL_REQUEST, "--plan", kept(tmp_path, a_plan("dev", name)))
        assert code == 0
    assert len(github.comments) == 4
    ours = github.comments[3]
    assert told == f"{ours['html_url']}\n"
    assert "service" in ours["body"]
    assert "account" not in ours["body"]
    calls = [seen.method for seen in github.seen if seen.method != "GET"]
    assert calls == ["POST", "PATCH"]


def test_what_did_not_change_is_not_sent(fpga: Command, github: StandIn, tmp_path: Path) -> None:
    file = kept(tmp_path, a_plan("dev", "account"))
    for _ in range(2):
        assert fpga(*PULL_REQUEST, "--plan", file)[0] == 0
    assert [seen.method for seen in github.seen if seen.method != "GET"] == ["POST"]


@pytest.mark.parametrize("login", ["mallory", "ada", "dependabot[bot]"])
def test_another_s_comment_with_the_marker_is_not_touched(
    login: str, fpga: Command, github: StandIn, tmp_path: Path
) -> None:
    theirs = github.comment(7, f"{MARK}\nNothing to see here.", login)
    fpga(*PULL_REQUEST, "--plan", kept(tmp_path, a_plan("dev", "account")))
    assert theirs["body"] == f"{MARK}\nNothing to see here."
    assert [comment["user"]["login"] for comment in github.comments] == [login, BOT]


def test_our_own_comment_that_quotes_the_marker_is_another_one(
    fpga: Command, github: StandIn, tmp_path: Path
) -> None:
    quoting = github.comment(7, f"> {MARK}\nwas said before", BOT)
    fpga(*PULL_REQUEST, "--plan", kept(tmp_path, a_plan("dev", "account")))
    assert quoting["body"].startswith("> ")
    assert len(github.comments) == 2


def test_a_person_updates_her_own(fpga: Command, github: StandIn, tmp_path: Path) -> None:
    fpga.as_ada()
    bot = github.comment(7, f"{MARK}\nof the workflow", BOT)
    for name in ("account", "service"):
        fpga(*PULL_REQUEST, "--plan", kept(tmp_path, a_plan("dev", name)))
    assert bot["body"] == f"{MARK}\nof the workflow"
    assert [comment["user"]["login"] for comment in github.comments] == [BOT, "ada"]
    assert "this run" not in github.comments[1]["body"]


def test_an_app_s_token_outside_of_a_workflow_needs_a_name(
    fpga: Command, github: StandIn, tmp_path: Path
) -> None:
    fpga.variable("GITHUB_ACTIONS", None)
    file = kept(tmp_path, a_plan("dev", "account"))
    code, _, told = fpga(*PULL_REQUEST, "--plan", file)
    assert (code, told) == (
        1,
        "error: GitHub does not tell whose GITHUB_TOKEN this is: give --author LOGIN.\n",
    )
    assert fpga(*PULL_REQUEST, "--plan", file, "--author", BOT)[0] == 0


def test_stacks_stand_in_the_order_of_promotion_and_those_without_plan_are_told(
    fpga: Command, github: StandIn, tmp_path: Path
) -> None:
    for stack in ("prod", "dev"):
        kept(tmp_path, a_plan(stack, "account"))
    touched = json.dumps(["dev", "staging", "prod"])
    fpga(*PULL_REQUEST, "--plan", tmp_path, "--touched", touched, "--commit", "beef" * 10)
    (comment,) = github.comments
    body = comment["body"]
    assert body.startswith(f"{MARK}\n### ")
    assert body.index("dev") < body.index("prod") < body.index("### `staging`: there is no preview")
    assert "https://github.test/contoso/fpga/actions/runs/42" in body
    assert f"Preview of {'beef' * 10} by [this run]" in body


def test_nothing_touched_writes_no_comment_and_mends_an_earlier_one(
    fpga: Command, github: StandIn, tmp_path: Path
) -> None:
    nothing = (*PULL_REQUEST, "--plan", tmp_path, "--touched", "[]")
    code, told, _ = fpga(*nothing)
    assert (code, told) == (0, "No stack is touched, and there is no comment that says otherwise.\n")
    assert not github.comments
    fpga(*PULL_REQUEST, "--plan", kept(tmp_path, a_plan("dev", "account")))
    (tmp_path / "plan-dev.json").unlink()
    fpga(*nothing)
    (comment,) = github.comments
    assert "No stack is touched by this pull request." in comment["body"]


def test_three_long_plans_share_one_comment(fpga: Command, github: StandIn, tmp_path: Path) -> None:
    names = [f"resource-{number}" for number in range(400)]
    for stack, shown in (("dev", names), ("staging", ["account"]), ("prod", names)):
        kept(tmp_path, a_plan(stack, *shown, text="a longer value than others " * 8))
    code, _, told = fpga(*PULL_REQUEST, "--plan", tmp_path)
    assert (code, told) == (0, "")
    (comment,) = github.comments
    body = comment["body"]
    assert 55_000 < len(body) <= 65_536
    assert body.count("### ") == 3
    assert body.count("<details>") == body.count("</details>")
    assert body.endswith("stops where that differs from what stands here.\n")


def test_a_comment_can_be_read_without_telling_github(fpga: Command, github: StandIn, tmp_path: Path) -> None:
    fpga.variable("GITHUB_TOKEN", None)
    code, told, _ = fpga("github", "comment", "--plan", kept(tmp_path, a_plan("dev", "account")), "--print")
    assert code == 0
    assert told.startswith(MARK)
    assert "account" in told
    assert not github.seen


def test_a_missing_permission_is_named(fpga: Command, github: StandIn, tmp_path: Path) -> None:
    file = kept(tmp_path, a_plan("dev", "account"))
    github.permissions = {"pull_requests=read"}
    code, _, told = fpga(*PULL_REQUEST, "--plan", file)
    assert code == 1
    assert "/repos/contoso/fpga/issues/7/comments: 403 Resource not accessible by integration." in told
    assert "need `issues: write; pull-requests: write`" in told
    github.faults.append(Fault("GET", "/comments$", 403))
    code, _, told = fpga(*PULL_REQUEST, "--plan", file)
    assert code == 1
    assert "need `pull-requests: read`" in told


PLANS = {
    "no JSON": ("{", "plan-dev.json: Expecting"),
    "another schema": ('{"schema": 99}', "plan-dev.json: This is no plan of schema"),
    "a changed one": (
        json.dumps({**a_plan("dev", "account").to_json(), "digest": "0"}),
        "plan-dev.json: This plan was changed after it was made",
    ),
}


@pytest.mark.parametrize(("content", "message"), PLANS.values(), ids=PLANS)
def test_what_is_no_plan_is_refused(
    content: str, message: str, fpga: Command, github: StandIn, tmp_path: Path
) -> None:
    (tmp_path / "plan-dev.json").write_text(content)
    code, _, told = fpga(*PULL_REQUEST, "--plan", tmp_path)
    assert code == 1
    assert message in told
    assert not github.seen


def test_bad_usage_is_told(fpga: Command, github: StandIn, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    (tmp_path / "none").mkdir()
    first, second = (kept(folder, a_plan("dev", "account")) for folder in (tmp_path, tmp_path / "again"))
    for arguments, code, message in (
        (("--plan", first), 2, "Give --pull-request NUMBER, or --print."),
        (("--plan", first, "--plan", second, "--print"), 1, "there are two plans of the stack dev"),
        (("--touched", '"dev"', "--print"), 2, "--touched takes a JSON list of names"),
        (("--touched", "dev", "--print"), 2, "--touched takes a JSON list of names"),
        (("--print",), 1, "There is no plan, and nothing says that no stack is touched"),
        (("--plan", tmp_path / "none", "--print"), 1, "There is no plan, and nothing says"),
        (("--plan", "nowhere.json", "--print"), 1, "nowhere.json: No such file or directory"),
    ):
        ended, _, told = fpga("github", "comment", *arguments)
        assert (ended, message in told) == (code, True), told
    assert not github.seen
