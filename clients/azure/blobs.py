"""The upload of a model package to blob storage, and an address from which the service can fetch it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from clients.azure.cloud import Cloud
from clients.azure.errors import ClientError, redact

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

STORAGE_API_VERSION: Final = "2024-01-01"
# the service fetches at once, in two minutes at most, and is asked a few times where it is busy
SAS_LIFETIME: Final = dt.timedelta(minutes=20)
# two clocks seldom agree: the signature holds from a little before now, and ends that much later
CLOCK_SKEW: Final = dt.timedelta(minutes=15)


class Blobs:
    """One container of one storage account.

    Args:
        storage_account_id: the account's resource ID; its key is asked for and kept in memory alone.
    """

    def __init__(self, cloud: Cloud, storage_account_id: str, container: str) -> None:
        account = cloud.manage("GET", storage_account_id, STORAGE_API_VERSION)
        listed = cloud.manage("POST", f"{storage_account_id}/listKeys", STORAGE_API_VERSION)
        self._account_name = str(account["name"])
        self._url = str(account["properties"]["primaryEndpoints"]["blob"])
        self._key = str(listed["keys"][0]["value"])
        self._container = container
        self._cloud = cloud

    def upload(self, name: str, content: bytes) -> str:
        """Uploads a blob, over what bears its name, and returns a URL that reads it for `SAS_LIFETIME`.

        Raises:
            ClientError: the storage refused, or did not answer.
        """
        from azure.core.exceptions import AzureError
        from azure.storage.blob import BlobSasPermissions, generate_blob_sas

        try:
            with self._client() as client:
                blob = client.get_blob_client(self._container, name)
                blob.upload_blob(content, overwrite=True)
                url = blob.url
        except AzureError as error:
            action = self._cloud.told(f"uploading {name} to {self._url}")
            raise ClientError(f"{action}: {_first_line(error)}") from None
        now = dt.datetime.now(dt.UTC)
        signature = generate_blob_sas(
            self._account_name,
            self._container,
            name,
            account_key=self._key,
            permission=BlobSasPermissions(read=True),
            start=now - CLOCK_SKEW,
            expiry=now + SAS_LIFETIME,
            protocol="https",
        )
        return f"{url}?{signature}"

    @property
    def host(self) -> str:
        """Host and port of the account's blobs; of HTTPS' own port, the host alone."""
        return urlsplit(self._url).netloc

    def delete(self, name: str) -> None:
        """Deletes a blob, if it is there."""
        from azure.core.exceptions import AzureError, ResourceNotFoundError

        try:
            with self._client() as client:
                client.get_blob_client(self._container, name).delete_blob()
        except ResourceNotFoundError:
            return
        except AzureError as error:
            action = self._cloud.told(f"deleting {name} from {self._url}")
            raise ClientError(f"{action}: {_first_line(error)}") from None

    def _client(self) -> BlobServiceClient:
        from azure.storage.blob import BlobServiceClient

        from surroundings.https import azure_transport

        return BlobServiceClient(
            self._url,
            credential={"account_name": self._account_name, "account_key": self._key},
            transport=azure_transport(self._cloud.verify),
        )


def _first_line(error: Exception) -> str:
    return redact(str(error).strip().splitlines()[0])
