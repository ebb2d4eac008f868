"""HTTPS by `requests`, and by the Azure SDK above it, trusting what `surroundings.tls` says.

urllib3 makes contexts of its own for both, and strict ones from Python 3.13 on: each session of the project
has this adapter in their place. It calls this machine's own servers past every proxy, whatever variables say.
"""

from __future__ import annotations

import email.utils
import logging
import re
import ssl
import time
from collections.abc import Callable, Mapping
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry, create_urllib3_context

from surroundings import digits
from surroundings.proxies import is_loopback
from surroundings.tls import VERIFY_FLAGS

if TYPE_CHECKING:
    from azure.core.pipeline.transport import RequestsTransport

_YEAR_S: Final = 366 * 24 * 3600
_QUERY: Final = re.compile(r"\?[^\s'\")>]+")


class Adapter(HTTPAdapter):
    """The transport of a session's `https://` requests.

    A request's `verify` is the PEM file, or the folder, with the roots to trust; True: the system's, and
    those that come with `requests`.

    Args:
        extra_roots: PEM file of roots to trust beside these, and beside the system's.
        options: of `requests.adapters.HTTPAdapter`.
    """

    def __init__(self, *, extra_roots: Path | None = None, **options: Any) -> None:
        self._extra_roots = extra_roots
        self._contexts: dict[bool | str, ssl.SSLContext] = {}
        super().__init__(**options)

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """As `HTTPAdapter.send`; loopback is called without a proxy."""
        if is_loopback(urlsplit(request.url or "").hostname or ""):
            proxies = None
        return super().send(request, stream, timeout, verify, cert, proxies)

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: bool | str, cert: Any = None
    ) -> tuple[Any, Any]:
        """The keys of a pool of connections; each loads the roots that `verify` names into its context."""
        host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        # one for each `verify`: roots that one request loads must not be trusted by another's
        pool["ssl_context"] = self._context(verify)
        return host, pool

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """The pools behind a proxy, which is verified by the system's roots where it is reached over TLS."""
        if proxy.lower().startswith("https:"):
            context = self._context(True)
            context.load_verify_locations(requests.utils.DEFAULT_CA_BUNDLE_PATH)
            options["proxy_ssl_context"] = context
        return super().proxy_manager_for(proxy, **options)

    def _context(self, verify: bool | str) -> ssl.SSLContext:
        if verify not in self._contexts:
            context = create_urllib3_context()
            context.verify_flags = VERIFY_FLAGS
            if verify is True or self._extra_roots is not None:
                context.load_default_certs()
            if self._extra_roots is not None:
                context.load_verify_locations(self._extra_roots)
            self._contexts[verify] = context
        return self._contexts[verify]


def session(adapter: Adapter | None = None) -> requests.Session:
    """A session that sends `https://` with `adapter`, by default one without options.

    Who calls is told by the caller alone: an entry of `~/.netrc` would take the place of a token.
    """
    made = requests.Session()
    made.auth = _as_it_is
    made.mount("https://", adapter or Adapter())
    return made


def _without_query(record: logging.LogRecord) -> bool:
    record.msg, record.args = _QUERY.sub("?...", record.getMessage()), None
    return True


# urllib3 says where it asks again, in full: who may read a blob stands in the query (`sig`).
for _name in ("urllib3.connectionpool", "urllib3.util.retry"):
    logging.getLogger(_name).addFilter(_without_query)


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def retry_after_s(headers: Mapping[str, str], wall: Callable[[], float] = time.time) -> float | None:
    """The seconds after which a server asks to come back; None where it does not say.

    Source: Retry-After, in seconds or as a date of any of the three forms (RFC 9110, 10.2.3 and 5.6.7);
    Azure's `retry-after-ms` goes first. A server that names more than a year is not taken at its word.

    Args:
        wall: gives the time of day, in seconds since 1970.
    """
    milliseconds = digits.whole(headers.get("retry-after-ms", "").strip(), _YEAR_S * 1000)
    if milliseconds is not None:
        return milliseconds / 1000
    given = headers.get("Retry-After", "").strip()
    seconds = digits.whole(given, _YEAR_S)
    if seconds is not None:
        return float(seconds)
    try:
        moment = email.utils.parsedate_to_datetime(given)
        if moment.tzinfo is None:  # the form of asctime names no zone
            moment = moment.replace(tzinfo=UTC)
        asked_s = moment.timestamp() - wall()
    except (ValueError, OverflowError):  # a zone can lead out of the years that there are
        return None
    return max(0.0, asked_s) if asked_s <= _YEAR_S else None


def azure_transport(verify: bool | str, adapter: Adapter | None = None) -> RequestsTransport:
    """A transport for a client of the Azure SDK, which closes it.

    Args:
        verify: the PEM file with the roots to trust; True: the system's.
        adapter: sends the requests; None: one that leaves it to the SDK to repeat them.
    """
    from azure.core.pipeline.transport import RequestsTransport

    if adapter is None:
        adapter = Adapter(max_retries=Retry(total=False, redirect=False, raise_on_status=False))
    return RequestsTransport(session=session(adapter), connection_verify=verify)
