"""One graph on two clouds, from five machines: who deploys, who only looks, who calls, and what is lost."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.install import Engine
from infra import catalogue
from infra.settings.reader import PROJECT_ROOT
from localcloud.identity.federation import ASSERTION_TYPE
from tests.support.github.issuer import REQUEST_TOKEN
from tests.support.localcloud.arm_caller import ArmCaller, refusal
from tests.support.localcloud.on_machine import OperatedCloud
from tests.support.localcloud.reader_refusals import REFUSALS, Refused
from tests.support.machines import addresses_here, needs_machines
from tests.support.stacks import five_machines
from tests.support.stacks.five_machines import POOL_ADDRESSES, SERVER_NAME, FiveMachines
from tests.support.stacks.pulumi_project import Result

pytestmark = needs_machines

STACK, LATE = "team", "late"
GROUP, ACCOUNT = f"fpga-{STACK}", f"fpga-{STACK}"
ZONE, FQDN = f"{STACK}.contoso.test", f"fpga.{STACK}.contoso.test"
PHOTO = PROJECT_ROOT / "samples" / "espresso.jpg"
DATA_PLANE_VERSION = "2018-04-01-preview"
ACCOUNT_PATH = (
    f"/resourceGroups/{GROUP}/providers/Microsoft.MachineLearningModelManagement/accounts/{ACCOUNT}"
)
ZONE_PATH = f"/resourceGroups/{GROUP}/providers/Microsoft.Network/dnsZones/{ZONE}"
# what a caller sees that knows the name alone
CERTIFICATE = """\
import sys
from clients.tls import fingerprint, served_certificate
print(fingerprint(served_certificate(sys.argv[1], 50051)))
"""


@pytest.fixture(scope="module")
def team(
    engine: Engine, pebble_executable: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FiveMachines]:
    """Both clouds, and a stack on them that was deployed from the laptop."""
    with five_machines.running(engine, pebble_executable, tmp_path_factory.mktemp("team")) as made:
        made.add_principal("deploy", "contributor", secret=True)
        made.laptop.signed_in = made.signed_in("deploy")
        five_machines.make_stack(made, STACK, {})
        up = made.laptop.operate(STACK, "up")
        assert set(up.changes) == {"create"}
        assert not up.complaints
        made.add_principal("preview", "reader", GROUP)
        five_machines.check_out(made, STACK)
        yield made


@pytest.fixture(scope="module")
def outputs(team: FiveMachines) -> Mapping[str, Any]:
    """The stack's outputs after its first update, the keys among them."""
    return team.laptop.outputs(STACK)


def changed(result: Result) -> dict[str, str]:
    """What is not the same; `default`, the provider, is given the whole configuration and changes with it."""
    return {
        name: operation
        for name, operation in result.operations.items()
        if operation not in ("same", "refresh") and name != "default"
    }


def read(cloud: OperatedCloud, path: str, version: str) -> Any:
    """What a cloud's owner reads below its subscription."""
    with cloud.owner() as owner:
        answer = owner("GET", owner.subscription + path, version=version)
        assert answer.ok, answer.text
        return answer.json()


def services(team: FiveMachines) -> list[dict[str, Any]]:
    path = f"/resourcegroups/{GROUP}/accounts/{ACCOUNT}/services"
    with team.server.owner() as owner:
        found: list[dict[str, Any]] = owner(
            "GET", f"/api{owner.subscription}{path}", version=DATA_PLANE_VERSION
        ).json()["value"]
    return found


def test_nothing_leaves_the_machines(team: FiveMachines) -> None:
    for machine in team.machines:
        assert [route["dst"] for route in machine.routes()] == ["10.77.0.0/24"]
    assert not [found for found in addresses_here() if " 10.77.0." in found]


def test_each_part_is_in_the_cloud_that_has_it(team: FiveMachines, outputs: Mapping[str, Any]) -> None:
    kinds = {
        cloud.data.name: {
            one["type"] for one in read(cloud, f"/resourceGroups/{GROUP}/resources", "2021-04-01")["value"]
        }
        for cloud in team.clouds
    }
    assert kinds == {
        "azure-data": {"Microsoft.Network/dnsZones", "Microsoft.Storage/storageAccounts"},
        "server-data": {"Microsoft.MachineLearningModelManagement/accounts"},
    }
    assert outputs["managementHost"] == SERVER_NAME
    assert outputs["ip"] in POOL_ADDRESSES
    record = read(team.azure, f"{ZONE_PATH}/A/fpga", "2018-05-01")
    assert record["properties"]["ARecords"] == [{"ipv4Address": outputs["ip"]}]
    assert not read(team.azure, f"{ZONE_PATH}/TXT", "2018-05-01")["value"], "the proof is gone again"


def test_who_knows_the_resolver_and_the_root_alone_is_served(
    team: FiveMachines, outputs: Mapping[str, Any]
) -> None:
    expect_served(team, outputs)


def expect_served(team: FiveMachines, outputs: Mapping[str, Any]) -> None:
    """A machine that looks the name up gets the certificate that was declared, and either key opens."""
    seen = team.caller.python(CERTIFICATE, FQDN).strip()
    assert seen == outputs["certificateFingerprint"]
    for key in ("primaryKey", "secondaryKey"):
        told = five_machines.predict(team, PHOTO, FQDN, outputs[key])
        assert told.splitlines()[0].split()[1] == "espresso"
        assert f"{FQDN} at " in told


def words(client: str, asked: Refused) -> str:
    """Azure's words for a refusal."""
    return (
        f"The client '{client}' with object id '{client}' does not have authorization to perform action "
        f"'{asked.action}' over scope '{asked.scope}' or the scope is invalid. If access was recently "
        "granted, please refresh your credentials."
    )


