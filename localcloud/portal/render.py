"""The rendering of the page: templates that escape every value, and the headers of every answer.

jinja2 is loaded with the first page that somebody asks for.
"""

from __future__ import annotations

import datetime as dt
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response

if TYPE_CHECKING:
    import jinja2

_HERE: Final = Path(__file__).parent
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # with no-referrer browsers would say `Origin: null` in forms of this very page
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
STATIC: Final = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
"""The files that pages ask for, and their media types."""


def page(template: str, status: int = 200, **values: Any) -> Response:
    """A page of a template."""
    text = _environment().get_template(template).render(now=dt.datetime.now(dt.UTC), **values)
    return Response(text, status, {**HEADERS, "Content-Type": "text/html; charset=utf-8"})


def file(name: str) -> Response:
    """One of `STATIC`."""
    return Response((_HERE / "static" / name).read_bytes(), 200, {**HEADERS, "Content-Type": STATIC[name]})


def _time(value: str | float | None) -> str:
    """A time of the database, RFC 3339 or seconds since the epoch, as people read it."""
    if value is None:
        return ""
    if isinstance(value, str):
        time = dt.datetime.fromisoformat(value)
    else:
        time = dt.datetime.fromtimestamp(value, dt.UTC)
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals["principal"] = None  # whoever has not signed in
    made.globals["pages"] = (
        ("/portal", "Accounts"),
        ("/portal/zones", "Zones"),
        ("/portal/operations", "Operations"),
    )
    made.filters["time"] = _time
    return made
