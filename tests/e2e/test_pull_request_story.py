"""The story of a pull request, as `make story` plays it, and what would have stopped it on its way."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.install import Engine
from fpga.plan.model import Plan
from infra.settings.reader import PROJECT_ROOT
from tests.support import waits
from tools.story import acts, secrecy
from tools.story.team import SERVICES, STACKS, Team, founded, fqdn


@pytest.fixture(scope="module")
def team(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """A team after its first day, with a pull request open; the tests go on with it in their order."""
    with founded(tmp_path_factory.mktemp("story") / "team", PROJECT_ROOT) as team:
        acts.first_day(team)
        acts.pull_request(team)
        yield team


def fpga(team: Team, *arguments: str, stack: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["fpga", *arguments, "-s", stack],
        cwd=team.repository,
        env=team.environment(stack),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def reviewed(team: Team, stack: str) -> Plan:
    return Plan.from_json(json.loads(team.plan(stack).read_text()))


def test_the_reviewer_reads_what_changes_in_each_environment(team: Team) -> None:
    comment = (team.artifacts / "comment.md").read_text()
    for stack in STACKS:
        plan = reviewed(team, stack)
        assert {change.name: change.operation for change in plan.changes} == {
            "account": "update",
            "scores-service": "update",
            "scores-endpoint-check": "update",
        }
        scores = next(one for one in plan.services if one.name == "scores")
        labels = next(one for one in plan.services if one.name == "labels")
        assert labels.certificate is not None
        assert not labels.certificate.changes
        assert scores.certificate is not None
        before, after = scores.certificate.before, scores.certificate.after
        assert before is not None
        assert after is not None
        assert before.serial_number != after.serial_number
        for told in (stack, fqdn(stack), before.fingerprint_sha256, after.fingerprint_sha256):
            assert told in comment
    assert comment.count("\n1 service unchanged\n") == len(STACKS)
    assert comment.count("CN=Contoso Root CA") >= len(STACKS)
    for path in (team.folder, PROJECT_ROOT, Path.home()):
        assert str(path) not in comment, "a machine's path is nobody's business"


def test_what_nobody_reviewed_is_not_applied(team: Team) -> None:
    file = team.repository / "stacks" / "Pulumi.dev.yaml"
    committed = file.read_text()
    team.pulumi("dev", "config", "set", "fpga-web-service:recordTtl", "120")
    try:
        done = fpga(team, "apply", "--reviewed", str(team.plan("dev")), stack="dev")
    finally:
        file.write_text(committed)
    assert done.returncode == 1
    assert "error: dev: this is not what was reviewed, and nothing was changed:" in done.stderr
    for service in SERVICES:
        assert f"{service}-record (RecordSet): update, and it was to stay as it was" in done.stderr
    assert done.stderr.endswith("Plan anew, and have that reviewed.\n")
    # nothing was: what was reviewed is still all to be done
    again = fpga(team, "plan", "--format", "json", stack="dev")
    assert again.returncode == 0
    assert Plan.from_json(json.loads(again.stdout)).digest() == reviewed(team, "dev").digest()


def test_a_plan_that_was_changed_after_the_review_is_not_applied(team: Team, tmp_path: Path) -> None:
    forged = tmp_path / "plan-dev.json"
    forged.write_text(team.plan("dev").read_text().replace('"S3"', '"S2"'))
    assert forged.read_text() != team.plan("dev").read_text()
    done = fpga(team, "apply", "--reviewed", str(forged), stack="dev")
    assert done.returncode == 1
    assert f"error: {forged}: This plan was changed after it was made" in done.stderr


def test_a_plan_of_another_environment_is_not_applied(team: Team) -> None:
    done = fpga(team, "apply", "--reviewed", str(team.plan("dev")), stack="staging")
    assert done.returncode == 1
    assert "it is of fpga-web-service/staging, the reviewed one of fpga-web-service/dev" in done.stderr


def test_nobody_is_asked_where_nobody_is(team: Team) -> None:
    done = fpga(team, "apply", stack="dev")
    assert done.returncode == 1
    assert waits.without(done.stderr) == (
        "error: Nobody is there to be asked: give --yes, or --reviewed with a reviewed plan.\n"
    )


def test_the_merge_does_what_was_reviewed_and_a_second_time_nothing(team: Team) -> None:
    acts.merge(team)
    done = fpga(team, "apply", "--reviewed", str(team.plan("prod")), stack="prod")
    assert done.returncode == 0
    assert done.stdout == ("prod: 3 of 3 reviewed changes are done already.\nprod: there is nothing to do.\n")


def test_the_night_watch_is_quiet_and_then_finds_what_was_done_by_hand(team: Team) -> None:
    acts.quiet_night(team)
    acts.drift(team)
    told = team.log.read_text()
    assert "prod: scores-record (RecordSet) is not as it was deployed" in told
    assert f"found `{acts.FOREIGN_ADDRESS}`" in told


def test_a_change_that_was_merged_and_never_deployed_is_no_drift(team: Team) -> None:
    file = team.repository / "stacks" / "Pulumi.staging.yaml"
    committed = file.read_text()
    team.pulumi("staging", "config", "set", "fpga-web-service:accountCapacity", "3")
    try:
        done = fpga(team, "watch", "--format", "json", "--exit-code", stack="staging")
    finally:
        file.write_text(committed)
    assert done.returncode == 2
    (finding,) = json.loads(done.stdout)["findings"]
    assert finding["kind"] == "unapplied"
    assert "- update `account` (Resource)" in finding["detail"]


def test_no_secret_was_told(team: Team) -> None:
    assert len(secrecy.known(team)) >= 6 * len(STACKS), (
        "each stack has a client secret, two keys of each of two services, a passphrase"
    )
    secrecy.search(team)


def test_a_secret_that_was_told_is_found(team: Team) -> None:
    told = team.artifacts / "careless.txt"
    told.write_text(f"it is {team.client_secret('dev')}\n")
    try:
        found = secrecy.found_in([told], secrecy.known(team))
    finally:
        told.unlink()
    assert found == ["careless.txt: dev's client secret, line 1"]
