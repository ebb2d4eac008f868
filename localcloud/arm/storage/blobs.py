"""The blob service behind the storage accounts: which accounts it serves, and their containers.

Resource Manager's containers are the blob service's own: there is no second list of them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud.arm.storage.key_rows import all_keys
from localcloud.blob.azurite import Azurite, BlobStorageError
from localcloud.datafolder.store import Store
from localcloud.errors import CloudError
from localcloud.http.deadlines import Deadline, DeadlineAdapter

if TYPE_CHECKING:
    from azure.core.exceptions import AzureError
    from azure.storage.blob import BlobServiceClient, ContainerProperties

ANSWER_TIMEOUT_S = 7.0
"""How long the blob service may take for a request of Resource Manager, in seconds, all in all."""

_DEFINITE = (400, 409)
"""Statuses of the blob service that no repetition changes."""

# The library takes half a second to import: it is, where it is needed, or ahead of that by `warm_up`.


@dataclass(frozen=True)
class Container:
    """A container as the blob service has it.

    Attributes:
        public_access: `None`, `Blob` or `Container`, as Resource Manager writes it.
        modified_on: RFC 3339, UTC.
    """

    name: str
    etag: str
    modified_on: str
    public_access: str
    metadata: dict[str, str]


class Blobs:
    """The blob service as Resource Manager uses it.

    Args:
        azurite: serves the accounts; started by whoever made it, with the accounts of `accounts`.
        url: where it answers, `https://host:port`, as callers are told.
        ca: PEM file by which its certificate is trusted.
        address, port: where this machine itself finds it; None: the port of `url`.
    """

    def __init__(
        self, store: Store, azurite: Azurite, url: str, ca: Path, address: str, port: int | None = None
    ) -> None:
        self._store = store
        self._azurite = azurite
        self._address, self._port, self._ca = address, port, ca
        self._turn = threading.Lock()
        self.url = url

    def serve_accounts(self) -> None:
        """Has the blob service serve the accounts of the database: those that are new, not those that went.

        Raises:
            CloudError: 503 ServiceUnavailable: it does not take them now; it gets them as soon as it answers
                again, and the caller may try again.
        """
        with self._turn, self._store.read() as db:
            number = self._azurite.hand_over(all_keys(db))
        # Not in turn: callers that wait for a service that hangs wait at the same time.
        try:
            self._azurite.wait_until_taken(number, ANSWER_TIMEOUT_S)
        except BlobStorageError as error:
            raise _unavailable(str(error)) from None

    def holds(self, account: str) -> bool:
        """Whether the database has a storage account of that name."""
        query = "SELECT 1 FROM resources JOIN storage_keys ON account_id = id WHERE name = ?"
        with self._store.read() as db:
            return db.execute(query, (account,)).fetchone() is not None

    def endpoint(self, account: str) -> str:
        """An account's blob endpoint, with its final slash."""
        return f"{self.url}/{account}/"

    def containers(self, account: str, key: str) -> list[Container]:
        """An account's containers, by name."""
        with self._client(account, key) as client:
            found = [_container(item) for item in client.list_containers(include_metadata=True)]
        return sorted(found, key=lambda item: item.name)

    def container(self, account: str, key: str, name: str) -> Container | None:
        """The container of that name."""
        with self._client(account, key) as client:
            return _read(client, name)

    def create(self, account: str, key: str, name: str) -> bool:
        """Makes a container; returns False where it exists already."""
        from azure.core.exceptions import ResourceExistsError

        with self._client(account, key) as client:
            try:
                client.create_container(name)
            except ResourceExistsError:
                return False
            return True

    def change(
        self, account: str, key: str, name: str, public_access: str | None, metadata: dict[str, str] | None
    ) -> Container | None:
        """Sets who may read a container without signing in, and its metadata; None leaves one as it is.

        Returns:
            The container as it is then; None where there is none.
        """
        with self._client(account, key) as client:
            found = _read(client, name)
            if found is None:
                return None
            container = client.get_container_client(name)
            if public_access is not None and public_access != found.public_access:
                access = None if public_access == "None" else public_access.lower()
                container.set_container_access_policy({}, public_access=access)
            if metadata is not None and metadata != found.metadata:
                container.set_container_metadata(metadata)
            return _read(client, name)

    def delete(self, account: str, key: str, name: str) -> bool:
        """Deletes a container with its blobs; returns False where there is none."""
        from azure.core.exceptions import ResourceNotFoundError

        with self._client(account, key) as client:
            try:
                client.delete_container(name)
            except ResourceNotFoundError:
                return False
            return True

    @contextmanager
    def _client(self, account: str, key: str) -> Iterator[BlobServiceClient]:
        """A client whose requests, and all that the block does with it, end within `ANSWER_TIMEOUT_S`.

        Raises:
            CloudError: 400 or 409 with the blob service's own code: it refused, and will again; 503
                ServiceUnavailable: it did not answer in time, does not know the account yet, or failed.
        """
        from azure.core.exceptions import AzureError
        from azure.storage.blob import BlobServiceClient

        from surroundings.https import azure_transport

        with Deadline(ANSWER_TIMEOUT_S) as deadline:
            try:
                with BlobServiceClient(
                    self.endpoint(account).rstrip("/"),
                    # with its name: of a server's DNS name the library would take none from the path
                    credential={"account_name": account, "account_key": key},
                    transport=azure_transport(
                        str(self._ca), DeadlineAdapter(deadline, [self._address], self._port)
                    ),
                    retry_total=0,  # its caller tries again, if anybody does
                ) as client:
                    yield client
            except AzureError as error:
                if deadline.passed:
                    reason = f"did not answer within {ANSWER_TIMEOUT_S:g} s"
                else:
                    status = getattr(error, "status_code", None)
                    if status in _DEFINITE:
                        raise _refused(error) from error
                    reason = f"answered with {status}" if status else "cannot be reached"
                raise _unavailable(f"Blob storage {reason}: try again later.") from error


def _refused(error: AzureError) -> CloudError:
    """The blob service's refusal, in its own words."""
    reason = str(getattr(error, "reason", None) or "no reason given")
    code = getattr(error, "error_code", None)
    name = str(getattr(code, "value", code) or "InvalidRequest")
    return CloudError(getattr(error, "status_code", 400), name, f"Blob storage refused this: {reason}")


def _unavailable(message: str) -> CloudError:
    return CloudError(503, "ServiceUnavailable", message, headers={"Retry-After": "2"})


def warm_up() -> None:
    """Imports the library that speaks to the blob service, so that the first container need not wait."""
    import azure.storage.blob  # noqa: F401


def _read(client: BlobServiceClient, name: str) -> Container | None:
    from azure.core.exceptions import ResourceNotFoundError

    try:
        found = client.get_container_client(name).get_container_properties()
    except ResourceNotFoundError:
        return None
    return _container(found)


def _container(found: ContainerProperties) -> Container:
    access = found.public_access
    return Container(
        name=found.name,
        etag=found.etag.strip('"'),
        modified_on=found.last_modified.strftime("%Y-%m-%dT%H:%M:%S.0000000Z"),
        public_access={"container": "Container", "blob": "Blob"}.get(str(access or "").lower(), "None"),
        # an empty value is none at all in the XML of a list
        metadata={name: value or "" for name, value in (found.metadata or {}).items()},
    )
