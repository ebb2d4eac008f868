"""Roles: what each permits, over which scopes, and that every route has an action."""

from __future__ import annotations

import pytest

from localcloud.access import actions, roles
from localcloud.access.actions import Action, Reach
from localcloud.access.principals import Assignment, Principal
from localcloud.access.roles import ACCESS_ADMINISTRATOR, CONTRIBUTOR, KEYS_READER, OWNER, READER, Role

SERVICES = "Microsoft.MachineLearningModelManagement/accounts/services"
GROUP = "/subscriptions/S/resourceGroups/rg"
ZONE = f"{GROUP}/providers/Microsoft.Network/dnsZones/contoso.com"


@pytest.mark.parametrize(
    ("action", "permitted"),
    [
        (f"{SERVICES}/read", {OWNER, CONTRIBUTOR, READER, ACCESS_ADMINISTRATOR}),
        (f"{SERVICES}/write", {OWNER, CONTRIBUTOR}),
        (f"{SERVICES}/keys/read", {OWNER, CONTRIBUTOR, KEYS_READER}),
        (f"{SERVICES}/KEYS/READ".upper(), {OWNER, CONTRIBUTOR, KEYS_READER}),
        (f"{SERVICES}/regenerateKeys/action", {OWNER, CONTRIBUTOR}),
        ("Microsoft.Storage/storageAccounts/listKeys/action", {OWNER, CONTRIBUTOR}),
        ("Microsoft.Storage/storageAccounts/read", {OWNER, CONTRIBUTOR, READER, ACCESS_ADMINISTRATOR}),
        ("Microsoft.Network/dnsZones/A/delete", {OWNER, CONTRIBUTOR}),
        (
            "Microsoft.Authorization/roleAssignments/read",
            {OWNER, CONTRIBUTOR, READER, ACCESS_ADMINISTRATOR},
        ),
        ("Microsoft.Authorization/roleAssignments/write", {OWNER, ACCESS_ADMINISTRATOR}),
        ("microsoft.authorization/roleassignments/WRITE", {OWNER, ACCESS_ADMINISTRATOR}),
        ("Microsoft.Authorization/roleAssignments/delete", {OWNER, ACCESS_ADMINISTRATOR}),
        ("Microsoft.Subscription/cancel/action", {OWNER}),
        ("Microsoft.Network/dnsZones/read\n/write", {OWNER, CONTRIBUTOR}),
    ],
)
def test_what_each_role_permits(action: str, permitted: set[Role]) -> None:
    assert {role for role in roles.ROLES.values() if role.permits(action)} == permitted


@pytest.mark.parametrize(
    ("scope", "asked", "covered"),
    [
        ("/subscriptions/s", ZONE, True),
        (GROUP, ZONE, True),
        (GROUP.upper(), ZONE, True),
        (f"{GROUP}/", ZONE, True),
        (ZONE, f"{ZONE}/A/www", True),
        (ZONE, ZONE.lower(), True),
        (ZONE, GROUP, False),
        (GROUP, f"{GROUP}-2", False),
        (GROUP, f"{GROUP}-2/providers/Microsoft.Network/dnsZones/x", False),
        (ZONE, ZONE.replace("rg", "other"), False),
    ],
)
def test_a_scope_reaches_down(scope: str, asked: str, covered: bool) -> None:
    assert roles.covers(scope, asked) is covered


def test_roles_add_up_and_stay_where_they_are() -> None:
    given = (
        Assignment("1", GROUP.lower(), READER, "c", ""),
        Assignment("2", ZONE.lower(), CONTRIBUTOR, "c", ""),
    )
    principal = Principal("c", "ci", 0, given)
    assert principal.may("Microsoft.Network/dnsZones/A/write", f"{ZONE}/A/www")
    assert principal.may(f"{SERVICES}/read", f"{GROUP}/providers/x/accounts/a")
    assert not principal.may("Microsoft.Network/dnsZones/write", GROUP)
    assert not principal.may(f"{SERVICES}/read", "/subscriptions/S")
    assert principal.may_below(f"{SERVICES}/read", "/subscriptions/S")
    assert not principal.may_below("Microsoft.Authorization/roleAssignments/write", "/subscriptions/S")
    assert not Principal("d", "none", 0).may_below("a/read", "/subscriptions/S")


def test_reads_change_nothing_and_tell_no_key() -> None:
    """An action that a reader may not do is never one that is taken for a read."""
    every = [action for verbs in actions.TABLE.values() for action in verbs.values()]
    assert len(every) > 60
    for action in every:
        assert action.is_read is READER.permits(action.name), action


def test_reach_beyond_the_scope_is_for_reads() -> None:
    for path, verbs in actions.TABLE.items():
        for verb, action in verbs.items():
            assert verb == "GET" or action.reach is Reach.SCOPE, path


def test_an_action_has_the_names_of_its_path() -> None:
    names = {"subscription": "S", "group": "rg", "zone": "contoso.com", "kind": "a", "name": "{x}"}
    path = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Network/dnsZones/{zone}"
    found = actions.of_route(f"{path}/{{kind}}/{{name}}", "PUT").of(names)
    assert found == Action("Microsoft.Network/dnsZones/A/write", f"{ZONE}/a/{{x}}")
    assert actions.of_route(path, "HEAD") == actions.of_route(path, "GET")
