"""Type tokens of the graph's resources, as the engine names them."""

from __future__ import annotations

from typing import Final

RESOURCE_GROUP: Final = "azure-native:resources:ResourceGroup"
GENERIC_RESOURCE: Final = "azure-native:resources:Resource"
STORAGE_ACCOUNT: Final = "azure-native:storage:StorageAccount"
BLOB_CONTAINER: Final = "azure-native:storage:BlobContainer"
ZONE: Final = "azure-native:dns:Zone"
RECORD_SET: Final = "azure-native:dns:RecordSet"

_DYNAMIC: Final = "pulumi-python:dynamic/fpga:"
SERVICE: Final = f"{_DYNAMIC}Service"
ENDPOINT: Final = f"{_DYNAMIC}Endpoint"
KEYS: Final = f"{_DYNAMIC}Keys"
ENDPOINT_CHECK: Final = f"{_DYNAMIC}EndpointCheck"
DEVELOPMENT_CA: Final = f"{_DYNAMIC}DevelopmentCa"
CERTIFICATE: Final = f"{_DYNAMIC}Certificate"
ACME_ACCOUNT: Final = f"{_DYNAMIC}AcmeAccount"
ACME_CERTIFICATE: Final = f"{_DYNAMIC}AcmeCertificate"
