"""Each command on a stack of two clouds, as a team has it; and the words for each cloud that refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from engine.install import Engine
from infra import catalogue
from infra.settings import management
from infra.settings.reader import PROJECT_ROOT
from tests.support.certificates import forge
from tests.support.github.stand_in import REPOSITORY, WORKFLOW_TOKEN, Server
from tests.support.stacks.local_cloud import LocalCloud, running
from tests.support.stacks.team_project import TeamProject, TeamStack

NAME = "two"
GROUP = f"fpga-{NAME}"
MANAGEMENT_VARIABLES = management.VARIABLES
SERVER_SECRET = MANAGEMENT_VARIABLES["managementClientSecret"]
PHOTO = PROJECT_ROOT / "samples" / "espresso.jpg"
ON_SERVER = {"management-resource-group", "account", "service", "endpoint", "keys"}


@dataclass
class Team:
    """A stack on two clouds: `azure` in Azure's place, and a management server."""

    project: TeamProject
    stack: TeamStack
    azure: LocalCloud
    server: LocalCloud

    def fpga(self, *arguments: str, code: int = 0) -> str:
        return self.project.fpga(*arguments, code=code)

    def plan(self, *options: str, code: int = 0) -> dict[str, Any]:
        told = self.fpga("plan", "-s", NAME, "--format", "json", *options, code=code)
        plan: dict[str, Any] = json.loads(told[told.index("{\n") : told.rindex("}") + 1])
        return plan

    @contextmanager
    def given(self, settings: dict[str, str], **variables: str) -> Iterator[None]:
        """Has the stack's file, and the shell, say something else for a while; keys with namespace."""
        before, environment = self.stack.file.read_text(), dict(self.project.environment)
        text = before
        for key, value in settings.items():
            line = f'  {key}: "{value}"'
            kept = [one for one in text.splitlines() if not one.startswith(f"  {key}:")]
            text = "\n".join(kept).replace("config:\n", f"config:\n{line}\n", 1) + "\n"
        self.stack.file.write_text(text)
        self.project.environment.update(variables)
        try:
            yield
        finally:
            self.stack.file.write_text(before)
            self.project.environment.clear()
            self.project.environment.update(environment)


@pytest.fixture(scope="module")
def team(engine: Engine, tmp_path_factory: pytest.TempPathFactory, local_cloud: LocalCloud) -> Iterator[Team]:
    project = TeamProject(engine, tmp_path_factory.mktemp("team") / "checkout")
    project.fpga("model", "build")
    storage = urlsplit(str(local_cloud.status.blob)).netloc
    with running(tmp_path_factory.mktemp("server"), storage) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(local_cloud.status.ca))  # the server's: it fetches from there
        project.environment |= {
            "ARM_CLIENT_SECRET": local_cloud.client_secret,
            SERVER_SECRET: server.client_secret,
        }
        clouds = ("--cloud", str(local_cloud.settings.data), "--management", str(server.settings.data))
        project.fpga("stack", "new", NAME, *clouds)
        project.fpga("stack", "init", NAME)
        yield Team(project, TeamStack(project, NAME, local_cloud), local_cloud, server)


def test_a_plan_and_its_comment_say_what_is_where(team: Team) -> None:
    plan = team.plan()
    assert plan["errors"] == []
    where = {one["name"].split("-0")[0].split("-1")[0]: one["cloud"] for one in plan["changes"]}
    assert {name for name, cloud in where.items() if cloud == team.server.host} >= ON_SERVER
    assert {name for name, cloud in where.items() if cloud == team.azure.host} == {
        "resource-group",
        "storage",
        "packages",
        "zone",
        "record",
    }
    comment = team.fpga("plan", "-s", NAME, "--format", "markdown")
    assert re.search(rf"<code>account</code> \| Resource \| <code>{team.server.host}</code>", comment)
    assert re.search(rf"<code>zone</code> \| Zone \| <code>{team.azure.host}</code>", comment)
    table = team.fpga("plan", "-s", NAME)
    assert f"account (Resource) on {team.server.host}" in table
    assert f"zone (Zone) on {team.azure.host}" in table


def test_what_is_deployed_is_seen_as_it_is_and_answers(team: Team) -> None:
    team.stack.operate("up", "--policy-pack", str(PROJECT_ROOT / "policy"))
    plan = team.plan("--refresh")
    assert (plan["changes"], plan["drift"], plan["errors"], plan["warnings"]) == ([], [], [], [])
    assert "nothing found" in team.fpga("watch", "-s", NAME, "--exit-code")
    assert "espresso" in team.fpga("predict", str(PHOTO), "-s", NAME)
    assert "Nothing was under way" in team.fpga("state", "settle", "-s", NAME)
    assert "Nothing to adopt" in team.fpga("adopt", "-s", NAME, "--yes")
    for secret in (team.server.client_secret, team.azure.client_secret):
        assert secret not in json.dumps(team.stack.state())


