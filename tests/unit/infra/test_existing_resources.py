"""What others keep and a stack uses: its settings, its provider's verdicts, and what is not fit for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from infra import catalogue, declared, existing, settings
from infra.components.own_state import own
from infra.existing import Own
from infra.providers.existing_resource import ExistingResourceProvider
from infra.settings import Settings
from infra.settings.reader import SettingsError
from tests.support.provider_states import REPLACE, SAME, UNKNOWN, UPDATE, verdict

ID = "11111111-2222-3333-4444-555555555555"
SERVER = "99999999-2222-3333-4444-555555555555"
GROUPS = f"/subscriptions/{ID}/resourceGroups"
SEEN = {"resource_id": f"{GROUPS}/dns/providers/x/dnsZones/z", "api_version": "1", "on_server": False}
NOBODY = Own({}, frozenset(), frozenset())


def read(**more: str) -> Settings:
    own_settings = {
        "resourceGroup": "own",
        "account": "models",
        "modelId": "m",
        "zone": "contoso.test",
        "fqdn": "www.contoso.test",
        "certificateSource": "self_signed",
    }
    azure = {f"azure-native:{key}": ID for key in ("tenantId", "subscriptionId", "clientId", "clientSecret")}
    program = {f"fpga-web-service:{key}": value for key, value in (own_settings | more).items()}
    return settings.read({**program, **azure, "azure-native:metadataHost": "localhost:443"}, {})


def apart(**more: str) -> Settings:
    ids = {f"management{key}": SERVER for key in ("TenantId", "SubscriptionId", "ClientId", "ClientSecret")}
    return read(managementHost="localhost:8443", **ids, **more)


def names(stack: Settings) -> dict[str, str]:
    return {one.name: one.id for one in declared.existing(stack)}


def problems(**more: str) -> str:
    with pytest.raises(SettingsError) as refused:
        (apart if more.pop("server", None) else read)(**more)
    return str(refused.value)


def test_what_others_keep_is_not_declared() -> None:
    stack = read(
        resourceGroupExists="true",
        accountExists="true",
        accountResourceGroup="models",
        zoneExists="true",
        zoneResourceGroup="dns",
    )
    assert names(stack) == {
        "resource-group": f"{GROUPS}/own",
        "account": f"{GROUPS}/models/providers/{catalogue.ACCOUNT_PROVIDER}/accounts/models",
        "zone": f"{GROUPS}/dns/providers/Microsoft.Network/dnsZones/contoso.test",
    }
    assert [one.name for one in declared.resources(stack)] == ["storage", "packages", "record"]
    assert declared.resources(stack)[-1].id == f"{names(stack)['zone']}/A/www"


def test_without_a_group_of_its_own_each_is_in_the_stack_s() -> None:
    stack = read(resourceGroupExists="true", accountExists="true", zoneExists="true")
    assert {id_.split("/")[4] for id_ in names(stack).values()} == {"own"}


def test_on_a_server_the_account_s_group_is_others_too() -> None:
    stack = apart(accountExists="true", accountResourceGroup="team")
    team = f"/subscriptions/{SERVER}/resourceGroups/team"
    assert names(stack)[catalogue.MANAGEMENT_GROUP] == team
    assert names(stack)["account"].startswith(f"{team}/")
    with_packages = apart(accountExists="true", accountResourceGroup="team", managementStorage="true")
    assert names(with_packages).keys() == {"account"}
    assert catalogue.MANAGEMENT_GROUP in {one.name for one in declared.resources(with_packages)}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"zoneExists": "true"}, "zoneExists is true, and the group 'own' is the stack's"),
        ({"zoneExists": "true", "zoneResourceGroup": "OWN"}, "`pulumi destroy` deletes it with all that"),
        ({"accountExists": "true"}, "Set fpga-web-service:accountResourceGroup to the group that the Model"),
        (
            {"server": "1", "accountExists": "true", "managementStorage": "true"},
            "with managementStorage the group 'own' on the server is the stack's",
        ),
        ({"zoneResourceGroup": "dns"}, "zoneResourceGroup is not used with zoneExists false"),
        ({"accountResourceGroup": "x"}, "accountResourceGroup is not used with accountExists false"),
        (
            {"accountExists": "true", "accountResourceGroup": "x", "accountCapacity": "2"},
            "accountCapacity is not used with accountExists true: remove it",
        ),
        (
            {"resourceGroupExists": "true", "resourceGroupLocation": "westus"},
            "resourceGroupLocation is not used with resourceGroupExists true",
        ),
        (
            {"zoneExists": "true", "zoneResourceGroup": "dns", "caaIssuers": "ca.test"},
            "caaIssuers would say who may issue for every name in 'contoso.test'",
        ),
    ],
)
def test_settings_that_do_not_go_together_are_refused(more: dict[str, str], words: str) -> None:
    assert words in problems(**more)


@pytest.mark.parametrize(
    ("olds", "news", "expected"),
    [
        (SEEN, {}, SAME),
        (SEEN, {"resource_id": f"{GROUPS}/other/providers/x/dnsZones/z"}, REPLACE),
        (SEEN, {"resource_id": UNKNOWN}, REPLACE),
        # of what the stack made itself: replaced, it would be deleted
        ({"zoneName": "z", "resourceGroupName": "dns"}, SEEN, UPDATE),
    ],
)
def test_what_the_stack_made_is_let_go_in_place(
    olds: Mapping[str, Any], news: Mapping[str, Any], expected: str
) -> None:
    assert verdict(ExistingResourceProvider(), dict(olds), **news) == expected


@pytest.mark.parametrize(
    ("account", "words"),
    [
        ({"location": "West US", "sku": {"name": "S1"}}, ["is in westus", "exist in eastus2 only"]),
        (
            {"location": "eastus2", "sku": {"name": "DevTest"}},
            ["has the pricing tier DevTest", "S1 is enough"],
        ),
        ({"location": "eastus2"}, ["has the pricing tier (none)"]),
        ({"location": "westus", "sku": {"name": "DevTest"}}, ["is in westus", "tier DevTest"]),
        ({"location": "East US 2", "sku": {"name": "s3"}}, []),
    ],
)
def test_an_account_without_fpgas_is_told(account: Mapping[str, Any], words: list[str]) -> None:
    told = list(existing.unfit("models", account))
    assert all("accountExists is true, and the account 'models'" in one for one in told)
    assert [word for word in words if word not in " ".join(told)] == []
    assert bool(told) == bool(words)


@pytest.mark.parametrize(
    ("there", "has", "fits"),
    [
        ([], NOBODY, True),
        ([("others", 1)], NOBODY, True),
        ([("others", 2)], NOBODY, False),
        ([("mine", 1), ("others", 1)], NOBODY, True),
        # of a stack that was renamed since
        ([("former", 1), ("others", 1)], Own({"service": "former"}, frozenset(), frozenset()), True),
        # one that is declared no more holds its own until the end of the update
        ([("former", 1), ("others", 1)], Own({"cats-service": "former"}, frozenset(), frozenset()), False),
    ],
)
def test_the_fpgas_of_others_are_counted(there: list[tuple[str, int]], has: Own, fits: bool) -> None:
    services = [SimpleNamespace(name=name, fpgas=fpgas) for name, fpgas in there]
    told = list(existing.crowded("models", 2, services, {"service": "mine"}, has, 1))  # type: ignore[arg-type]
    assert (told == []) is fits
    assert all(
        "has a capacity of 2: this stack's services need 1, and others hold 2: " in one for one in told
    )


def test_each_replica_takes_one_of_the_fpgas_of_others() -> None:
    others = [SimpleNamespace(name="others", fpgas=2)]
    names = {"service": "mine"}
    assert list(existing.crowded("models", 5, others, names, NOBODY, 3)) == []  # type: ignore[arg-type]
    (told,) = existing.crowded("models", 4, others, names, NOBODY, 3)  # type: ignore[arg-type]
    assert "has a capacity of 4: this stack's services need 3, and others hold 2: others (2)." in told


def test_a_service_that_takes_over_is_known_by_the_name_of_before() -> None:
    listed = [{"name": "cats", "fqdn": "www.contoso.test"}, {"name": "dogs", "fqdn": "dogs.contoso.test"}]
    stack = read(services=json.dumps(listed), accountCapacity="2")
    flat = Own({"service": "service-1"}, frozenset(), frozenset())
    assert existing.service_names(stack, flat, "p", "dev").keys() == {"service", "dogs-service"}
    done = Own({"cats-service": "service-1"}, frozenset(), frozenset())
    assert existing.service_names(stack, done, "p", "dev").keys() == {"cats-service", "dogs-service"}


def test_what_is_the_stack_s_own_is_told_by_its_state() -> None:
    urn = "urn:pulumi:dev::fpga-web-service::x"
    record = {"fqdn": "www.contoso.test.", "type": "Microsoft.Network/dnszones/A"}
    listed: dict[str, dict[str, Any]] = {
        f"{urn}::service": {"type": catalogue.SERVICE.token, "outputs": {"name": "service-1"}},
        f"{urn}::storage": {"type": catalogue.STORAGE_ACCOUNT.token, "outputs": {"name": "fpga1"}},
        f"{urn}::record": {"type": catalogue.RECORD_SET.token, "outputs": record},
    }
    zone = f"{GROUPS}/dns/providers/Microsoft.Network/dnsZones/contoso.test"
    of_others = {
        f"{urn}::existing-zone": {
            "type": catalogue.EXISTING_RESOURCE.token,
            "outputs": {"resource_id": zone},
        }
    }
    assert own(listed | of_others, "another/zone") == Own(
        {"service": "service-1"}, frozenset({f"{zone}/A/www".lower()}), frozenset({"fpga1"})
    )
    made = {
        f"{urn}::dev": {
            "type": "pulumi:pulumi:Stack",
            "outputs": {"subscriptionId": ID, "resourceGroup": "own"},
        },
        f"{urn}::zone": {"type": catalogue.ZONE.token, "outputs": {"name": "contoso.test"}},
    }
    assert own(listed | made, "").records == {f"{zone}/A/www".replace("/dns/", "/own/").lower()}
    assert own(listed, zone).records == {f"{zone}/A/www".lower()}  # adopted
    assert own({}, zone) == NOBODY
