"""`fpga github issues`: one open issue for each finding, in a real exchange with a GitHub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fpga.watch.report import Finding, Watch
from tests.support.github.command import Command, fpga, github, github_server
from tests.support.github.stand_in import BOT, Fault, StandIn

__all__ = ["fpga", "github", "github_server"]

RECORD = {
    "key": "drift/a-record",
    "kind": "drift",
    "title": "the A record drifted",
    "detail": "It is at 192.0.2.1.",
}
RENEWAL = {
    "key": "renewal",
    "kind": "renewal",
    "title": "the certificate is due",
    "detail": "14 days are left.",
}
FAILED = {"key": "failed", "kind": "failed", "title": "it was not looked at", "detail": "No sign-in."}


def watch(folder: Path, stack: str, *findings: dict[str, Any]) -> Path:
    """What the night watch of a stack wrote."""
    file = folder / f"watch-{stack}.json"
    titled = [{**finding, "title": f"{stack}: {finding['title']}"} for finding in findings]
    file.write_text(json.dumps({"stack": stack, "findings": titled}))
    return file


def open_titles(github: StandIn) -> list[str]:
    return [issue["title"] for issue in github.issues if issue["state"] == "open"]


@pytest.fixture(autouse=True)
def may_write_issues(github: StandIn) -> None:
    github.permissions = {"issues=write"}


def test_a_finding_opens_one_issue_however_often_it_is_found(
    fpga: Command, github: StandIn, tmp_path: Path
) -> None:
    watch(tmp_path, "dev", RECORD, RENEWAL)
    watch(tmp_path, "prod", RECORD)
    for _ in range(3):
        code, told, _ = fpga("github", "issues", tmp_path)
        assert code == 0
    assert open_titles(github) == [
        "dev: the A record drifted",
        "dev: the certificate is due",
        "prod: the A record drifted",
    ]
    assert [line.split()[0] for line in told.splitlines()] == ["open", "open", "open"]
    assert github.issues[0]["body"].endswith("\nIt is at 192.0.2.1.")
    assert [label["name"] for label in github.issues[1]["labels"]] == ["night-watch", "renewal"]


def test_what_changed_since_is_told_in_the_same_issue(fpga: Command, github: StandIn, tmp_path: Path) -> None:
    fpga("github", "issues", watch(tmp_path, "dev", RENEWAL))
    fpga("github", "issues", watch(tmp_path, "dev", {**RENEWAL, "detail": "13 days are left."}))
    (issue,) = github.issues
    assert issue["body"].endswith("13 days are left.")
    assert not github.comments  # nobody is told each night that a day went by


def test_what_is_gone_is_closed_and_says_so(fpga: Command, github: StandIn, tmp_path: Path) -> None:
    fpga("github", "issues", watch(tmp_path, "dev", RECORD, RENEWAL))
    code, told, _ = fpga("github", "issues", watch(tmp_path, "dev", RENEWAL))
    assert code == 0
    assert open_titles(github) == ["dev: the certificate is due"]
    (comment,) = github.comments
    assert comment["issue"] == github.issues[0]["number"]
    assert comment["body"] == (
        "The night watch no longer finds this: https://github.test/contoso/fpga/actions/runs/42."
    )
    assert f"closed   #{github.issues[0]['number']}" in told
    fpga("github", "issues", watch(tmp_path, "dev", RECORD, RENEWAL))
    assert open_titles(github) == ["dev: the certificate is due", "dev: the A record drifted"]


def test_a_watch_that_failed_closes_nothing(fpga: Command, github: StandIn, tmp_path: Path) -> None:
    fpga("github", "issues", watch(tmp_path, "dev", RECORD))
    fpga("github", "issues", watch(tmp_path, "dev", FAILED))
    assert open_titles(github) == ["dev: the A record drifted", "dev: it was not looked at"]
    fpga("github", "issues", watch(tmp_path, "dev", RECORD))
    assert open_titles(github) == ["dev: the A record drifted"]


def test_what_the_watch_command_writes_is_read(fpga: Command, github: StandIn, tmp_path: Path) -> None:
    gone = Finding("drift/record-2", "drift", "dev: record is gone", "It is not there any more.")
    (tmp_path / "watch-dev.json").write_text(json.dumps(Watch("dev", (gone,)).to_json()))
    assert fpga("github", "issues", tmp_path)[0] == 0
    assert open_titles(github) == ["dev: record is gone"]


def test_a_stack_that_was_not_watched_keeps_its_issues(
    fpga: Command, github: StandIn, tmp_path: Path
) -> None:
    fpga("github", "issues", watch(tmp_path, "dev", RECORD))
    fpga("github", "issues", watch(tmp_path / "..", "prod"))
    assert open_titles(github) == ["dev: the A record drifted"]


def test_a_stack_whose_name_begins_another_has_issues_of_its_own(
    fpga: Command, github: StandIn, tmp_path: Path
) -> None:
    fpga("github", "issues", watch(tmp_path, "dev2", RECORD))
    fpga("github", "issues", watch(tmp_path, "dev"))
    assert open_titles(github) == ["dev2: the A record drifted"]


def test_a_finding_whose_key_begins_another_has_an_issue_of_its_own(
    fpga: Command, github: StandIn, tmp_path: Path
) -> None:
    fpga("github", "issues", watch(tmp_path, "dev", {**RENEWAL, "key": "renewal/other"}, RENEWAL))
    fpga("github", "issues", watch(tmp_path, "dev", RENEWAL))
    assert len(github.issues) == 2
    assert [issue["state"] for issue in github.issues] == ["closed", "open"]


def test_issues_of_others_are_left_alone(fpga: Command, github: StandIn, tmp_path: Path) -> None:
    marked = "<!-- fpga-web-service finding dev drift/a-record -->\nHaha."
    theirs = github.issue("dev: the A record drifted", marked, ["night-watch"], login="mallory")
    by_hand = github.issue("about the watch", "Too early?", ["night-watch"], login=BOT)
    fpga("github", "issues", watch(tmp_path, "dev", RECORD))
    fpga("github", "issues", watch(tmp_path, "dev"))
    assert (theirs["state"], theirs["body"]) == ("open", marked)
    assert by_hand["state"] == "open"
    assert github.issues[2]["state"] == "closed"


def test_an_issue_whose_label_was_taken_away_is_found_again(
    fpga: Command, github: StandIn, tmp_path: Path
) -> None:
    fpga("github", "issues", watch(tmp_path, "dev", RECORD))
    github.issues[0]["labels"] = []
    fpga("github", "issues", watch(tmp_path, "dev", RECORD))
    assert len(github.issues) == 1


def test_a_pull_request_is_no_issue(fpga: Command, github: StandIn, tmp_path: Path) -> None:
    pull = github.issue("dev", "<!-- fpga-web-service finding dev drift/a-record -->", [])
    pull["pull_request"] = {"url": "https://github.test/pulls/1"}  # the API lists both
    fpga("github", "issues", watch(tmp_path, "dev"))
    assert pull["state"] == "open"


def test_a_second_issue_of_the_same_finding_is_closed(fpga: Command, github: StandIn, tmp_path: Path) -> None:
    fpga("github", "issues", watch(tmp_path, "dev", RECORD))
    github.issue("twin", github.issues[0]["body"], ["night-watch", "drift"])
    fpga("github", "issues", watch(tmp_path, "dev", RECORD))
    assert open_titles(github) == ["dev: the A record drifted"]


def test_nothing_found_is_said(fpga: Command, github: StandIn, tmp_path: Path) -> None:
    code, told, _ = fpga("github", "issues", watch(tmp_path, "dev"))
    assert (code, told) == (0, "Nothing was found, and no issue was open: dev.\n")
    assert not github.issues


def test_a_person_has_issues_of_her_own(fpga: Command, github: StandIn, tmp_path: Path) -> None:
    fpga.as_ada()
    fpga("github", "issues", watch(tmp_path, "dev", RECORD))
    fpga("github", "issues", watch(tmp_path, "dev", RECORD))
    assert [issue["user"]["login"] for issue in github.issues] == ["ada"]


def test_a_missing_permission_is_named(fpga: Command, github: StandIn, tmp_path: Path) -> None:
    github.permissions = {"issues=read"}
    code, _, told = fpga("github", "issues", watch(tmp_path, "dev", RECORD))
    assert code == 1
    assert "POST" in told
    assert "403 Resource not accessible by integration." in told
    assert "the job's `permissions:` need `issues: write`" in told


def test_issues_that_are_turned_off_are_told(fpga: Command, github: StandIn, tmp_path: Path) -> None:
    github.faults.append(Fault("GET", "/issues$", 410, message="Issues are disabled for this repo"))
    code, _, told = fpga("github", "issues", watch(tmp_path, "dev"))
    assert code == 1
    assert "410 Issues are disabled for this repo. It is gone, or turned off for this repository." in told


BAD = {
    "no JSON": ("{", "JSONDecodeError"),
    "a list": ("[]", "TypeError"),
    "no stack": ('{"findings": []}', "KeyError: 'stack'"),
    "a finding without title": (
        json.dumps({"stack": "dev", "findings": [{"key": "k", "kind": "drift", "detail": ""}]}),
        "KeyError: 'title'",
    ),
    "a key that would end its marker": (
        json.dumps({"stack": "dev", "findings": [{**RECORD, "key": "a-->b"}]}),
        "'a-->b' is not a name",
    ),
    "a key with a space": (
        json.dumps({"stack": "dev", "findings": [{**RECORD, "key": "a b"}]}),
        "'a b' is not a name",
    ),
    "a key twice": (json.dumps({"stack": "dev", "findings": [RECORD, RECORD]}), "have the same key"),
}


@pytest.mark.parametrize(("content", "message"), BAD.values(), ids=BAD)
def test_what_is_no_report_of_a_watch_is_refused(
    content: str, message: str, fpga: Command, github: StandIn, tmp_path: Path
) -> None:
    file = tmp_path / "watch-dev.json"
    file.write_text(content)
    code, _, told = fpga("github", "issues", file)
    assert code == 1
    assert str(file) in told
    assert message in told
    assert not github.seen


def test_no_report_at_all_is_no_night_without_findings(
    fpga: Command, github: StandIn, tmp_path: Path
) -> None:
    code, out, told = fpga("github", "issues", tmp_path)
    assert (code, out) == (1, "")
    assert told.startswith(f"error: No stack was watched: there is no watch-*.json in {tmp_path}.")
    assert not github.seen


def test_two_reports_of_one_stack_are_refused(fpga: Command, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    watch(tmp_path, "dev", RECORD)
    watch(tmp_path / "again", "dev")
    code, _, told = fpga("github", "issues", tmp_path)
    assert (code, told) == (1, "error: Two reports are of the same stack: dev, dev.\n")
