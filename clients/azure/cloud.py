"""One cloud: where its parts are, how to sign in to it, and its Resource Manager.

Cloud discovery as the Azure SDKs do it: `GET https://HOST/metadata/endpoints?api-version=2022-09-01`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from clients.azure.assertion import Assertion
from clients.azure.errors import ClientError, ConnectionFailed, ServiceError, SignInFailed
from clients.azure.settings import AzureSettings
from clients.http import Answer, Peer, Pipeline

if TYPE_CHECKING:
    from azure.identity import ClientAssertionCredential, ClientSecretCredential

METADATA_API_VERSION = "2022-09-01"
# the code for an assertion that is not within its time
# https://learn.microsoft.com/entra/identity-platform/reference-error-codes
_OUT_OF_TIME: Final = "AADSTS700024"


@dataclass(frozen=True)
class Endpoints:
    """The addresses of a cloud: sign-in authority, Resource Manager (no final slash), token scope."""

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
        peer = _peer(settings)
        self._anonymous = Pipeline(verify=self.verify, peer=peer)
        self.pipeline = Pipeline(self.token, verify=self.verify, peer=peer)

    def told(self, action: str) -> str:
        """An action, for the start of a message: with the cloud that it is of, where there are two."""
        return _peer(self._settings).told(action)

    @cached_property
    def endpoints(self) -> Endpoints:
        """The addresses that discovery tells; asked once.

        Raises:
            ClientError: no answer, or one that does not name them.
        """
        asked = (
            _peer(self._settings).called
            or f"{self._settings.names.metadata_host} {self._settings.metadata_host}"
        )
        url = f"https://{self._settings.metadata_host}/metadata/endpoints"
        try:
            body = self._anonymous.send("GET", url, query={"api-version": METADATA_API_VERSION}).body
            found = Endpoints(
                authority=body["authentication"]["loginEndpoint"].rstrip("/"),
                resource_manager=body["resourceManager"].rstrip("/"),
                # an audience's own final slash stays: https://management.core.windows.net//.default
                scope=f"{body['authentication']['audiences'][0]}/.default",
            )
        except ConnectionFailed as error:
            raise ConnectionFailed(asked, error.reason, sent=False) from None
        except ServiceError as error:
            raise ClientError(f"{asked}: {error}") from None
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise ClientError(
                f"{asked}: what /metadata/endpoints answers lacks {error}; is this a Resource Manager?"
            ) from None
        for address in (found.authority, found.resource_manager):
            if not address.startswith("https://"):
                raise ClientError(f"{asked} names {address}, which is not https")
        return found

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
            action = self.told(f"signing in to {self.endpoints.authority}")
            first_line = str(error).strip().splitlines()[0]
            raise SignInFailed(f"{action}: {first_line} {self._remedy(first_line)}") from None

    def close(self) -> None:
        """Ends the connections that are kept open."""
        self._anonymous.close()
        self.pipeline.close()
        if "_credential" in vars(self):
            self._credential.close()

    def send(
        self,
        method: str,
        resource_id: str,
        api_version: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One call of Resource Manager. `resource_id` starts with a slash.

        Raises:
            ClientError: it refuses, or does not answer.
        """
        url = f"{self.endpoints.resource_manager}{resource_id}"
        query = {"api-version": api_version}
        return self.pipeline.send(method, url, query=query, body=body, headers=headers)

    def manage(
        self,
        method: str,
        resource_id: str,
        api_version: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any]:
        """The body of what `send` answers."""
        return self.send(method, resource_id, api_version, body, headers).body

    def _remedy(self, refusal: str) -> str:
        """The remedy of a sign-in that was refused with these words."""
        names = self._settings.names
        if _OUT_OF_TIME in refusal:
            return (
                "The token of the other issuer is too old, or one of the clocks is wrong: have a new one "
                "issued, and compare the time there with this machine's."
            )
        return f"Check {names.tenant_id}, {names.client_id} and {self._proof}."

    @property
    def _proof(self) -> str:
        if self._settings.federation is not None:
            return "the application's federated credential (issuer, subject, audience)"
        return self._settings.names.client_secret

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


def _peer(settings: AzureSettings) -> Peer:
    """The cloud, as the errors of requests call it."""
    names = settings.names
    remedies = {"SubscriptionNotFound": f"Check {names.subscription_id}.", "AuthorizationFailed": names.roles}
    called = f"{names.cloud} ({names.metadata_host} {settings.metadata_host})" if names.cloud else ""
    return Peer(called, names.roots, remedies)
