"""Roles that are given and taken, over real HTTPS: nobody raises itself, and each change holds at once."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing

import pytest

from localcloud.access import administration
from localcloud.access.administration import Known
from localcloud.access.roles import ACCESS_ADMINISTRATOR, CONTRIBUTOR, KEYS_READER, OWNER, READER, Role
from localcloud.errors import StartError
from localcloud.server import Cloud
from tests.support.localcloud.arm_caller import ArmCaller, refusal
from tests.support.localcloud.member import ASSIGNMENTS, Member, assignment
from tests.support.waiting import wait_until

WRITE = "Microsoft.Authorization/roleAssignments/write"


@pytest.fixture
def member(cloud: Cloud, group: str) -> Iterator[Member]:
    """Without any role."""
    with closing(Member(cloud)) as found:
        yield found


def known(member: Member) -> Known:
    (found,) = [one for one in administration.listing(member.data) if one.principal.name == member.name]
    return found


def roles_of(member: Member) -> list[tuple[Role, str]]:
    return [(one.role, one.scope) for one in known(member).principal.assignments]


def test_a_role_is_given_and_taken_while_a_token_lives(member: Member, group: str) -> None:
    assert refusal(member("GET", group))[:2] == (403, "AuthorizationFailed")
    over, missing = administration.grant(
        member.data, member.name.upper(), [READER, CONTRIBUTOR], group.upper()
    )
    assert (over, missing) == (group.upper(), [READER, CONTRIBUTOR])
    assert member("GET", group).status_code == 200
    assert member("PATCH", group, {"tags": {"a": "b"}}).status_code == 200
    assert administration.grant(member.data, member.name, [READER], f"{group}/") == (f"{group}/", [])
    administration.revoke(member.data, member.name, [CONTRIBUTOR], group)
    assert refusal(member("PATCH", group, {"tags": {}}))[:2] == (403, "AuthorizationFailed")
    assert member("GET", group).status_code == 200
    assert roles_of(member) == [(READER, group.lower())]


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        ("/subscriptions/other", "--scope /subscriptions/other is no resource ID of what is there: "),
        ("", "--scope  is no resource ID of what is there: "),
        ("/", "--scope / is no resource ID of what is there: "),
        ("rg", "--scope rg is no resource ID of what is there: "),
        ("{group}/../rg", "is no resource ID of what is there: "),
        ("{group}x", "is no resource ID of what is there: "),
        ("{group}%20", "is no resource ID of what is there: "),
        ("{group}/providers/Microsoft.Network/dnsZones/none", "is no resource ID of what is there: "),
    ],
)
def test_a_scope_that_is_not_there_is_refused(member: Member, group: str, scope: str, message: str) -> None:
    with pytest.raises(StartError) as refused:
        administration.grant(member.data, member.name, [OWNER], scope.format(group=group))
    assert message in str(refused.value)
    assert roles_of(member) == []


def test_what_was_not_given_cannot_be_taken(member: Member, group: str) -> None:
    administration.grant(member.data, member.name, [READER], group)
    with pytest.raises(StartError, match=f"'{member.name}' is not given contributor of {group}: "):
        administration.revoke(member.data, member.name, [READER, CONTRIBUTOR], group)
    with pytest.raises(StartError, match=f"'{member.name}' is not given reader of /subscriptions/"):
        administration.revoke(member.data, member.name, [READER], None)
    with pytest.raises(StartError, match="There is no principal 'nobody': "):
        administration.revoke(member.data, "nobody", [READER], None)
    assert roles_of(member) == [(READER, group.lower())]


def test_the_owner_of_a_folder_stays_its_owner(member: Member, group: str) -> None:
    with pytest.raises(StartError, match=r"'owner' is the client that .*: it stays its owner"):
        administration.revoke(member.data, "owner", [OWNER], None)
    # what it was given besides is no more than anybody else's
    administration.grant(member.data, "owner", [READER], group)
    administration.revoke(member.data, "owner", [READER], group)


def test_no_role_but_that_of_a_folder_s_owner_is_kept_for_ever(
    arm: ArmCaller, member: Member, group: str
) -> None:
    """Not even one whose name is its principal's ID, as the owner's is."""
    path = f"{group}{ASSIGNMENTS}/{member.status.client_id}"
    assert arm("PUT", path, assignment(arm, member, OWNER)).status_code == 201
    assert arm("DELETE", path).status_code == 200
    assert roles_of(member) == []


@pytest.mark.parametrize("role", [CONTRIBUTOR, READER, KEYS_READER])
@pytest.mark.parametrize(
    "path",
    [
        "{scope}{assignments}/{name}",
        "{scope}{assignments}/{name}/",
        "/{scope}/{assignments}/{name}",
        "{scope}{upper}/{name}",
        "{scope}/providers/Microsoft.Network/dnsZones/none{assignments}/{name}",
        "{scope}{assignments}/{name}{assignments}/{name}",
        "{scope}/providers/x%2Fy{assignments}/{name}",
        "{subscription}{assignments}/{name}",
    ],
)
def test_nobody_raises_itself(member: Member, group: str, role: Role, path: str) -> None:
    administration.grant(member.data, member.name, [role], group)
    named = path.format(
        scope=group,
        subscription=member.subscription,
        assignments=ASSIGNMENTS,
        upper=ASSIGNMENTS.upper(),
        name=uuid.uuid4(),
    )
    for method in ("PUT", "DELETE"):
        status, code, message = refusal(member(method, named, assignment(member, member, OWNER)))
        assert (status, code) == (403, "AuthorizationFailed")
        assert "'Microsoft.Authorization/roleAssignments/" in message
    assert roles_of(member) == [(role, group.lower())]


def test_who_gives_roles_does_so_below_its_scope_alone(
    cloud: Cloud, arm: ArmCaller, member: Member, group: str
) -> None:
    with closing(Member(cloud, ACCESS_ADMINISTRATOR, scope=group)) as giver:
        name = f"{ASSIGNMENTS}/{uuid.uuid4()}"
        body = assignment(giver, member, READER)
        assert refusal(giver("PUT", f"{arm.subscription}{name}", body))[:2] == (403, "AuthorizationFailed")
        assert giver("PUT", f"{group}{name}", body).status_code == 201
        assert member("GET", group).status_code == 200
        assert refusal(giver("PATCH", group, {"tags": {}}))[:2] == (403, "AuthorizationFailed")
        assert giver("DELETE", f"{group}{name}").status_code == 200
        assert refusal(member("GET", group))[:2] == (403, "AuthorizationFailed")
        owner = f"{arm.subscription}{ASSIGNMENTS}/{arm.status.client_id}"
        assert refusal(giver("DELETE", owner))[:2] == (403, "AuthorizationFailed")
        keys = f"{group}/providers/Microsoft.Storage/storageAccounts/x/listKeys"
        assert refusal(giver("POST", keys))[:2] == (403, "AuthorizationFailed")


def test_a_list_tells_the_age_of_secrets_and_the_last_sign_in(cloud: Cloud, member: Member) -> None:
    found = known(member)
    assert found.used_on is None
    (first,) = found.secrets
    assert first.until is None
    assert first.made_on is not None
    assert member.sign_in().ok
    wait_until(lambda: known(member).used_on is not None)
    used = known(member).used_on
    assert used is not None
    assert used >= first.made_on
    administration.rotate(member.data, member.name, member.secrets.append, at_once=False)
    newest, before = known(member).secrets
    assert newest.until is None
    assert newest.made_on is not None
    assert (before.made_on, before.until is None) == (first.made_on, False)
    (owner,) = [one for one in administration.listing(member.data) if one.is_owner]
    assert owner.used_on is not None
    assert owner.secrets[0].made_on is not None


def test_a_client_id_may_be_given_and_is_nobody_else_s(cloud: Cloud, group: str) -> None:
    """One that was removed leaves its tokens no rights of the next one."""
    given = str(uuid.uuid4()).upper()
    data = cloud.settings.data
    with closing(Member(cloud, READER, scope=group, client_id=given)) as first:
        assert first.status.client_id == given.lower()
        for name, other, message in (
            ("x", given, f"--client-id {given} is that of '{first.name}' already: "),
            ("x", str(cloud.status().client_id), "is that of 'owner' already: "),
            ("x", "contoso", "--client-id contoso is no client ID: "),
            ("x", f"{given}\n", "is no client ID: "),
            (given, None, f"There is a principal '{given}' already: "),
        ):
            with pytest.raises(StartError) as refused:
                administration.add(data, name, [], None, None, client_id=other)
            assert message in str(refused.value)
        assert first("GET", group).status_code == 200
        administration.remove(data, first.name)
        with closing(Member(cloud, OWNER, client_id=given)) as second:
            assert second("GET", group).status_code == 200
            assert refusal(first("GET", group))[:2] == (401, "InvalidAuthenticationToken")


def test_a_refused_sign_in_is_no_use(member: Member) -> None:
    assert member.sign_in(client_secret="wrong").status_code == 401
    assert member.sign_in(client_id=str(uuid.uuid4())).status_code == 400
    assert known(member).used_on is None
