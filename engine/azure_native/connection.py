"""A connection to one cloud: which addresses it has, requests over TLS, and the token of who signs in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from engine.azure_native.assertion import Assertion
from engine.azure_native.config import CLOUDS, Cloud, Configuration, ConfigurationError
from engine.azure_native.errors import ConnectionFailed

if TYPE_CHECKING:
    import requests
    from azure.core.credentials import TokenCredential

_METADATA_API_VERSION: Final = "2022-09-01"
_REQUEST_TIMEOUT_S: Final = 60.0


class Connection:
    """Asks the cloud for its addresses where the configuration does not tell them; signs in when a token is
    needed. Safe to use from many threads.

    Attributes:
        cloud: its addresses.

    Raises:
        ConfigurationError: the configuration names no cloud, or a setting that signs in is missing.
        ConnectionFailed: the cloud does not answer.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._session = _session(configuration.ca_file)
        self.cloud = self._discovered()
        self._credential = self._signing_in()

    def token(self) -> str:
        """A token for Resource Manager, from the cache while it is valid.

        Raises:
            ConfigurationError: the token of another issuer that signs in cannot be had.
            ConnectionFailed: the sign-in failed.
        """
        from azure.core.exceptions import AzureError

        # The audience's own final slash stays: "https://management.core.windows.net//.default".
        try:
            return self._credential.get_token(f"{self.cloud.audience}/.default").token
        except AzureError as error:
            raise ConnectionFailed(
                f"signing in at {self.cloud.login_endpoint} failed: {error.message}"
            ) from None

    def send(self, method: str, url: str, *, what: str, **options: Any) -> requests.Response:
        """One request, repeated where that is safe.

        Args:
            what: who is called, as errors name it.
            options: of `requests.Session.request`.

        Raises:
            ConnectionFailed: no answer came.
        """
        import requests

        try:
            return self._session.request(
                method,
                url,
                timeout=_REQUEST_TIMEOUT_S,
                allow_redirects=False,
                # at the request, for a session's own setting loses against REQUESTS_CA_BUNDLE
                verify=self._session.verify,
                **options,
            )
        except requests.RequestException as error:
            raise ConnectionFailed(_unreachable(what, error)) from None

    def _discovered(self) -> Cloud:
        host = self._configuration.metadata_host
        if host is None:
            known = CLOUDS.get(self._configuration.environment)
            if known is None:
                raise ConfigurationError(
                    f"azure-native:environment is '{self._configuration.environment}': "
                    f"it must be one of {', '.join(CLOUDS)}; for another cloud set azure-native:metadataHost"
                )
            return known
        url = f"https://{host}/metadata/endpoints?api-version={_METADATA_API_VERSION}"
        response = self.send("GET", url, what=f"azure-native:metadataHost {host}")
        document = json_of(response)
        try:
            authentication = document["authentication"]
            found = Cloud(
                str(authentication["loginEndpoint"]),
                str(authentication["audiences"][0]),
                str(document["resourceManager"]),
            )
        except (KeyError, IndexError, TypeError):
            raise ConfigurationError(
                f"azure-native:metadataHost {host} does not answer as a cloud does "
                f"(GET {url}: {response.status_code}); it must be host:port of a cloud's metadata endpoint"
            ) from None
        for address in (found.login_endpoint, found.resource_manager):
            if urlsplit(address).scheme != "https":
                raise ConfigurationError(
                    f"azure-native:metadataHost {host} names {address}, which is not https"
                )
        return found

    def _signing_in(self) -> TokenCredential:
        from azure.identity import ClientAssertionCredential, ClientSecretCredential

        from surroundings.https import azure_transport

        if self._configuration.use_oidc and not self._configuration.client_secret:
            return ClientAssertionCredential(
                self._configuration.require("tenantId"),
                self._configuration.require("clientId"),
                Assertion(self._configuration, self._session),
                authority=self.cloud.login_endpoint,
                transport=azure_transport(self._configuration.ca_file or True),
            )
        return ClientSecretCredential(
            self._configuration.require("tenantId"),
            self._configuration.require("clientId"),
            self._configuration.require("clientSecret"),
            authority=self.cloud.login_endpoint,
            disable_instance_discovery=self._configuration.disable_instance_discovery,
            transport=azure_transport(self._configuration.ca_file or True),
        )


def json_of(response: requests.Response) -> dict[str, Any]:
    """The answer's JSON object; {} where it is none."""
    import requests

    try:
        document = response.json() if response.content else {}
    except requests.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def _session(ca_file: str | None) -> requests.Session:
    from urllib3.util import Retry

    from surroundings import https

    # GET, PUT and DELETE of ARM may be sent again; a refusal that is meant is none of these statuses.
    retry = Retry(
        total=5,
        connect=2,
        other=0,  # a certificate that is not trusted now will not be in a second
        backoff_factor=0.2,
        status_forcelist=(408, 429, 500, 502, 503, 504),
        allowed_methods={"GET", "PUT", "DELETE"},
        raise_on_status=False,
    )
    session = https.session(https.Adapter(max_retries=retry, pool_maxsize=16))
    session.headers["User-Agent"] = "pulumi-resource-azure-native stand-in"
    if ca_file:
        session.verify = ca_file
    return session


def _unreachable(what: str, error: Exception) -> str:
    import requests

    text = str(error)
    if isinstance(error, requests.exceptions.SSLError):
        return (
            f"the TLS certificate of {what} is not trusted ({_reason(text)}): "
            "SSL_CERT_FILE must name a PEM file that holds its root"
        )
    if isinstance(error, requests.Timeout):
        return f"{what} did not answer within {_REQUEST_TIMEOUT_S:.0f} s"
    if "refused" in text:
        return f"nothing listens at {what}"
    return f"{what} cannot be reached: {_reason(text)}"


def _reason(text: str) -> str:
    """The innermost cause in requests' nested texts."""
    return text.rpartition("(Caused by ")[2].rstrip(")") or text