def test_a_rule_that_what_is_on_the_server_breaks_is_in_the_comment(team: Team, tmp_path: Path) -> None:
    """As a pull request's job has it: the plan is refused, and the comment says by what."""
    strict, plan = tmp_path / "strict.json", tmp_path / f"plan-{NAME}.json"
    strict.write_text(json.dumps({"minimum-days-to-expiry": {"minimumDays": 100}}))
    backend = team.project.folder / "stacks" / f"Backend.{NAME}.yaml"
    before = backend.read_text()
    backend.write_text(f"{before}policyPack: {PROJECT_ROOT}/policy\npolicyPackConfig: {strict}\n")
    try:
        team.fpga("plan", "-s", NAME, "--out", str(plan), code=1)
    finally:
        backend.write_text(before)
    (finding,) = json.loads(plan.read_text())["policy"]
    assert (finding["rule"], finding["name"]) == ("minimum-days-to-expiry", "service")
    with Server().running() as server:
        github = server.fresh()
        github.permissions = {"pull_requests=write"}
        given = {
            "GITHUB_API_URL": github.url,
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_TOKEN": WORKFLOW_TOKEN,
        }
        given |= {"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": "https://github.test", "GITHUB_RUN_ID": "42"}
        with team.given({}, **given):
            team.fpga("github", "comment", "--pull-request", "7", "--plan", str(plan))
    (comment,) = github.comments
    assert "minimum-days-to-expiry" in comment["body"]
    assert "100 days are asked for" in comment["body"]
    for secret in (team.server.client_secret, team.azure.client_secret):
        assert secret not in comment["body"]


def test_drift_is_told_with_its_cloud(team: Team) -> None:
    account = team.server.management(GROUP, GROUP)
    (service,) = account.services()
    account.delete_service(service.id)
    zone = f"{team.azure.group_id(GROUP)}/providers/Microsoft.Network/dnsZones/{zone_of(team)}"
    team.azure.client.manage("DELETE", f"{zone}/A/{record_of(team)}", "2018-05-01")
    told = team.fpga("watch", "-s", NAME, "--exit-code", code=2)
    assert re.search(rf"service \(Service\) is gone(.|\n)*It is on `?{team.server.host}`?", told), told
    assert re.search(rf"record \(RecordSet\) is gone(.|\n)*It is on `?{team.azure.host}`?", told), told
    team.stack.operate("up", "--refresh")
    assert "nothing found" in team.fpga("watch", "-s", NAME, "--exit-code")


def zone_of(team: Team) -> str:
    (zone,) = [one for one in resources(team) if one["type"] == catalogue.ZONE.token]
    return str(zone["inputs"]["zoneName"])


def record_of(team: Team) -> str:
    (record,) = [one for one in resources(team) if one["type"] == catalogue.RECORD_SET.token]
    return str(record["inputs"]["relativeRecordSetName"])


def resources(team: Team) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = team.stack.state()["deployment"]["resources"]
    return found


def test_what_a_killed_run_had_begun_on_the_server_is_settled(team: Team) -> None:
    """Its note names the account, which is there: the state takes it in."""
    (file,) = team.project.local.glob(f"state/.pulumi/stacks/*/{NAME}.json")
    state = json.loads(file.read_text())
    latest = state["checkpoint"]["latest"]
    (begun,) = [one for one in latest["resources"] if one["urn"].endswith("::account")]
    lost: set[str] = {begun["urn"]}
    for one in latest["resources"]:  # what depends on others comes after them
        if lost & {*(one.get("dependencies") or ())}:
            lost.add(one["urn"])
    latest["resources"] = [one for one in latest["resources"] if one["urn"] not in lost]
    begun = {key: value for key, value in begun.items() if key not in ("id", "outputs")}
    latest["pending_operations"] = [{"resource": begun, "type": "creating"}]
    file.write_text(json.dumps(state))
    told = team.fpga("state", "settle", "-s", NAME)
    assert f"account {GROUP}: there; the next update finishes it" in told
    told = team.fpga("adopt", "-s", NAME, "--yes")
    assert "Adopted: record." in told
    team.stack.operate("up")
    assert team.plan("--refresh")["changes"] == []