def test_a_job_that_may_read_sees_what_an_update_would_do(team: FiveMachines) -> None:
    team.runner.signed_in = team.job("preview")
    looked = team.runner.operate(STACK, "preview")
    assert changed(looked) == {}
    assert not looked.complaints


@pytest.mark.parametrize("where", ["azure", "server"])
def test_each_thing_that_a_reader_must_not_do_is_refused(team: FiveMachines, where: str) -> None:
    cloud: OperatedCloud = getattr(team, where)
    status = cloud.status()
    (service,) = services(team)
    storage = read(team.azure, f"/resourceGroups/{GROUP}/resources", "2021-04-01")["value"]
    names = {
        "subscription": str(status.subscription),
        "group": GROUP,
        "account": ACCOUNT,
        "zone": ZONE,
        "record": "fpga",
        "storage": next(one["name"] for one in storage if one["type"].startswith("Microsoft.Storage")),
        "container": "models",
        "service": service["id"],
        "model": service["modelId"],
        "assignment": str(uuid.uuid4()),
    }
    client = team.clients["preview"][team.clouds.index(cloud)]
    before, refused_before = cloud.content(), len(cloud.refusals("preview"))
    team.job("preview")
    with team.runner.machine.entered(), closing(ArmCaller(status)) as caller:
        signed_in = caller.sign_in(
            client_id=client,
            client_secret="",
            client_assertion=team.issuer.token(),
            client_assertion_type=ASSERTION_TYPE,
        )
        bearer = {"Authorization": f"Bearer {signed_in.json()['access_token']}"}
        may = caller("GET", f"{caller.subscription}/resourceGroups/{GROUP}", headers=bearer)
        assert may.json()["name"] == GROUP
        for one in REFUSALS:
            asked = one.of(names)
            answer = caller(asked.method, asked.path, {"location": "eastus2"}, headers=bearer)
            expected = (403, "AuthorizationFailed", words(client, asked))
            assert refusal(answer) == expected, f"{asked.method} {asked.path}"
    assert cloud.content() == before
    assert len(cloud.refusals("preview")) == refused_before + len(REFUSALS)


def test_what_a_reader_updates_is_refused_and_what_who_may_does_is_done(team: FiveMachines) -> None:
    team.laptop.pulumi(STACK, "config", "set", "--path", "fpga-web-service:tags.team", "vision")
    five_machines.check_out(team, STACK)
    runner, before = team.runner, [cloud.content() for cloud in team.clouds]
    runner.signed_in = team.job("preview")
    looked = runner.operate(STACK, "preview")
    assert set(changed(looked).values()) == {"update"}
    assert {"resource-group", catalogue.MANAGEMENT_GROUP, "account", "zone"} <= set(changed(looked))

    refused = runner.operate(STACK, "up", code=None)
    assert refused.code != 0
    assert "AuthorizationFailed" in refused.text
    assert [cloud.content() for cloud in team.clouds] == before

    runner.signed_in = team.job("deploy")
    done = runner.operate(STACK, "up")
    assert changed(done) == changed(looked)
    assert not done.complaints
    tags = [
        read(cloud, path, version)["tags"]
        for cloud, path, version in (
            (team.azure, ZONE_PATH, "2018-05-01"),
            (team.server, ACCOUNT_PATH, "2017-09-01-preview"),
        )
    ]
    assert tags == [{"team": "vision"}] * 2
    assert REQUEST_TOKEN not in looked.text + refused.text + done.text


def test_no_secret_of_one_cloud_goes_to_the_other(team: FiveMachines) -> None:
    """Behind a job's update, a look by a person who has forgotten the server's secret."""
    laptop, log = team.laptop, team.server.data / "localcloud.log"
    laptop.signed_in = {
        name: value for name, value in laptop.signed_in.items() if name != "FPGA_MANAGEMENT_CLIENT_SECRET"
    }
    asked = log.read_text().count("/oauth2/")
    refused = laptop.pulumi(STACK, "refresh", "--preview-only", code=None)
    laptop.signed_in = team.signed_in("deploy")
    assert refused.code != 0
    assert "clientSecret is not set" in refused.text
    assert log.read_text().count("/oauth2/") == asked


def test_a_server_that_is_lost_comes_back_on_another_machine(
    team: FiveMachines, outputs: Mapping[str, Any]
) -> None:
    laptop, backup = team.laptop, team.folder / "server.tar"
    team.server.place.fpga("cloud", "backup", str(backup), "--data", str(team.server.data))
    five_machines.make_stack(team, LATE, {})  # behind the backup: it will be lost
    assert not laptop.operate(LATE, "up").complaints
    late = laptop.outputs(LATE)

    team.server.kill()
    team.new_server(team.folder / "restored")
    place, data = team.server.place, team.server.data
    place.fpga("cloud", "restore", str(backup), "--data", str(data))
    team.server.up()

    looked = laptop.operate(STACK, "preview", "--refresh", "--expect-no-changes")
    assert changed(looked) == {}
    assert not looked.complaints
    expect_served(team, outputs)

    told = changed(laptop.operate(LATE, "preview", "--refresh"))
    assert {name for name, operation in told.items() if operation == "create"} >= {"account", "service"}
    assert "zone" not in told, "what is in the other cloud is not lost"
    mended = laptop.operate(LATE, "up", "--refresh")
    assert not mended.complaints
    again = laptop.outputs(LATE)
    assert again["certificateFingerprint"] == late["certificateFingerprint"]
    assert again["primaryKey"] != late["primaryKey"], "keys end with their service"
    told_late = five_machines.predict(team, PHOTO, f"fpga.{LATE}.contoso.test", again["primaryKey"])
    assert "espresso" in told_late.splitlines()[0]
    assert changed(laptop.operate(LATE, "preview", "--expect-no-changes")) == {}
