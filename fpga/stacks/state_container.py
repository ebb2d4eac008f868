"""The blob container of a state, as an `azblob://` URL and AZURE_STORAGE_* name it to the Pulumi CLI.

Source: gocloud.dev v0.46 `blob/azureblob`, which the CLI's backend is built on. The variables that it reads
are `VARIABLES`; the URL's `storage_account`, `domain`, `protocol` and `localemu` go before them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

from fpga.errors import CommandError

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

SCHEME: Final = "azblob"
PUBLIC_DOMAIN: Final = "blob.core.windows.net"
NOBODY: Final = "DefaultAzureCredential"
"""A word of the CLI's message, and of the SDK's, where there is no key and nobody is signed in."""
SIGN_IN: Final = "Nobody is signed in to the state: set ARM_CLIENT_SECRET, or use `az login` (docs/state.md)."
ACCOUNT_VARIABLE: Final = "AZURE_STORAGE_ACCOUNT"
KEY_VARIABLE: Final = "AZURE_STORAGE_KEY"
DOMAIN_VARIABLE: Final = "AZURE_STORAGE_DOMAIN"
SAS_VARIABLE: Final = "AZURE_STORAGE_SAS_TOKEN"
CONNECTION_VARIABLES: Final = ("AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGEBLOB_CONNECTIONSTRING")
VARIABLES: Final = (ACCOUNT_VARIABLE, KEY_VARIABLE, DOMAIN_VARIABLE, SAS_VARIABLE, *CONNECTION_VARIABLES)
_LOCAL: Final = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class StateContainer:
    """A container, and where in it the state is.

    Attributes:
        account: the storage account.
        name: the container.
        prefix: what the names of the state's blobs start with: empty, or ends with a slash.
        domain: host, and port, behind the account's name, if the URL says.
        protocol: https, or http.
        is_emulator: the account's name is the path's first part, not the host's.
    """

    account: str
    name: str
    prefix: str
    domain: str | None
    protocol: str
    is_emulator: bool

    @classmethod
    def parse(cls, url: str, environ: Mapping[str, str]) -> StateContainer | None:
        """The container that a URL names; None: the URL is of another kind of backend.

        Raises:
            CommandError: neither it nor the environment names the storage account.
        """
        parts = urlsplit(url)
        if parts.scheme != SCHEME:
            return None
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        account = query.get("storage_account") or environ.get(ACCOUNT_VARIABLE)
        if not account:
            raise CommandError(
                f"{url} names no storage account: write azblob://{parts.netloc}?storage_account=NAME"
            )
        prefix = parts.path.strip("/")
        return cls(
            account=account,
            name=parts.netloc,
            prefix=f"{prefix}/" if prefix else "",
            domain=query.get("domain"),
            protocol=query.get("protocol") or environ.get("AZURE_STORAGE_PROTOCOL") or "https",
            is_emulator=query.get("localemu", "").lower() in ("1", "t", "true"),
        )

    def endpoint(self, environ: Mapping[str, str]) -> str:
        """The account's blob service, without a final slash."""
        domain = self.domain or environ.get(DOMAIN_VARIABLE) or PUBLIC_DOMAIN
        if self.is_emulator or domain.startswith(_LOCAL):
            return f"{self.protocol}://{domain}/{self.account}"
        return f"{self.protocol}://{self.account}.{domain}"

    def client(self, environ: Mapping[str, str]) -> ContainerClient:
        """A client that signs in as the CLI does with these variables; whoever calls closes it."""
        from azure.storage.blob import ContainerClient

        from surroundings.https import azure_transport

        verify = environ.get("SSL_CERT_FILE") or True
        connection = next((environ[name] for name in CONNECTION_VARIABLES if environ.get(name)), None)
        key, sas = environ.get(KEY_VARIABLE), environ.get(SAS_VARIABLE)
        if connection and not key and not sas:
            return ContainerClient.from_connection_string(
                connection, self.name, transport=azure_transport(verify)
            )
        credential: object = {"account_name": self.account, "account_key": key} if key else sas
        if not credential:
            import logging

            from azure.identity import DefaultAzureCredential

            # all that it tried is in the error, and not three times in the log besides
            logging.getLogger("azure.identity").setLevel(logging.CRITICAL)
            credential = DefaultAzureCredential(transport=azure_transport(verify))
        return ContainerClient(
            self.endpoint(environ),
            self.name,
            credential=credential,  # type: ignore[arg-type]
            transport=azure_transport(verify),
            retry_total=2,
        )