def test_what_a_lost_state_leaves_is_adopted_by_who_the_variables_alone_tell(team: Team) -> None:
    """The stack's file names the server, and the variables who signs in there."""
    before, environment = team.stack.file.read_text(), dict(team.project.environment)
    keys = {key: f"fpga-web-service:{key}" for key in MANAGEMENT_VARIABLES}
    kept = [one for one in before.splitlines() if not one.strip().startswith(tuple(keys.values()))]
    team.stack.file.write_text("\n".join(kept) + "\n")
    told = (team.server.status.tenant, team.server.status.subscription, team.server.status.client_id)
    team.project.environment |= dict(zip(MANAGEMENT_VARIABLES.values(), map(str, told), strict=False))
    try:
        team.stack.operate("up")
        (file,) = team.project.local.glob(f"state/.pulumi/stacks/*/{NAME}.json")
        state = json.loads(file.read_text())
        latest = state["checkpoint"]["latest"]
        lost = {one["urn"] for one in latest["resources"] if one["urn"].endswith("::account")}
        for one in latest["resources"]:  # what depends on others comes after them
            if lost & {*(one.get("dependencies") or ())}:
                lost.add(one["urn"])
        latest["resources"] = [one for one in latest["resources"] if one["urn"] not in lost]
        file.write_text(json.dumps(state))
        adopted = team.fpga("adopt", "-s", NAME, "--yes")
        assert re.search(r"Adopted: .*account", adopted), adopted
        team.stack.operate("up")
        assert team.plan("--refresh")["changes"] == []
        for known in (team.server.client_secret, str(team.server.status.client_id)):
            assert known not in json.dumps(team.stack.state())
    finally:
        team.stack.file.write_text(before)
        team.project.environment.clear()
        team.project.environment.update(environment)
    team.stack.operate("up")


def test_a_certificate_is_renewed_and_the_passphrase_rotated(team: Team) -> None:
    before = team.stack.outputs()["certificateFingerprint"]
    team.fpga("certs", "renew", "-s", NAME, "--early", "--yes")
    assert team.stack.outputs()["certificateFingerprint"] != before
    assert team.plan("--refresh")["changes"] == []
    team.fpga("state", "rotate-passphrase", "-s", NAME)
    assert team.plan("--refresh")["changes"] == []
    assert "espresso" in team.fpga("predict", str(PHOTO), "-s", NAME)


OTHER_ID = "00000000-0000-0000-0000-000000000000"
UNREACHABLE = "127.0.0.1:1"
OF_THE_SERVER = {
    "not there": (
        {"managementHost": UNREACHABLE},
        (f"fpga-web-service:managementHost {UNREACHABLE}", "Connection refused"),
    ),
    "another directory": ({"managementTenantId": OTHER_ID}, ("Check fpga-web-service:managementTenantId",)),
    "another subscription": (
        {"managementSubscriptionId": OTHER_ID},
        ("404 SubscriptionNotFound", "Check fpga-web-service:managementSubscriptionId"),
    ),
}
OF_THE_FIRST = {
    "not there": ({"metadataHost": UNREACHABLE}, (UNREACHABLE, "Connection refused")),
    "another directory": ({"tenantId": OTHER_ID}, ("Check azure-native:tenantId",)),
}


@pytest.mark.parametrize(
    ("command", "case"), [*(("plan", case) for case in OF_THE_SERVER), ("watch", "not there")]
)
def test_a_preview_names_the_server_that_refuses(team: Team, command: str, case: str) -> None:
    settings, words = OF_THE_SERVER[case]
    with team.given({f"fpga-web-service:{key}": value for key, value in settings.items()}):
        told = " ".join(team.fpga(command, "-s", NAME, code=1).split())
    for word in ("the management server", *words, "Nothing was changed"):
        assert word in told, told


@pytest.mark.parametrize("case", OF_THE_FIRST)
def test_an_update_names_the_first_cloud_where_that_refuses(team: Team, case: str) -> None:
    settings, words = OF_THE_FIRST[case]
    settings = {f"azure-native:{key}": value for key, value in settings.items()}
    with team.given(settings | {"fpga-web-service:recordTtl": "77"}):
        told = team.stack.operate("up", code=1).text
    for word in words:
        assert word in told, told
    assert "the management server" not in told
    team.stack.operate("up")  # what the engine keeps of the settings in its state is as it was


@pytest.mark.parametrize("variable", [SERVER_SECRET, "ARM_CLIENT_SECRET"])
def test_a_wrong_secret_is_of_one_cloud(team: Team, variable: str) -> None:
    wrong = "w" * 40
    with team.given({}, **{variable: wrong}):
        told = " ".join(team.fpga("plan", "-s", NAME, "--refresh", code=1).split())
    is_of_server = variable == SERVER_SECRET
    assert "AADSTS7000215" in told
    host = team.server.host if is_of_server else team.azure.host
    assert f"signing in to https://{host}" in told
    assert ("fpga-web-service:managementClientSecret" in told) is is_of_server
    assert ("azure-native:clientSecret" in told) is not is_of_server
    assert wrong not in told


def test_a_server_of_another_root_is_told_by_its_setting(team: Team, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(forge.chain(forge.root()))
    with team.given({"fpga-web-service:managementRoots": str(other)}):
        told = " ".join(team.fpga("plan", "-s", NAME, "--refresh", code=1).split())
    assert "the management server" in told
    assert "fpga-web-service:managementRoots must name a PEM file that holds its root" in told


def test_all_is_taken_away_by_each_cloud_itself(team: Team) -> None:
    team.stack.operate("destroy")
    assert GROUP not in team.azure.groups() + team.server.groups()
