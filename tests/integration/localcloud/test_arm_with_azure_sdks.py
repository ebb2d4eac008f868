"""Microsoft's own Python SDKs against localcloud: the judges of whether it speaks Azure's language."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.mgmt.dns import DnsManagementClient
from azure.mgmt.dns.models import ARecord, RecordSet, TxtRecord, Zone
from azure.mgmt.resource.resources import ResourceManagementClient

from localcloud.server import Cloud
from tests.support.localcloud.arm_caller import AUDIENCE, ArmCaller

ACCOUNT_TYPE = "Microsoft.MachineLearningModelManagement/accounts"
ZONE = "contoso-sdk.com"


@pytest.fixture(scope="module")
def settings(cloud: Cloud) -> Iterator[dict[str, Any]]:
    status = cloud.status()
    with ClientSecretCredential(
        str(status.tenant),
        str(status.client_id),
        ArmCaller(cloud).secret,
        authority=status.https,
        disable_instance_discovery=True,
        connection_verify=str(status.ca),
    ) as credential:
        yield {
            "credential": credential,
            "subscription_id": status.subscription,
            "base_url": status.https,
            "credential_scopes": [f"{AUDIENCE}/.default"],
            "connection_verify": str(status.ca),
        }


@pytest.fixture(scope="module")
def resources(settings: dict[str, Any]) -> Iterator[ResourceManagementClient]:
    with ResourceManagementClient(**settings) as client:
        yield client


@pytest.fixture(scope="module")
def dns(settings: dict[str, Any]) -> Iterator[DnsManagementClient]:
    with DnsManagementClient(**settings) as client:
        yield client


@pytest.fixture
def group_name(group: str) -> str:
    return group.rpartition("/")[2]


def test_group_is_made_listed_and_deleted(resources: ResourceManagementClient) -> None:
    name = f"sdk-{uuid.uuid4().hex[:8]}"
    assert not resources.resource_groups.check_existence(name)
    made = resources.resource_groups.create_or_update(name, {"location": "East US 2", "tags": {"a": "b"}})
    assert (made.name, made.location, made.tags) == (name, "eastus2", {"a": "b"})
    assert resources.resource_groups.check_existence(name)
    assert name in [group.name for group in resources.resource_groups.list()]
    found = resources.resource_groups.list(filter="tagName eq 'a' and tagValue eq 'b'")
    assert [group.name for group in found] == [name]
    changed = resources.resource_groups.update(name, {"tags": {"c": "d"}})
    assert changed.tags == {"c": "d"}
    resources.resource_groups.begin_delete(name).result()
    assert not resources.resource_groups.check_existence(name)
    with pytest.raises(ResourceNotFoundError, match="ResourceGroupNotFound"):
        resources.resource_groups.begin_delete(name).result()


def test_accounts_are_listed_as_generic_resources(
    resources: ResourceManagementClient, group_name: str
) -> None:
    parts = ("Microsoft.MachineLearningModelManagement", "", "accounts", "sdkaccount")
    body = {
        "location": "eastus2",
        "tags": {"team": "fpga"},
        "sku": {"name": "S1", "capacity": 3},
        "properties": {"description": "of the SDK"},
    }
    version = "2017-09-01-preview"
    poller = resources.resources.begin_create_or_update(
        group_name, *parts, api_version=version, parameters=body
    )
    made = poller.result()
    assert made.id is not None
    assert (made.name, made.type, made.location) == ("sdkaccount", ACCOUNT_TYPE, "eastus2")
    assert made.sku is not None
    assert (made.sku.name, made.sku.capacity) == ("S1", 3)
    for listed in (
        resources.resources.list(filter=f"resourceType eq '{ACCOUNT_TYPE}'"),
        resources.resources.list_by_resource_group(group_name, filter="tagName eq 'team'", top=1),
    ):
        assert made.id in [item.id for item in listed]
    assert resources.resources.check_existence(group_name, *parts, api_version=version)
    found = resources.resources.get_by_id(made.id, api_version=version)
    assert (found.properties or {})["description"] == "of the SDK"
    resources.resources.begin_delete_by_id(made.id, api_version=version).result()
    assert not resources.resources.check_existence(group_name, *parts, api_version=version)


def test_lists_go_on_over_pages(resources: ResourceManagementClient, arm: ArmCaller, group: str) -> None:
    names = [f"account{number}" for number in range(5)]
    for name in names:
        body = {"location": "eastus2", "sku": {"name": "S1"}}
        assert arm("PUT", f"{group}/providers/{ACCOUNT_TYPE}/{name}", body).status_code == 201
    pages = resources.resources.list_by_resource_group(
        group.rpartition("/")[2], top=2, filter=f"resourceType eq '{ACCOUNT_TYPE}'"
    ).by_page()
    assert [[item.name for item in page] for page in pages] == [names[:2], names[2:4], names[4:]]


def test_providers_are_registered(resources: ResourceManagementClient) -> None:
    assert resources.providers.get("Microsoft.Network").registration_state == "Registered"
    assert resources.providers.register("microsoft.storage").namespace == "Microsoft.Storage"
    listed = [provider.namespace for provider in resources.providers.list()]
    assert "Microsoft.MachineLearningModelManagement" in listed


def test_zones_and_records_are_written_and_read(dns: DnsManagementClient, group_name: str) -> None:
    zone = dns.zones.create_or_update(group_name, ZONE, Zone(location="global", tags={"a": "b"}))
    assert zone.name_servers == ["ns1-01.azure-dns.localhost.", "ns2-01.azure-dns.localhost."]
    assert zone.number_of_record_sets == 2
    assert [item.name for item in dns.zones.list_by_resource_group(group_name)] == [ZONE]

    record = RecordSet(ttl=60, a_records=[ARecord(ipv4_address="203.0.113.7")])
    made = dns.record_sets.create_or_update(group_name, ZONE, "www", "A", record, if_none_match="*")
    assert (made.fqdn, made.ttl) == (f"www.{ZONE}.", 60)
    assert made.a_records is not None
    assert made.a_records[0].ipv4_address == "203.0.113.7"
    with pytest.raises(HttpResponseError, match="PreconditionFailed"):
        dns.record_sets.create_or_update(group_name, ZONE, "www", "A", record, if_none_match="*")

    texts = RecordSet(ttl=30, txt_records=[TxtRecord(value=["one", "two"])])
    dns.record_sets.create_or_update(group_name, ZONE, "_acme-challenge.www", "TXT", texts)
    found = dns.record_sets.get(group_name, ZONE, "_acme-challenge.www", "TXT")
    assert found.txt_records is not None
    assert found.txt_records[0].value == ["one", "two"]
    every = {(item.type, item.name) for item in dns.record_sets.list_by_dns_zone(group_name, ZONE)}
    prefix = "Microsoft.Network/dnsZones"
    assert every == {
        (f"{prefix}/A", "www"),
        (f"{prefix}/TXT", "_acme-challenge.www"),
        (f"{prefix}/NS", "@"),
        (f"{prefix}/SOA", "@"),
    }
    addresses = dns.record_sets.list_by_type(group_name, ZONE, "A")
    assert [item.name for item in addresses] == ["www"]

    with pytest.raises(HttpResponseError, match="PreconditionFailed"):
        dns.record_sets.delete(group_name, ZONE, "www", "A", if_match="stale")
    dns.record_sets.delete(group_name, ZONE, "www", "A", if_match=made.etag)
    with pytest.raises(ResourceNotFoundError):
        dns.record_sets.get(group_name, ZONE, "www", "A")
    dns.zones.begin_delete(group_name, ZONE).result()
    assert list(dns.zones.list_by_resource_group(group_name)) == []
