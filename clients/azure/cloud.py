"""One cloud: where its parts are, how to sign in to it, and its Resource Manager.

Cloud discovery as the Azure SDKs do it: `GET https://HOST/metadata/endpoints?api-version=2022-09-01`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from clients.azure.assertion import Assertion
from clients.azure.errors import ClientError, SignInFailed
from clients.azure.settings import AzureSettings
from clients.http import Pipeline

if TYPE_CHECKING:
    from azure.identity import ClientAssertionCredential, ClientSecretCredential

METADATA_API_VERSION = "2022-09-01"


@dataclass(frozen=True)
class Endpoints:
    """What discovery tells: sign-in authority, Resource Manager (no final slash), token scope."""

    authority: str
    resource_manager: str
    scope: str


class Cloud:
    """A cloud as one principal sees it; may be shared by threads.

    Args:
        settings: the host that discovery asks, and who signs in.
        ca_file: the PEM file with the roots to trust; by default SSL_CERT_FILE, then the system's.
    """

    def __init__(self, settings: AzureSettings, *, ca_file: str | None = None) -> None:
        self._settings = settings
        self.verify: str | bool = ca_file or os.environ.get("SSL_CERT_FILE") or True
        self._lock = threading.RLock()
        self._anonymous = Pipeline(verify=self.verify)
        self.pipeline = Pipeline(self.token, verify=self.verify)

    @cached_property
    def endpoints(self) -> Endpoints:
        """Asked once.

        Raises:
            ClientError: no answer, or one that does not name the endpoints.
        """
        url = f"https://{self._settings.metadata_host}/metadata/endpoints"
        body = self._anonymous.send("GET", url, query={"api-version": METADATA_API_VERSION}).body
        try:
            return Endpoints(
                authority=body["authentication"]["loginEndpoint"].rstrip("/"),
                resource_manager=body["resourceManager"].rstrip("/"),
                scope=f"{body['authentication']['audiences'][0]}/.default",
            )
        except (KeyError, IndexError, TypeError) as error:
            raise ClientError(
                f"azure-native:metadataHost {self._settings.metadata_host}: what /metadata/endpoints answers "
                f"lacks {error}; is this a Resource Manager?"
            ) from None

    def token(self) -> str:
        """A bearer token; kept until shortly before it expires.

        Raises:
            SignInFailed: the authority refused.
        """
        from azure.core.exceptions import AzureError

        try:
            with self._lock:
                return self._credential.get_token(self.endpoints.scope).token
        except AzureError as error:
            first_line = str(error).strip().splitlines()[0]
            raise SignInFailed(
                f"signing in to {self.endpoints.authority}: {first_line} "
                f"Check azure-native:tenantId, azure-native:clientId and {self._proof}."
            ) from None

    def close(self) -> None:
        """Ends the connections that are kept open."""
        self._anonymous.close()
        self.pipeline.close()
        if "_credential" in vars(self):
            self._credential.close()

    def manage(
        self,
        method: str,
        resource_id: str,
        api_version: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any]:
        """One call of Resource Manager. `resource_id` starts with a slash."""
        url = f"{self.endpoints.resource_manager}{resource_id}"
        query = {"api-version": api_version}
        return self.pipeline.send(method, url, query=query, body=body, headers=headers).body

    @property
    def _proof(self) -> str:
        if self._settings.federation is not None:
            return "the application's federated credential (issuer, subject, audience)"
        return "azure-native:clientSecret"

    @cached_property
    def _credential(self) -> ClientSecretCredential | ClientAssertionCredential:
        import logging

        from azure.identity import ClientAssertionCredential, ClientSecretCredential

        from surroundings.https import azure_transport

        # a refusal becomes an error, which says it once
        logging.getLogger("azure.identity").setLevel(logging.CRITICAL)
        if self._settings.federation is not None:
            return ClientAssertionCredential(
                self._settings.tenant_id,
                self._settings.client_id,
                Assertion(self._settings.federation, self.verify),
                authority=self.endpoints.authority,
                transport=azure_transport(self.verify),
            )
        return ClientSecretCredential(
            self._settings.tenant_id,
            self._settings.client_id,
            self._settings.client_secret,
            authority=self.endpoints.authority,
            disable_instance_discovery=self._settings.disable_instance_discovery,
            transport=azure_transport(self.verify),
        )
