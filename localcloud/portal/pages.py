"""The page's handlers: requests in, pages out. Who has no session is led to sign-in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from localcloud.access import actions, administration, principals
from localcloud.access.guard import Guard
from localcloud.access.principals import Principal
from localcloud.access.uses import Uses
from localcloud.datafolder.store import Store
from localcloud.errors import CloudError
from localcloud.http.lanes import DATABASE, PHOTOS, SIGN_IN, Lane, Route
from localcloud.identity.client_secrets import ClientSecrets
from localcloud.identity.tenant import Tenant
from localcloud.modelmanagement import services as management
from localcloud.modelmanagement.management import ModelManagement
from localcloud.portal import forms, operations, plots, render, services, zones
from localcloud.portal import sight as sights
from localcloud.portal.forms import Form
from localcloud.portal.origin import require_form_token, require_own_form, require_own_host
from localcloud.portal.sessions import LIFE_S, Session, Sessions
from localcloud.portal.sight import Sight
from localcloud.scoring.errors import BusyError, InputError, ScoringError, StoppingError

if TYPE_CHECKING:
    from localcloud.scoring.host import ScoringHost

PATH: Final = "/portal"
_SIGN_IN_PATH: Final = f"{PATH}/sign-in"
_SERVICE: Final = f"{PATH}/services/{{id}}"
_STATUS: Final[dict[type[ScoringError], int]] = {BusyError: 429, InputError: 400, StoppingError: 503}


@dataclass(frozen=True)
class Parts:
    """The parts of a localcloud that the page shows.

    Attributes:
        base_urls: the server's own addresses, `https://host:port`.
        guard: knows who may do what, and notes it.
        secrets: judges who signs in.
        uses: keeps when that was.
        models: knows where services answer.
        scoring: counts their calls, and scores photos.
    """

    base_urls: tuple[str, ...]
    tenant: Tenant
    store: Store
    guard: Guard
    secrets: ClientSecrets
    uses: Uses
    models: ModelManagement
    scoring: ScoringHost


@dataclass(frozen=True)
class Visit:
    """A request of who has signed in."""

    request: Request
    principal: Principal
    session: Session
    sight: Sight

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page, with what all of them show."""
        shown = {"path": self.request.scope["path"], "principal": self.principal, "sight": self.sight}
        return render.page(template, status, form_token=self.session.form_token, **shown, **values)


