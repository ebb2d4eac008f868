"""`fpga github reviewed-plan`: from a merge to the plan that its pull request was reviewed with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

from fpga.github.reviewed_plan import LARGEST_PLAN
from tests.support.github.command import Command, fpga, github, github_server
from tests.support.github.stand_in import Fault, StandIn

__all__ = ["fpga", "github", "github_server"]

MERGE: Final = "c0ffee" + "0" * 34
HEAD: Final = "beef" + "0" * 36
PLAN: Final = json.dumps({"stack": "dev", "digest": "d"}).encode()


@pytest.fixture(autouse=True)
def may_read(github: StandIn) -> None:
    github.permissions = {"actions=read", "pull_requests=read"}


def reviewed(fpga: Command, stack: str = "dev", commit: str = MERGE) -> tuple[int, str, str]:
    return fpga("github", "reviewed-plan", "--commit", commit, "--stack", stack, "--out", "plan.json")


def test_it_is_the_last_one_of_the_last_run_for_the_head(
    fpga: Command, github: StandIn, tmp_path: Path
) -> None:
    github.merged("a" * 40, "other" + "0" * 35)
    github.merged(MERGE, HEAD)
    for head, ref in ((HEAD, "branch"), ("0" * 40, "branch"), (HEAD, "another-branch")):
        earlier = github.run(head, ref=ref)
        github.artifact(earlier, "plan-dev", {"plan-dev.json": b'{"of": "another run"}'})
    last = github.run(HEAD)
    github.artifact(last, "plan-dev", {"plan-dev.json": b'{"of": "an earlier attempt"}'})
    github.artifact(last, "plan-prod", {"plan-prod.json": b'{"of": "prod"}'})
    github.artifact(last, "plan-dev", {"plan-dev.json": PLAN, "plan-dev.md": b"# Plan"})
    code, told, _ = reviewed(fpga)
    assert (code, told) == (0, "plan.json: the plan of dev that was reviewed\n")
    assert (tmp_path / "plan.json").read_bytes() == PLAN
    assert (tmp_path / "plan.json").stat().st_mode & 0o777 == 0o600


def test_the_store_that_github_sends_on_to_never_sees_the_token(fpga: Command, github: StandIn) -> None:
    github.merged(MERGE, HEAD)
    github.artifact(github.run(HEAD), "plan-dev", {"plan-dev.json": PLAN})
    assert reviewed(fpga)[0] == 0
    (stored,) = [seen for seen in github.seen if seen.path.startswith("/store/")]
    assert "authorization" not in stored.headers


def test_a_netrc_does_not_take_the_place_of_the_token(fpga: Command, github: StandIn, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ada password of-another-service\n")
    netrc.chmod(0o600)
    fpga.variable("NETRC", str(netrc))
    github.merged(MERGE, HEAD)
    github.artifact(github.run(HEAD), "plan-dev", {"plan-dev.json": PLAN})
    assert reviewed(fpga)[0] == 0


def test_a_commit_that_nobody_reviewed_has_none(fpga: Command, github: StandIn, tmp_path: Path) -> None:
    github.merged(MERGE, HEAD)
    github.pulls[MERGE][0]["merged_at"] = None
    github.pulls["d" * 40] = github.pulls[MERGE]  # it contains the commit, and was not merged by it
    for commit in (MERGE, "d" * 40, "e" * 40):
        code, _, told = reviewed(fpga, commit=commit)
        assert code == 1
        assert f"The commit {commit} was not made by the merge of a pull request" in told
        assert "Bring the change in by a new pull request" in told
    assert not (tmp_path / "plan.json").exists()


@pytest.mark.parametrize("origin", ["mallory/fpga", ""])
def test_what_a_fork_ran_is_no_review(origin: str, fpga: Command, github: StandIn) -> None:
    github.merged(MERGE, HEAD, origin=origin)
    if not origin:
        github.pulls[MERGE][0]["head"]["repo"] = None  # deleted since
    github.artifact(github.run(HEAD), "plan-dev", {"plan-dev.json": b'{"of": "mallory"}'})
    code, _, told = reviewed(fpga)
    assert code == 1
    assert f"came from {origin or 'a deleted fork'}, and what a fork runs is not planned" in told
    assert "Bring the change in by a branch of this repository." in told


def test_a_run_of_a_fork_with_the_same_commit_is_not_taken(fpga: Command, github: StandIn) -> None:
    github.merged(MERGE, HEAD)
    github.artifact(github.run(HEAD), "plan-dev", {"plan-dev.json": b'{"of": "mallory"}'})
    github.runs[0]["head_repository"] = {"full_name": "mallory/fpga"}
    code, _, told = reviewed(fpga)
    assert code == 1
    assert f"pull/7 has no run of pull-request.yml at {HEAD}" in told


@pytest.mark.parametrize(("conclusion", "said"), [("failure", "failure"), (None, "in_progress")])
def test_a_last_run_that_did_not_succeed_stops(
    conclusion: str | None, said: str, fpga: Command, github: StandIn
) -> None:
    github.merged(MERGE, HEAD)
    for one in ("success", conclusion):
        github.artifact(github.run(HEAD, conclusion=one), "plan-dev", {"plan-dev.json": PLAN})
    code, _, told = reviewed(fpga)
    assert code == 1
    assert f"did not succeed ({said}): https://github.test/contoso/fpga/actions/runs/" in told


def test_a_stack_without_a_plan_is_told(fpga: Command, github: StandIn) -> None:
    github.merged(MERGE, HEAD)
    github.artifact(github.run(HEAD), "plan-dev", {"plan-dev.json": PLAN})
    code, _, told = reviewed(fpga, "prod")
    assert code == 1
    assert "was reviewed without a plan of prod" in told


def test_an_expired_plan_is_told(fpga: Command, github: StandIn) -> None:
    github.merged(MERGE, HEAD)
    github.artifact(github.run(HEAD), "plan-dev", {"plan-dev.json": PLAN}, expired=True)
    code, _, told = reviewed(fpga)
    assert code == 1
    assert (
        "The plan of dev that https://github.test/contoso/fpga/pull/7 was reviewed with is expired." in told
    )


CONTENTS = {
    "another file": {"plan-prod.json": PLAN},
    "no JSON": {"plan-dev.json": b"<html>"},
    "a list": {"plan-dev.json": b"[]"},
    "a bomb": {"plan-dev.json": b" " * (LARGEST_PLAN + 1)},
}


@pytest.mark.parametrize("files", CONTENTS.values(), ids=CONTENTS)
def test_an_artifact_that_holds_no_plan_is_told(
    files: dict[str, bytes], fpga: Command, github: StandIn, tmp_path: Path
) -> None:
    github.merged(MERGE, HEAD)
    github.artifact(github.run(HEAD), "plan-dev", files)
    code, _, told = reviewed(fpga)
    assert code == 1
    assert "The artifact plan-dev of https://github.test/contoso/fpga/actions/runs/" in told
    assert "holds no plan" in told
    assert not (tmp_path / "plan.json").exists()


def test_an_artifact_that_is_not_what_was_kept_is_refused(fpga: Command, github: StandIn) -> None:
    github.merged(MERGE, HEAD)
    kept = github.artifact(github.run(HEAD), "plan-dev", {"plan-dev.json": PLAN})
    github.archives[kept] += b"\0"
    code, _, told = reviewed(fpga)
    assert code == 1
    assert "arrived damaged: run this again" in told


def test_each_missing_permission_is_named(fpga: Command, github: StandIn) -> None:
    github.merged(MERGE, HEAD)
    for held, wanted in (
        ({"actions=read"}, "pull-requests: read"),
        ({"pull_requests=read"}, "actions: read"),
    ):
        github.permissions = held
        code, _, told = reviewed(fpga)
        assert code == 1
        assert f"the job's `permissions:` need `{wanted}`" in told


def test_the_archive_is_asked_for_again_when_the_store_fails(fpga: Command, github: StandIn) -> None:
    github.merged(MERGE, HEAD)
    github.artifact(github.run(HEAD), "plan-dev", {"plan-dev.json": PLAN})
    github.faults += [Fault("GET", "/store/", 503), Fault("GET", "/zip$", 502)]
    assert reviewed(fpga)[0] == 0


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--commit", "main", "'main' is not a whole commit hash"),
        ("--stack", "../dev", "'../dev' is not the name of a stack"),
    ],
)
def test_bad_usage_is_told_before_anything_is_asked(
    option: str, value: str, message: str, fpga: Command, github: StandIn
) -> None:
    options = {"--commit": MERGE, "--stack": "dev", "--out": "plan.json", option: value}
    code, _, told = fpga("github", "reviewed-plan", *(part for pair in options.items() for part in pair))
    assert code == 2
    assert message in told
    assert not github.seen
