"""The token of another issuer with which a client signs in, in a secret's place."""

from __future__ import annotations

from pathlib import Path

from clients.azure.errors import SignInFailed
from clients.azure.settings import Federation
from clients.http import Pipeline


class Assertion:
    """Gives a token whenever one is needed: GitHub's live for minutes, so none is kept.

    Args:
        verify: the PEM file with the roots to trust; True: the system's.
    """

    def __init__(self, federation: Federation, verify: str | bool) -> None:
        self._federation = federation
        self._verify = verify

    def __call__(self) -> str:
        """A token.

        Raises:
            ClientError: it cannot be had.
        """
        if self._federation.token:
            return self._federation.token
        if self._federation.token_file:
            return self._of_file()
        return self._asked_for()

    def _of_file(self) -> str:
        try:
            return Path(self._federation.token_file).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise SignInFailed(f"ARM_OIDC_TOKEN_FILE_PATH {self._federation.token_file}: {reason}") from None

    def _asked_for(self) -> str:
        """Source: https://docs.github.com/actions/reference/security/oidc, "Methods for requesting the OIDC
        token".
        """
        pipeline = Pipeline(lambda: self._federation.request_token, verify=self._verify)
        try:
            answer = pipeline.send(
                "GET", self._federation.request_url, query={"audience": self._federation.audience}
            )
        finally:
            pipeline.close()
        token = answer.body.get("value")
        if not isinstance(token, str) or not token:
            raise SignInFailed("ACTIONS_ID_TOKEN_REQUEST_URL: the answer holds no token")
        return token