class Portal:
    """The page."""

    def __init__(self, parts: Parts, sessions: Sessions | None = None) -> None:
        self._parts = parts
        self._sessions = sessions or Sessions()
        # Cookies know no ports: another localcloud on the same host has one of its own.
        self._cookie = f"__Host-localcloud-{parts.tenant.tenant_id[:8]}"

    def routes(self) -> list[Route]:
        """Routes that let in by themselves; the last one is for all other paths below `PATH`."""

        def get(path: str, handler: Callable[[Request], Response], lane: Lane | None = DATABASE) -> Route:
            return Route(path, self._hosted(handler), lane=lane, refused=_refused)

        def post(
            path: str,
            handler: Callable[[Request], Response],
            lane: Lane = DATABASE,
            limit: Callable[[Request], int] = _form_limit,
        ) -> Route:
            hosted = self._hosted(handler)
            return Route(path, hosted, lane=lane, limit=limit, refused=_refused, methods=["POST"])

        return [
            get(PATH, self._visited(self._overview)),
            get(_SIGN_IN_PATH, self._show_sign_in),
            post(_SIGN_IN_PATH, self._sign_in, SIGN_IN),
            post(f"{PATH}/sign-out", self._sent(self._sign_out)),
            get(_SERVICE, self._visited(self._shown_service)),
            post(f"{_SERVICE}/keys", self._sent(self._keys)),
            post(f"{_SERVICE}/photo", self._sent(self._photo), PHOTOS, self._photo_limit),
            get(f"{PATH}/zones", self._visited(self._zones)),
            get(f"{PATH}/operations", self._visited(self._operations)),
            get(f"{PATH}/principals", self._visited(self._principals)),
            *(get(f"{PATH}/static/{name}", _static(name)) for name in render.STATIC),
            get(f"{PATH}/{{rest:path}}", self._visited(_missing)),
        ]

    def _hosted(self, handler: Callable[[Request], Response]) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            try:
                require_own_host(request, self._parts.base_urls)
                return handler(request)
            except CloudError as error:
                return _refused(request, error, getattr(request.state, "visit", None))

        return answer

    def _visited(self, handler: Callable[[Visit], Response]) -> Callable[[Request], Response]:
        """A handler for who has signed in."""

        def answer(request: Request) -> Response:
            visit = self._visit(request)
            if visit is None:
                return self._to_sign_in()
            return handler(visit)

        return answer

    def _sent(self, handler: Callable[[Visit, Form], Response]) -> Callable[[Request], Response]:
        """A handler of a form, for who has signed in, and has sent it from one of this session's pages."""

        def answer(request: Request) -> Response:
            require_own_form(request, self._parts.base_urls)
            visit = self._visit(request)
            if visit is None:
                return self._to_sign_in()
            form = forms.read(request)
            require_form_token(form.text("form_token"), visit.session.form_token)
            return handler(visit, form)

        return answer

    def _visit(self, request: Request) -> Visit | None:
        """The visit of who has a session that is in force; None: it has none any more."""
        cookie = request.cookies.get(self._cookie, "")
        session = self._sessions.find(cookie) if cookie else None
        if session is None:
            return None
        principal = self._parts.guard.principal(session.client_id)
        if principal is None or self._parts.secrets.stamp(session.client_id) != session.stamp:
            self._sessions.end(cookie)
            return None
        request.state.principal = principal
        sight = Sight(principal, self._parts.tenant.subscription_id)
        visit = request.state.visit = Visit(request, principal, session, sight)
        return visit

    def _to_sign_in(self) -> Response:
        answer = RedirectResponse(_SIGN_IN_PATH, 303, render.HEADERS)
        self._forget(answer)
        return answer

    def _show_sign_in(self, request: Request) -> Response:
        if self._visit(request) is not None:
            return RedirectResponse(PATH, 303, render.HEADERS)
        return render.page("sign_in.html", trouble="", client_id="")

    def _sign_in(self, request: Request) -> Response:
        require_own_form(request, self._parts.base_urls)
        form = forms.read(request)
        client_id, secret = form.text("client_id").lower(), form.text("client_secret")
        with self._parts.store.read() as db:
            known = principals.of_client(db, client_id)
        # before the secret is looked at: what is made anew meanwhile ends the session, too
        stamp = None if known is None else self._parts.secrets.stamp(client_id)
        until = None if stamp is None else self._parts.secrets.opens_until(client_id, secret)
        if stamp is None or until is None:
            trouble = "No client with this ID signs in by this secret."
            return render.page("sign_in.html", 401, trouble=trouble, client_id=form.text("client_id"))
        self._parts.uses.note(client_id)
        before = request.cookies.get(self._cookie)
        if before:
            self._sessions.end(before)
        answer = RedirectResponse(PATH, 303, render.HEADERS)
        cookie = self._sessions.begin(client_id, stamp, until)
        answer.set_cookie(
            self._cookie, cookie, max_age=LIFE_S, path="/", secure=True, httponly=True, samesite="strict"
        )
        return answer

    def _sign_out(self, visit: Visit, _form: Form) -> Response:
        self._sessions.end(visit.request.cookies[self._cookie])
        return self._to_sign_in()

    def _forget(self, answer: Response) -> None:
        answer.delete_cookie(self._cookie, path="/", secure=True, httponly=True, samesite="strict")

    def _overview(self, visit: Visit) -> Response:
        with self._parts.store.read() as db:
            found = services.listing(db, visit.sight, self._parts.models.status_of, _now())
        return visit.page("overview.html", accounts=found, calls=self._calls)

    def _calls(self, service_id: str) -> str:
        """The calls of a service within the last hour, in words."""
        counts = self._parts.scoring.counts(service_id)
        return "" if counts is None else plots.told(counts.last_hour())

    def _shown_service(self, visit: Visit, status: int = 200, **values: Any) -> Response:
        service = self._find(visit)
        counts = self._parts.scoring.counts(service.id)
        counted = None if counts is None else counts.now()
        shown: dict[str, Any] = {
            "service": service,
            "may_call": visit.sight.may_get(sights.KEYS, **service.names),
            "calls": None if counts is None else plots.calls(counts.last_hour()),
            "latency": None if counted is None else plots.latency(counted.durations),
            "codes": [] if counted is None else sorted(counted.codes.items()),
            "keys": None,
            "scores": None,
            "trouble": "",
        }
        return visit.page("service.html", status, **shown | values)

    def _keys(self, visit: Visit, _form: Form) -> Response:
        """The page with the keys, once it is noted who looks at them."""
        service = self._find(visit)
        self._require_keys(visit, service)
        with self._parts.store.read() as db:
            found = management.find(db, service.id)
        return self._shown_service(visit, keys=None if found is None else found.keys)

    def _photo(self, visit: Visit, form: Form) -> Response:
        service = self._find(visit)
        if service.status.ssl and not visit.sight.may_get(sights.KEYS, **service.names):
            self._require_keys(visit, service)  # who may not have them may not call
        if not form.photo:
            return self._shown_service(visit, 400, trouble="No photo came: choose one, or drop it.")
        client = visit.request.client
        try:
            scores = self._parts.scoring.score_photo(service.id, client.host if client else "", form.photo)
        except ScoringError as error:
            return self._shown_service(visit, _STATUS.get(type(error), 500), trouble=str(error))
        return self._shown_service(visit, scores=scores)

    def _photo_limit(self, request: Request) -> int:
        """A photo's size for who has signed in, and a form's for others."""
        cookie = request.cookies.get(self._cookie)
        is_known = cookie and self._sessions.find(cookie) is not None
        return forms.MAX_PHOTO_BYTES + forms.MAX_FORM_BYTES if is_known else forms.MAX_FORM_BYTES

    def _require_keys(self, visit: Visit, service: services.ShownService) -> None:
        """Lets who may read a service's keys pass, and notes it as the API does."""
        names = visit.sight.names(**service.names)
        self._parts.guard.permit(visit.request, actions.of_route(sights.KEYS, "GET"), names)

    def _zones(self, visit: Visit) -> Response:
        with self._parts.store.read() as db:
            return visit.page("zones.html", zones=zones.listing(db, visit.sight))

    def _operations(self, visit: Visit) -> Response:
        with self._parts.store.read() as db:
            found = operations.listing(db, visit.sight)
        return visit.page("operations.html", operations=found, most=operations.MOST)

    def _principals(self, visit: Visit) -> Response:
        visit.sight.require_gives_roles()
        with self._parts.store.read() as db:
            return visit.page("principals.html", known=administration.known(db))

    def _find(self, visit: Visit) -> services.ShownService:
        service_id = visit.request.path_params["id"]
        with self._parts.store.read() as db:
            return services.one(db, visit.sight, service_id, self._parts.models.status_of, _now())


def _refused(_request: Request, error: CloudError, visit: Visit | None = None) -> Response:
    """A refusal as a page."""
    told = {"code": error.code, "message": error.message}
    if visit is not None:
        answer = visit.page("trouble.html", error.status, **told)
    else:
        answer = render.page("trouble.html", error.status, **told)
    answer.headers.update(error.headers)
    return answer


def _form_limit(_request: Request) -> int:
    return forms.MAX_FORM_BYTES


def _missing(visit: Visit) -> Response:
    raise CloudError(404, "PageNotFound", f"There is no page {visit.request.scope['path']}.")


def _static(name: str) -> Callable[[Request], Response]:
    return lambda _request: render.file(name)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
