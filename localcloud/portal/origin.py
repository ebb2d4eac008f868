"""The origin of requests to the page: what another site has a browser send is refused.

Sources: Fetch Metadata Request Headers (Sec-Fetch-Site); RFC 6454 (Origin); RFC 9110 section 15.5.20 (421).
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import Final

from starlette.requests import Request

from localcloud.errors import CloudError
from localcloud.http.frame import named_address

_SCHEME: Final = "https://"


def require_own_host(request: Request, base_urls: Sequence[str]) -> None:
    """Refuses a request for a name that is not the server's own: it may be another site's, led here.

    Raises:
        CloudError: 421 MisdirectedRequest.
    """
    if named_address(request.headers.get("host", ""), base_urls) is None:
        own = ", ".join(dict.fromkeys(base_urls))
        raise CloudError(421, "MisdirectedRequest", f"This page is at {own}, and at no other address.")


def require_own_form(request: Request, base_urls: Sequence[str]) -> None:
    """Refuses a form that does not come from a page of this very address.

    Raises:
        CloudError: 403 ForeignForm.
    """
    host = named_address(request.headers.get("host", ""), base_urls)
    origin = request.headers.get("origin", "")
    sent_from = named_address(origin.removeprefix(_SCHEME), base_urls) if origin.startswith(_SCHEME) else None
    site = request.headers.get("sec-fetch-site", "same-origin")
    if host is None or sent_from != host or site != "same-origin":
        raise _foreign()


def require_form_token(sent: str, wanted: str) -> None:
    """Refuses a form that does not bring its session's token.

    Raises:
        CloudError: 403 ForeignForm.
    """
    if not hmac.compare_digest(sent.encode(), wanted.encode()):
        raise _foreign()


def _foreign() -> CloudError:
    return CloudError(
        403,
        "ForeignForm",
        "This form did not come from this page, or from one whose session has ended. Nothing was done: "
        "open the page anew, and try again.",
    )
