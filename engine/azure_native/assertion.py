"""The token of another issuer with which the plugin signs in, in a client secret's place (useOidc)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from engine.azure_native.config import Configuration, ConfigurationError

if TYPE_CHECKING:
    import requests

_TIMEOUT_S: Final = (10.0, 60.0)


class Assertion:
    """Gives a token whenever one is needed: in the official plugin's order, and from the same places."""

    def __init__(self, configuration: Configuration, session: requests.Session) -> None:
        self._configuration = configuration
        self._session = session

    def __call__(self) -> str:
        """A token.

        Raises:
            ConfigurationError: none is set, or it cannot be had.
        """
        given = self._configuration
        if given.oidc_token:
            return given.oidc_token
        if given.oidc_token_file_path:
            return _of_file(given.oidc_token_file_path)
        if given.oidc_request_url and given.oidc_request_token:
            return self._asked_for(given.oidc_request_url, given.oidc_request_token)
        raise ConfigurationError(
            "azure-native:useOidc is true, and there is no token to sign in with: a job of GitHub Actions "
            "needs `permissions: id-token: write`; elsewhere set ARM_OIDC_TOKEN_FILE_PATH or ARM_OIDC_TOKEN"
        )

    def _asked_for(self, url: str, token: str) -> str:
        """Source: https://docs.github.com/actions/reference/security/oidc."""
        import requests

        parts = urlsplit(url)
        shown = f"{parts.scheme}://{parts.netloc}{parts.path}"
        try:
            answer = self._session.get(
                url,
                verify=self._session.verify,  # else REQUESTS_CA_BUNDLE would win
                params={"audience": self._configuration.oidc_audience},
                headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
                timeout=_TIMEOUT_S,
                allow_redirects=False,
            )
            value = answer.json().get("value") if answer.status_code < 300 else None
        except (requests.RequestException, ValueError, AttributeError) as error:
            raise ConfigurationError(f"GET {shown} gave no token ({type(error).__name__})") from None
        if not isinstance(value, str) or not value:
            raise ConfigurationError(f"GET {shown} gave no token (HTTP {answer.status_code})")
        return value


def _of_file(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise ConfigurationError(f"ARM_OIDC_TOKEN_FILE_PATH {path}: {reason}") from None
