"""The real Azurite as the backend of the real CLI: a storage account of its own, reached over TLS."""

from __future__ import annotations

import base64
import secrets
import socket
from dataclasses import dataclass, field
from pathlib import Path

from azure.storage.blob import BlobServiceClient

from engine import azurite as azurite_install
from engine.report import ConsoleReport
from localcloud.blob.azurite import Azurite
from localcloud.certificate.source import OwnSource
from localcloud.settings import CA_CERTIFICATE

ACCOUNT = "contosofpgatest"
CONTAINER = "pulumi-state"


@dataclass
class BlobBackend:
    """A blob service with one account and one container, for the states of any number of projects.

    Attributes:
        port: where it listens on 127.0.0.1.
        ca: PEM file of the authority of its certificate.
        key: the account's key.
    """

    service: Azurite
    port: int
    ca: Path
    key: str = field(repr=False)

    def environment(self, prefix: str, port: int | None = None) -> dict[str, str]:
        """The variables by which the CLI signs in.

        Args:
            prefix: what the names of the state's blobs start with: each project has one of its own.
            port: of what stands in front of the service.
        """
        at = f"storage_account={ACCOUNT}&domain=127.0.0.1:{port or self.port}"
        return {
            "PULUMI_BACKEND_URL": f"azblob://{CONTAINER}/{prefix}?{at}",
            "AZURE_STORAGE_ACCOUNT": ACCOUNT,
            "AZURE_STORAGE_KEY": self.key,
            "SSL_CERT_FILE": str(self.ca),
        }

    def client(self) -> BlobServiceClient:
        return BlobServiceClient(
            f"https://127.0.0.1:{self.port}/{ACCOUNT}", credential=self.key, connection_verify=str(self.ca)
        )

    def blobs(self) -> dict[str, bytes]:
        """Everything that is stored, by name."""
        with self.client() as client:
            container = client.get_container_client(CONTAINER)
            return {name: container.download_blob(name).readall() for name in container.list_blob_names()}


def start(folder: Path) -> BlobBackend:
    """Starts the service in a folder; whoever calls stops `service`."""
    folder.mkdir(mode=0o700)
    parts = azurite_install.ensure(ConsoleReport())
    pair = OwnSource(folder, "127.0.0.1", None).current()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    service = Azurite(
        data=folder / "blobs",
        host="127.0.0.1",
        port=port,
        node=parts.node,
        package=parts.package,
        pair=pair,
    )
    key = base64.b64encode(secrets.token_bytes(64)).decode()
    service.set_accounts({ACCOUNT: (key, key)})
    service.start()
    backend = BlobBackend(service, port, folder / CA_CERTIFICATE, key)
    with backend.client() as client:
        client.create_container(CONTAINER)
    return backend
