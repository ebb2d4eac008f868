"""A service with SSL and its record, made with the clients alone, in a localcloud."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from certs.bundle import Bundle
from certs.sources.self_signed import Authority, issue, new_authority
from clients.azure.blobs import Blobs
from clients.azure.cloud import Cloud
from clients.azure.model_management import ModelManagement, Service, ServiceRequest, Tls
from clients.azure.settings import AzureSettings
from clients.azure.takeover import ensure_model, ensure_service
from fpga.cloud import connection
from infra.inputs import model_package
from infra.proof.endpoint import Declared
from localcloud.server import Cloud as Server

GROUP, ACCOUNT, STORAGE, ZONE = "clients", "models", "clientsstorage", "clients.test"
FQDN = f"www.{ZONE}"
NOW = dt.datetime.now(dt.UTC)


def settings_of(server: Server) -> AzureSettings:
    return connection.azure_settings(server.status())


@dataclass(frozen=True)
class Deployed:
    """A service with SSL, its record, and what it takes to change it."""

    client: Cloud
    management: ModelManagement
    request: ServiceRequest
    service: Service
    declared: Declared
    record_id: str
    storage_id: str

    def point_record_to(self, address: str) -> None:
        body = {"properties": {"TTL": 60, "ARecords": [{"ipv4Address": address}]}}
        self.client.manage("PUT", self.record_id, "2018-05-01", body)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return new_authority("Clients' tests", NOW)


@pytest.fixture(scope="module")
def bundle(authority: Authority) -> Bundle:
    return issue(authority, [FQDN], NOW)


@pytest.fixture(scope="module")
def deployed(cloud: Server, authority: Authority, bundle: Bundle) -> Iterator[Deployed]:
    """What the program declares, made by hand."""
    client = Cloud(settings_of(cloud), ca_file=str(cloud.status().ca))
    subscription = f"/subscriptions/{cloud.status().subscription}"
    group = f"{subscription}/resourceGroups/{GROUP}"
    providers = f"{group}/providers"
    for namespace in ("Microsoft.MachineLearningModelManagement", "Microsoft.Network", "Microsoft.Storage"):
        client.manage("POST", f"{subscription}/providers/{namespace}/register", "2021-04-01")
    client.manage("PUT", group, "2021-04-01", {"location": "eastus2"})
    account_id = f"{providers}/Microsoft.MachineLearningModelManagement/accounts/{ACCOUNT}"
    account = {"location": "eastus2", "sku": {"name": "S1", "capacity": 1}, "properties": {}}
    client.manage("PUT", account_id, "2017-09-01-preview", account)
    storage_id = f"{providers}/Microsoft.Storage/storageAccounts/{STORAGE}"
    storage = {"location": "eastus2", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}, "properties": {}}
    client.manage("PUT", storage_id, "2024-01-01", storage)
    container = f"{storage_id}/blobServices/default/containers/models"
    client.manage("PUT", container, "2024-01-01", {"properties": {}})
    zone_id = f"{providers}/Microsoft.Network/dnsZones/{ZONE}"
    client.manage("PUT", zone_id, "2018-05-01", {"location": "global"})

    management = ModelManagement(client, account_id)
    package = model_package.read(cloud.settings.featurizers.parent / "package").archive()
    blobs = Blobs(client, storage_id, "models")
    model = ensure_model(management, "model-1", lambda: blobs.upload("model-1.zip", package))
    request = ServiceRequest("clients-service", model.id, Tls(bundle.certificate_pem, bundle.key_pem))
    service = ensure_service(management, request, adopt=False)
    keys = management.keys(service.id)
    assert keys is not None
    declared = Declared(
        fqdn=FQDN,
        name_servers=(connection.settings(cloud.status())[connection.NAME_SERVERS],),
        ip=service.address,
        port=service.port,
        fingerprint=bundle.fingerprint_sha256,
        roots=authority.certificate_pem,
        keys=(keys.primary, keys.secondary),
    )
    made = Deployed(client, management, request, service, declared, f"{zone_id}/A/www", storage_id)
    made.point_record_to(service.address)
    yield made
    client.manage("DELETE", group, "2021-04-01")
    client.close()
