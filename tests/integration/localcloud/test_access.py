"""Who may do what, over real HTTPS: what a role does not permit is refused, and changes nothing."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from localcloud import server
from localcloud.access import actions, administration, audit
from localcloud.access.principals import FederatedCredential
from localcloud.access.roles import CONTRIBUTOR, KEYS_READER, OWNER, READER, ROLES
from localcloud.errors import StartError
from localcloud.http.frame import Frame
from localcloud.http.lanes import Route
from localcloud.identity import federation
from localcloud.server import Cloud
from tests.support.localcloud import data_plane as data_plane_parts
from tests.support.localcloud import parts
from tests.support.localcloud.arm_caller import ArmCaller, refusal
from tests.support.localcloud.member import ASSIGNMENTS, Member, assignment, denied

DATA_PLANE = "2018-04-01-preview"


@pytest.fixture
def reader(cloud: Cloud, group: str) -> Iterator[Member]:
    """Reads the group alone."""
    with closing(Member(cloud, READER, scope=group)) as found:
        yield found


@pytest.fixture
def contributor(cloud: Cloud, group: str) -> Iterator[Member]:
    with closing(Member(cloud, CONTRIBUTOR, scope=group)) as found:
        yield found


@pytest.fixture
def zone(arm: ArmCaller, group: str) -> str:
    path = f"{group}/providers/Microsoft.Network/dnsZones/contoso.com"
    assert arm("PUT", path, {"location": "global"}).status_code == 201
    record = {"properties": {"TTL": 60, "ARecords": [{"ipv4Address": "203.0.113.7"}]}}
    assert arm("PUT", f"{path}/A/www", record).status_code == 201
    return path


@pytest.fixture
def account(arm: ArmCaller, group: str) -> str:
    path = f"{group}/providers/Microsoft.MachineLearningModelManagement/accounts/acc"
    body = {"location": "eastus2", "sku": {"name": "S1", "capacity": 1}}
    assert arm("PUT", path, body).status_code == 201
    return path


def data_plane(account: str) -> str:
    parts = account.split("/")
    return f"/api/subscriptions/{parts[2]}/resourcegroups/{parts[4]}/accounts/{parts[-1]}"


def everything(arm: ArmCaller, group: str, zone: str) -> list[Any]:
    paths = (group, f"{group}/resources", f"{zone}/all", f"{group}{ASSIGNMENTS}")
    return [arm("GET", path).json() for path in paths]


@pytest.mark.parametrize(
    ("method", "below", "action"),
    [
        ("PUT", "", "Microsoft.Resources/subscriptions/resourceGroups/write"),
        ("PATCH", "", "Microsoft.Resources/subscriptions/resourceGroups/write"),
        ("DELETE", "", "Microsoft.Resources/subscriptions/resourceGroups/delete"),
        ("PUT", "ZONE", "Microsoft.Network/dnsZones/write"),
        ("PATCH", "ZONE", "Microsoft.Network/dnsZones/write"),
        ("DELETE", "ZONE", "Microsoft.Network/dnsZones/delete"),
        ("PUT", "ZONE/a/www", "Microsoft.Network/dnsZones/A/write"),
        ("PATCH", "ZONE/A/www", "Microsoft.Network/dnsZones/A/write"),
        ("DELETE", "ZONE/A/www", "Microsoft.Network/dnsZones/A/delete"),
        ("PUT", "ACCOUNT", "Microsoft.MachineLearningModelManagement/accounts/write"),
        ("PATCH", "ACCOUNT", "Microsoft.MachineLearningModelManagement/accounts/write"),
        ("DELETE", "ACCOUNT", "Microsoft.MachineLearningModelManagement/accounts/delete"),
        ("PUT", "STORAGE", "Microsoft.Storage/storageAccounts/write"),
        ("PATCH", "STORAGE", "Microsoft.Storage/storageAccounts/write"),
        ("DELETE", "STORAGE", "Microsoft.Storage/storageAccounts/delete"),
    ],
)
def test_a_reader_changes_nothing(
    arm: ArmCaller,
    reader: Member,
    group: str,
    zone: str,
    account: str,
    method: str,
    below: str,
    action: str,
) -> None:
    before = everything(arm, group, zone)
    storage = f"{group}/providers/Microsoft.Storage/storageAccounts/stor1"
    scope = {"ZONE": zone, "ACCOUNT": account, "STORAGE": storage, "": group}[below.split("/")[0]]
    scope += "".join(f"/{part}" for part in below.split("/")[1:])
    assert refusal(reader(method, scope, {"location": "eastus2"})) == denied(reader, action, scope)
    # not even what cannot be read is looked at first
    assert refusal(reader(method, scope, data=b"{", version=None)) == denied(reader, action, scope)
    assert everything(arm, group, zone) == before


@pytest.mark.parametrize(
    ("method", "below", "action", "of"),
    [
        ("POST", "/models", "models/write", ""),
        ("DELETE", "/models/m", "models/delete", "/models/m"),
        ("POST", "/services", "services/write", ""),
        ("PUT", "/services/s", "services/write", "/services/s"),
        ("DELETE", "/services/s", "services/delete", "/services/s"),
        ("GET", "/services/s/keys", "services/keys/read", "/services/s"),
        ("HEAD", "/services/s/keys", "services/keys/read", "/services/s"),
        ("POST", "/services/s/regenerateKeys", "services/regenerateKeys/action", "/services/s"),
    ],
)
def test_a_reader_neither_changes_the_data_plane_nor_reads_keys(
    reader: Member, account: str, method: str, below: str, action: str, of: str
) -> None:
    answer = reader(method, data_plane(account) + below, {}, version=DATA_PLANE)
    if method == "HEAD":
        assert answer.status_code == 403
        return
    kind = "Microsoft.MachineLearningModelManagement/accounts"
    assert refusal(answer) == denied(reader, f"{kind}/{action}", account + of)


@pytest.mark.parametrize("verb", ["listKeys", "regenerateKey"])
def test_a_reader_neither_lists_nor_makes_keys_of_storage(reader: Member, group: str, verb: str) -> None:
    storage = f"{group}/providers/Microsoft.Storage/storageAccounts/stor1"
    expected = denied(reader, f"Microsoft.Storage/storageAccounts/{verb}/action", storage)
    assert refusal(reader("POST", f"{storage}/{verb}")) == expected


def test_a_reader_reads(reader: Member, group: str, zone: str, account: str) -> None:
    for path in (group, f"{group}/resources", zone, f"{zone}/A/www", f"{zone}/all", account):
        assert reader("GET", path).status_code == 200, path
    for path in ("/models", "/services", "/swagger.json"):
        assert reader("GET", data_plane(account) + path, version=DATA_PLANE).status_code == 200, path


def test_lists_show_what_may_be_read_alone(arm: ArmCaller, reader: Member, group: str, zone: str) -> None:
    other = f"{arm.subscription}/resourceGroups/other-{uuid.uuid4().hex[:8]}"
    assert arm("PUT", other, {"location": "eastus2"}).status_code == 201
    try:
        assert arm(
            "PUT", f"{other}/providers/Microsoft.Network/dnsZones/fabrikam.com", {"location": "global"}
        ).ok
        seen = {
            path: [one["id"].lower() for one in reader("GET", f"{reader.subscription}{path}").json()["value"]]
            for path in ("/resourceGroups", "/resources", "/providers/Microsoft.Network/dnsZones")
        }
        assert seen == {
            "/resourceGroups": [group.lower()],
            "/resources": [zone.lower()],
            "/providers/Microsoft.Network/dnsZones": [zone.lower()],
        }
        assert [one["id"] for one in reader("GET", "/subscriptions").json()["value"]] == [arm.subscription]
        for path in (other, f"{other}/resources", f"{other}-is-not-there"):
            assert refusal(reader("GET", path))[:2] == (403, "AuthorizationFailed")
    finally:
        assert arm("DELETE", other).status_code == 200


def test_who_has_no_role_sees_nothing(cloud: Cloud, group: str) -> None:
    with closing(Member(cloud)) as nobody:
        assert nobody("GET", "/subscriptions").json() == {"value": []}
        for path in (nobody.subscription, f"{nobody.subscription}/resourceGroups", group):
            assert refusal(nobody("GET", path))[:2] == (403, "AuthorizationFailed")
        told = nobody("GET", "/health", version=None).json()
        assert told.keys() == {"alive", "version"}


def test_a_contributor_changes_its_group_and_gives_no_roles(
    arm: ArmCaller, contributor: Member, group: str, zone: str
) -> None:
    assert contributor("DELETE", f"{zone}/A/www").status_code == 200
    path = f"{group}{ASSIGNMENTS}/{uuid.uuid4()}"
    action = "Microsoft.Authorization/roleAssignments/write"
    assert refusal(contributor("PUT", path, {})) == denied(contributor, action, group)
    other = f"{arm.subscription}/resourceGroups/another"
    action = "Microsoft.Resources/subscriptions/resourceGroups/write"
    answer = contributor("PUT", other, {"location": "eastus2"})
    assert refusal(answer) == denied(contributor, action, other)
    assert refusal(arm("GET", other))[:2] == (404, "ResourceGroupNotFound")


def test_keys_are_read_by_who_may_read_keys(cloud: Cloud, account: str) -> None:
    with closing(Member(cloud, READER, KEYS_READER, scope=account)) as preview:
        answer = preview("GET", f"{data_plane(account)}/services/s/keys", version=DATA_PLANE)
        assert refusal(answer)[:2] == (404, "ServiceNotFound")
        answer = preview("POST", f"{data_plane(account)}/services/s/regenerateKeys", {}, version=DATA_PLANE)
        assert refusal(answer)[:2] == (403, "AuthorizationFailed")


def test_removal_ends_secrets_and_tokens_at_once(reader: Member, group: str) -> None:
    assert reader("GET", group).status_code == 200
    administration.remove(reader.data, reader.name)
    assert refusal(reader("GET", group))[:2] == (401, "InvalidAuthenticationToken")
    assert reader.sign_in().json()["error_codes"] == [700016]


def test_two_secrets_overlap_and_no_more(reader: Member, group: str) -> None:
    assert reader("GET", group).status_code == 200
    for _ in range(2):
        administration.rotate(reader.data, reader.name, reader.secrets.append, at_once=False)
    first, second, third = reader.secrets
    assert reader.sign_in(client_secret=first).json()["error_codes"] == [7000215]
    assert 0 < reader.sign_in(client_secret=second).json()["expires_in"] < 3600
    assert reader.sign_in(client_secret=third).ok
    assert reader("GET", group).status_code == 200
    administration.rotate(reader.data, reader.name, reader.secrets.append, at_once=True)
    assert reader.sign_in(client_secret=third).json()["error_codes"] == [7000215]
    assert refusal(reader("GET", group))[:2] == (401, "InvalidAuthenticationToken")
    assert reader.sign_in().ok


def test_a_change_that_cannot_hand_over_its_secret_is_none(reader: Member) -> None:
    def fail(_secret: str) -> None:
        raise StartError("no room")

    with pytest.raises(StartError, match="no room"):
        administration.rotate(reader.data, reader.name, fail, at_once=True)
    assert reader.sign_in().ok
    with pytest.raises(StartError, match="no room"):
        administration.add(reader.data, "never", [READER], None, fail)
    assert "never" not in {known.principal.name for known in administration.listing(reader.data)}


@pytest.mark.parametrize(
    ("name", "scope", "message"),
    [
        ("", None, "'' is no name of a principal: "),
        ("a b", None, "'a b' is no name of a principal: "),
        ("OWNER", None, "There is a principal 'OWNER' already: "),
        ("x", "/subscriptions/other", "--scope /subscriptions/other is no resource ID of what is there: "),
        ("x", "", "--scope  is no resource ID"),
        ("x", "/", "--scope / is no resource ID"),
    ],
)
def test_what_cannot_be_added(cloud: Cloud, name: str, scope: str | None, message: str) -> None:
    before = administration.listing(cloud.settings.data)
    with pytest.raises(StartError) as refused:
        administration.add(cloud.settings.data, name, [READER], scope, None)
    assert str(refused.value).startswith(message)
    assert administration.listing(cloud.settings.data) == before


def test_the_owner_stays(cloud: Cloud, arm: ArmCaller) -> None:
    for change in (
        lambda: administration.remove(cloud.settings.data, "owner"),
        lambda: administration.rotate(cloud.settings.data, "owner", print, at_once=True),
    ):
        with pytest.raises(StartError, match="'owner' is the client that this localcloud was made with: "):
            change()
    path = f"{arm.subscription}{ASSIGNMENTS}/{arm.status.client_id}"
    assert refusal(arm("DELETE", path))[:2] == (409, "CannotDeleteLastRbacAdminRoleAssignment")
    assert arm("GET", path).status_code == 200


def lines(data: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (data / audit.FILE).read_text().splitlines()]


def test_changes_and_refusals_are_in_the_audit_log(
    cloud: Cloud, arm: ArmCaller, reader: Member, group: str, zone: str
) -> None:
    refused = reader("DELETE", f"{zone}/A/www").headers["x-ms-request-id"]
    done = arm("DELETE", f"{zone}/A/www").headers["x-ms-request-id"]
    read = reader("GET", zone).headers["x-ms-request-id"]
    found = {line["request_id"]: line for line in lines(cloud.settings.data) if "request_id" in line}
    told = {"action": "Microsoft.Network/dnsZones/A/delete", "scope": f"{zone}/A/www"}
    assert read not in found
    for request_id, name, client, status in (
        (refused, reader.name, reader.status.client_id, 403),
        (done, "owner", arm.status.client_id, 200),
    ):
        line = found[request_id]
        assert line.items() >= (told | {"principal": name, "client_id": client, "status": status}).items()
    (added,) = [line for line in lines(cloud.settings.data) if line.get("name") == reader.name]
    assert (added["principal"], added["action"], added["scope"]) == ("fpga cloud", "principal add", group)
    file = cloud.settings.data / audit.FILE
    assert file.stat().st_mode & 0o777 == 0o600
    assert reader.secret not in file.read_text()
    for one in cloud.settings.data.glob("localcloud.*"):
        assert reader.secret.encode() not in one.read_bytes(), one


def test_roles_are_given_and_taken_by_the_api(cloud: Cloud, arm: ArmCaller, group: str, zone: str) -> None:
    name = str(uuid.uuid4())
    path = f"{zone}{ASSIGNMENTS}/{name}"
    with closing(Member(cloud)) as member:
        assert refusal(member("GET", zone))[:2] == (403, "AuthorizationFailed")
        made = arm("PUT", path, assignment(arm, member, READER))
        assert made.status_code == 201
        body = made.json()
        assert (body["id"], body["name"]) == (path, name)
        assert body["properties"]["scope"] == zone
        assert body["properties"]["principalId"] == member.status.client_id
        assert member("GET", zone).status_code == 200
        assert refusal(member("GET", group))[:2] == (403, "AuthorizationFailed")
        assert arm("PUT", path, assignment(arm, member, READER)).status_code == 200
        again = arm("PUT", f"{zone}{ASSIGNMENTS}/{uuid.uuid4()}", assignment(arm, member, READER))
        assert refusal(again)[:2] == (409, "RoleAssignmentExists")
        other = arm("PUT", path, assignment(arm, member, OWNER))
        assert refusal(other)[:2] == (400, "RoleAssignmentUpdateNotPermitted")
        assert arm("GET", path).json() == body
        assert body in arm("GET", f"{zone}{ASSIGNMENTS}").json()["value"]
        assert body in arm("GET", f"{arm.subscription}{ASSIGNMENTS}").json()["value"]
        at_scope = arm("GET", f"{group}{ASSIGNMENTS}", query="$filter=atScope()").json()["value"]
        assert body not in at_scope
        mine = f"$filter=principalId eq '{member.status.client_id}'"
        assert arm("GET", f"{group}{ASSIGNMENTS}", query=mine).json()["value"] == [body]
        assert arm("DELETE", path).json() == body
        assert arm("DELETE", path).status_code == 204
        assert refusal(arm("GET", path))[:2] == (404, "RoleAssignmentNotFound")
        assert refusal(member("GET", zone))[:2] == (403, "AuthorizationFailed")


def test_a_role_ends_with_what_it_is_for(arm: ArmCaller, cloud: Cloud, group: str, zone: str) -> None:
    with closing(Member(cloud, CONTRIBUTOR, scope=zone)) as member:
        assert member("GET", zone).status_code == 200
        assert arm("DELETE", zone).status_code in (200, 202)
        assert arm("PUT", zone, {"location": "global"}).status_code == 201
        assert refusal(member("GET", zone))[:2] == (403, "AuthorizationFailed")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"roleDefinitionId": "x"}, "InvalidRoleDefinitionId"),
        ({"roleDefinitionId": None}, "InvalidRoleDefinitionId"),
        ({"principalId": str(uuid.uuid4())}, "PrincipalNotFound"),
        ({"principalId": 1}, "InvalidRequestContent"),
        ({"condition": "@Resource[…] StringEquals 'x'"}, "RoleAssignmentConditionNotSupported"),
        ({"condition": ""}, "RoleAssignmentConditionNotSupported"),
        ({"principalType": "Group"}, "UnmatchedPrincipalType"),
        ({"principalType": ["ServicePrincipal"]}, "UnmatchedPrincipalType"),
    ],
)
def test_roles_that_cannot_be_given(
    arm: ArmCaller, reader: Member, group: str, changes: dict[str, Any], code: str
) -> None:
    body = assignment(arm, reader, OWNER)
    answer = arm("PUT", f"{group}{ASSIGNMENTS}/{uuid.uuid4()}", {"properties": body["properties"] | changes})
    assert refusal(answer)[:2] == (400, code)
    answer = arm("PUT", f"{group}{ASSIGNMENTS}/not-a-guid", body)
    assert refusal(answer)[:2] == (400, "InvalidRoleAssignmentId")
    nowhere = f"{group}/providers/Microsoft.Network/dnsZones/none.com{ASSIGNMENTS}/{uuid.uuid4()}"
    assert refusal(arm("PUT", nowhere, body))[:2] == (404, "ResourceNotFound")


def test_role_definitions_are_those_of_azure(reader: Member, group: str) -> None:
    path = f"{group}/providers/Microsoft.Authorization/roleDefinitions"
    found = {one["name"]: one["properties"] for one in reader("GET", path).json()["value"]}
    assert {role.id: role.name for role in ROLES.values()} == {
        name: properties["roleName"] for name, properties in found.items()
    }
    assert found[OWNER.id]["permissions"][0]["actions"] == ["*"]
    one = reader("GET", path, query="$filter=roleName eq 'Reader'").json()["value"]
    assert [role["name"] for role in one] == [READER.id]
    assert reader("GET", f"{path}/{READER.id}").json() == one[0]


def test_every_route_has_an_action_and_every_action_a_route(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Route] = []

    class Recording(Frame):
        def __init__(self, *, routes: Sequence[Route], **others: Any) -> None:
            taken.extend(routes)
            super().__init__(routes=routes, **others)

    monkeypatch.setattr(server, "Frame", Recording)
    with Cloud(parts.settings(tmp_path / "data")):
        pass
    routes = {(route.path, verb) for route in taken for verb in (route.methods or set()) - {"HEAD"}}
    assert {(path, verb) for path, verbs in actions.TABLE.items() for verb in verbs} == routes


def test_the_file_of_before_is_taken_over_once(tmp_path: Path) -> None:
    settings = data_plane_parts.settings(tmp_path / "data")
    with Cloud(settings):
        pass
    file = settings.data / federation.FILE
    told = {"issuer": "https://issuer.example", "subject": "repo:contoso/fpga", "audiences": ["api://x"]}
    file.write_text(json.dumps([told]))
    for _ in range(2):
        with Cloud(settings):
            pass
        (owner,) = administration.listing(settings.data)
        assert owner.credentials == [
            FederatedCredential("https://issuer.example", "repo:contoso/fpga", ("api://x",))
        ]
        assert not file.exists()
    assert json.loads(file.with_name(f"{file.name}.taken-over").read_text()) == [told]


@pytest.mark.parametrize(
    "content", ['{"issuer": "x"}', "[", '[{"issuer": "\\ud800", "subject": "", "audiences": []}]']
)
def test_a_file_of_before_that_cannot_be_read_is_left_and_said(tmp_path: Path, content: str) -> None:
    settings = data_plane_parts.settings(tmp_path / "data")
    settings.data.mkdir()
    (settings.data / "lock").touch()
    file = settings.data / federation.FILE
    file.write_text(content)
    with Cloud(settings):
        pass
    assert file.read_text() == content
    assert f"nobody is trusted by {file}: " in (settings.data / "localcloud.log").read_text()
    assert administration.listing(settings.data)[0].credentials == []
