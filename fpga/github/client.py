"""GitHub's REST API (version 2022-11-28): one repository, one token, retries, pages.

Source: https://docs.github.com/en/rest, "Best practices for using the REST API" on rate limits.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from urllib3.response import BaseHTTPResponse

from clients.http import Patience
from fpga.errors import CommandError
from fpga.github.errors import GithubError
from surroundings import json_text
from surroundings.https import Adapter, session

API_VERSION: Final = "2022-11-28"
CONNECT_TIMEOUT_S: Final = 10.0
READ_TIMEOUT_S: Final = 60.0
LONGEST_PAUSE_S: Final = 120.0
PAGE: Final = 100
_REPOSITORY: Final = re.compile(r"[A-Za-z0-9-]+/(?!\.{1,2}$)[A-Za-z0-9._-]+")
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True)
class Access:
    """A repository, and the token to ask with.

    Attributes:
        url: base URL of the API, without a final slash.
        repository: `owner/name`.
        token: never shown.
    """

    url: str
    repository: str
    token: str = field(repr=False)

    @classmethod
    def read(cls, repository: str | None, environ: Mapping[str, str] = os.environ) -> Access:
        """From GITHUB_API_URL, GITHUB_TOKEN and GITHUB_REPOSITORY, as GitHub Actions sets them.

        Args:
            repository: takes the place of GITHUB_REPOSITORY.

        Raises:
            CommandError: one is missing, or cannot be used.
        """
        named = repository or environ.get("GITHUB_REPOSITORY", "")
        if not _REPOSITORY.fullmatch(named):
            said = f"'{named}' is not OWNER/NAME" if named else "no repository is named"
            raise CommandError(f"{said}: give --repository OWNER/NAME, or set GITHUB_REPOSITORY.")
        token = environ.get("GITHUB_TOKEN", "").strip()
        if not token:
            raise CommandError(
                "GITHUB_TOKEN is not set. In a workflow: `env: GITHUB_TOKEN: ${{ github.token }}`; on a "
                "laptop: a fine-grained personal access token for this repository."
            )
        if not token.isascii() or not token.isprintable():
            raise CommandError("GITHUB_TOKEN is not a token: it holds characters that no header takes.")
        url = environ.get("GITHUB_API_URL", "").rstrip("/") or "https://api.github.com"
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise CommandError(
                f"GITHUB_API_URL is {url}: a token is sent over https alone, such as https://api.github.com."
            )
        return cls(url, named, token)


class Github:
    """Calls about one repository. A context manager, which ends its connections.

    Args:
        note: is told when a pause that GitHub asks for is made.
    """

    def __init__(self, access: Access, note: Callable[[str], None] | None = None) -> None:
        self.repository = access.repository
        self._url = access.url
        adapter = Adapter(max_retries=_Patience(note=note or _to_stderr))
        self._session = session(adapter)
        # an auth of the session's own: a .netrc entry would take the place of a header
        self._session.auth = _Bearer(access.token)
        self._session.headers.update(
            {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": API_VERSION}
        )
        self._session.mount("http://", adapter)

    def __enter__(self) -> Github:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def ask(self, path: str, needs: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """GET of one object. `path` starts at the repository; `needs`: the permission, `pull-requests: read`.

        Raises:
            GithubError: no answer, or a refusal.
        """
        return _object(self._send("GET", self._at(path), needs, query))

    def change(self, method: str, path: str, needs: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST or PATCH; the object as it is now.

        Raises:
            GithubError: no answer, or a refusal.
        """
        return _object(self._send(method, self._at(path), needs, None, body))

    def pages(
        self, path: str, needs: str, query: Mapping[str, str] | None = None, items: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """Every item of a list, page after page.

        Args:
            items: the member that holds the list, where the answer is an object.

        Raises:
            GithubError: no answer, or a refusal.
        """
        url: str | None = self._at(path)
        asked: Mapping[str, str] | None = {"per_page": str(PAGE), **(query or {})}
        while url:
            response = self._send("GET", url, needs, asked)
            body = _json(response)
            listed = body.get(items) if items and isinstance(body, dict) else body
            if not isinstance(listed, list):
                raise GithubError(f"GET {_shown(url)}: the answer is not a list; is GITHUB_API_URL an API?")
            yield from listed
            url, asked = response.links.get("next", {}).get("url"), None
            if url and not url.startswith(f"{self._url}/"):
                raise GithubError(f"The next page is said to be at {_shown(url)}, which is not {self._url}.")

    def download(self, path: str, needs: str) -> bytes:
        """The file that a GET leads to; GitHub sends one on to its store, which must not get the token.

        Raises:
            GithubError: no answer, or a refusal.
        """
        return self._send("GET", self._at(path), needs).content

    def login(self) -> str | None:
        """The login of the token's owner; None: an app, which may not ask.

        Raises:
            GithubError: no answer, or the token is refused.
        """
        try:
            return str(_object(self._send("GET", f"{self._url}/user", "metadata: read")).get("login") or "")
        except GithubError as error:
            if error.status == 403:
                return None
            raise

    def _at(self, path: str) -> str:
        return f"{self._url}/repos/{self.repository}/{path}"

    def _send(
        self,
        method: str,
        url: str,
        needs: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> requests.Response:
        try:
            response = self._session.request(
                method, url, params=query, json=body, timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
            )
        except requests.RequestException as error:
            # the library's own words hold the address of a signed download
            raise GithubError(f"{method} {_shown(url)}: no answer ({type(error).__name__}).") from None
        if response.status_code >= 400:
            raise _refusal(method, url, needs, response)
        return response


class _Bearer(requests.auth.AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _Patience(Patience):
    """Repeats also a PATCH, and not a POST that came to a 503: it may have been done before the failure.

    Args:
        note: is told of a pause that GitHub asks for.
    """

    LATER = frozenset({403, 429})
    PASSING = frozenset({500, 502, 503, 504})
    METHODS = frozenset({"GET", "PATCH"})
    LONGEST_PAUSE_S = LONGEST_PAUSE_S

    def __init__(self, *, note: Callable[[str], None], **options: Any) -> None:
        self._note = note
        super().__init__(**{"total": 5, **options})

    def new(self, **changed: Any) -> _Patience:
        return super().new(note=self._note, **changed)

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        # a refusal for good has these statuses, too
        if status_code in self.LATER and not has_retry_after:
            return False
        return super().is_retry(method, status_code)

    def sleep_for_retry(self, response: BaseHTTPResponse) -> bool:
        pause_s = self.get_retry_after(response)
        if pause_s and pause_s > 2:
            self._note(f"GitHub asks to wait: going on in {pause_s:.0f} s.")
        return super().sleep_for_retry(response)


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _object(response: requests.Response) -> dict[str, Any]:
    body = _json(response)
    if not isinstance(body, dict):
        raise GithubError(f"{_shown(response.url)}: the answer is not an object; is GITHUB_API_URL an API?")
    return body


def _json(response: requests.Response) -> Any:
    try:
        return json_text.loads(response.content)
    except ValueError:
        return None


def _shown(url: str) -> str:
    """Without query: a signed one opens what it points at."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def _refusal(method: str, url: str, needs: str, response: requests.Response) -> GithubError:
    body = _json(response)
    said = str(body.get("message", "")) if isinstance(body, dict) else ""
    status = response.status_code
    told = f"{method} {_shown(url)}: {status} {said or response.reason}."
    return GithubError(f"{told} {_remedy(status, needs, response)}".strip(), status)


def _remedy(status: int, needs: str, response: requests.Response) -> str:
    if status == 401:
        return "GITHUB_TOKEN is not valid, or no longer: a workflow's ends with its job."
    if status == 429 or (status == 403 and response.headers.get("x-ratelimit-remaining") == "0"):
        return "The token's rate limit is used up; run the command again when it is refilled."
    if status == 403:
        # what GitHub would have accepted, as `issues=write; pull_requests=write`
        accepted = response.headers.get("X-Accepted-GitHub-Permissions", "")
        wanted = accepted.replace("_", "-").replace("=", ": ") or needs
        return f"GITHUB_TOKEN lacks a permission: the job's `permissions:` need `{wanted}`."
    if status == 404:
        return f"It does not exist, or GITHUB_TOKEN may not see it (`{needs}`)."
    if status == 410:
        return "It is gone, or turned off for this repository."
    return ""
