"""The data plane's routes: requests in, documents out (Model Management API, 2018-04-01-preview)."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from localcloud.arm.accounts import Account, find_account
from localcloud.arm.api import check_api_version
from localcloud.arm.lists import page, query_of
from localcloud.datafolder.store import Store
from localcloud.errors import CloudError
from localcloud.http.frame import body_of, client_request_id, json_body
from localcloud.http.lanes import DATABASE, PACKAGES, Route
from localcloud.modelmanagement import fields, keys, models, operations, quota, services, swagger
from localcloud.modelmanagement.models import Packages
from localcloud.modelmanagement.operations import Operation
from localcloud.modelmanagement.package_hosts import PackageHosts
from localcloud.modelmanagement.replicas import Answering
from localcloud.modelmanagement.services import Change, Service
from localcloud.modelmanagement.trials import Trials
from localcloud.scoring.addresses import Endpoint
from localcloud.scoring.errors import PackageError, ScoringError

ACCOUNT = "/api/subscriptions/{subscription}/resourcegroups/{group}/accounts/{account}"


class Api:
    """The handlers.

    Args:
        keys_changed: called with a service's ID after its keys were changed.
        trials: try the models that are registered for an FPGA.
        ca_file: PEM roots to trust, beside the system's, where packages are fetched.
        hosts: where packages may come from.
        accepted: called after an operation was accepted.
        told: gives the endpoint that callers are told for the one where a service answers.
        answering: the replicas of a service, where there is anything to tell of them.
    """

    def __init__(
        self,
        store: Store,
        packages: Packages,
        keys_changed: Callable[[str], None],
        trials: Trials,
        ca_file: Path,
        hosts: PackageHosts,
        accepted: Callable[[], None],
        told: Callable[[Endpoint], Endpoint],
        answering: Callable[[Service], Answering | None],
    ) -> None:
        self._store = store
        self._answering = answering
        self._told = told
        self._packages = packages
        self._keys_changed = keys_changed
        self._trials = trials
        self._ca_file = ca_file
        self._hosts = hosts
        self._accepted = accepted

    def routes(self) -> list[Route]:
        """All of them, each behind the check of its api-version."""
        handlers: list[tuple[str, str, Callable[[Request], Response]]] = [
            ("GET", "/models", self._list_models),
            ("POST", "/models", self._register_model),
            ("GET", "/models/{id}", self._get_model),
            ("DELETE", "/models/{id}", self._delete_model),
            ("GET", "/services", self._list_services),
            ("POST", "/services", self._create_service),
            ("GET", "/services/{id}", self._get_service),
            ("PUT", "/services/{id}", self._update_service),
            ("PATCH", "/services/{id}", self._patch_service),
            ("DELETE", "/services/{id}", self._delete_service),
            ("GET", "/services/{id}/keys", self._get_keys),
            ("POST", "/services/{id}/regeneratekeys", self._regenerate_keys),
            ("GET", "/operations/{id}", self._get_operation),
            ("GET", "/swagger.json", self._describe),
        ]
        return [
            Route(
                ACCOUNT + path,
                _versioned(handler),
                methods=[method],
                lane=PACKAGES if handler == self._register_model else DATABASE,
            )
            for method, path, handler in handlers
        ]

    def _shown(self, service: Service) -> dict[str, Any]:
        answering = self._answering(service)
        return service.document(self._told) | ({} if answering is None else answering.document())

    def _list_models(self, request: Request) -> Response:
        with self._store.read() as db:
            found = models.listing(db, _account(db, request).id, query_of(request).get("name"))
        return page(request, found, lambda model: f"{model.sequence:016d}", models.Model.document)

    def _register_model(self, request: Request) -> Response:
        with self._store.read() as db:
            _account(db, request)
        registration = models.parse(json_body(body_of(request)))
        from localcloud.modelmanagement.download import fetch  # requests, where it is needed

        model_id = models.new_id()
        try:
            fetch(registration.url, self._packages.path(model_id), self._ca_file, self._hosts)
            if registration.for_fpga:
                self._require_runnable(model_id)
            with self._store.write() as db:
                model = models.insert(db, _account(db, request).id, model_id, registration)
        except BaseException:  # it cannot run, say, or the account went while it came
            self._packages.delete(model_id)
            raise
        return JSONResponse(model.document())

    def _require_runnable(self, model_id: str) -> None:
        """Refuses at once what no service could be made of: nothing is registered that only fails later."""
        try:
            self._trials.require(self._packages.path(model_id))
        except PackageError as error:
            raise CloudError(400, "InvalidPackage", str(error)) from None
        except ScoringError as error:
            raise CloudError(503, "PackageNotTried", str(error)) from None

    def _get_model(self, request: Request) -> Response:
        with self._store.read() as db:
            model = models.require(db, _account(db, request).id, request.path_params["id"])
        return JSONResponse(model.document())

    def _delete_model(self, request: Request) -> Response:
        with self._store.write() as db:
            model = models.get(db, _account(db, request).id, request.path_params["id"])
            if model is None:
                return Response(status_code=204)
            models.delete(db, model)
        self._packages.delete(model.id)
        return Response(status_code=200)

    def _list_services(self, request: Request) -> Response:
        query = query_of(request)
        with self._store.read() as db:
            account = _account(db, request)
            found = services.listing(db, account.id, query.get("servicename"), query.get("modelid"))
        return page(request, found, lambda service: f"{service.sequence:016d}", self._shown)

    def _create_service(self, request: Request) -> Response:
        with self._store.read() as db:
            _account(db, request)
        body = json_body(body_of(request))
        name, change = fields.service_name(body), services.parse(body)
        with self._store.write() as db:
            account = _account(db, request)
            _require_model_in_body(db, account, change)
            services.refuse_taken(db, account.id, name)
            quota.check(db, account, change.replicas or services.ONE)
            quota.check_room(db)
            service = services.insert(db, account.id, name, change)
            operation = operations.accept(db, account.id, service.id, operations.CREATE)
        return self._accept(request, operation, service)

    def _get_service(self, request: Request) -> Response:
        with self._store.read() as db:
            service = services.require(db, _account(db, request).id, request.path_params["id"])
        return JSONResponse(self._shown(service))

    def _update_service(self, request: Request) -> Response:
        return self._change_service(request, is_partial=False)

    def _patch_service(self, request: Request) -> Response:
        """Of before there was PUT alone, which names the model again: who scales knows the number."""
        return self._change_service(request, is_partial=True)

    def _change_service(self, request: Request, *, is_partial: bool) -> Response:
        with self._store.read() as db:
            services.require(db, _account(db, request).id, request.path_params["id"])
        change = services.parse(json_body(body_of(request)), is_partial=is_partial)
        with self._store.write() as db:
            account = _account(db, request)
            service = services.require(db, account.id, request.path_params["id"])
            other = operations.unfinished_of(db, service.id)
            if other is not None:
                raise CloudError(
                    409,
                    "AnotherOperationInProgress",
                    f"The service '{service.name}' still has an operation to end ({other.action}, "
                    f"{other.id}, {other.state}). Wait for it, then try again.",
                )
            _require_model_in_body(db, account, change)
            quota.check(db, account, change.replicas or service.asked, service)
            if service.address is None:
                quota.check_room(db)
            operation = operations.accept(db, account.id, service.id, operations.UPDATE, change.to_json())
            accepted = services.accepted(db, service)
        return self._accept(request, operation, accepted)

    def _delete_service(self, request: Request) -> Response:
        with self._store.write() as db:
            account = _account(db, request)
            service = services.get(db, account.id, request.path_params["id"])
            if service is None:
                return Response(status_code=204)
            # asked for twice it is the same deletion
            operation = operations.unfinished_of(db, service.id, operations.DELETE)
            if operation is None:
                operation = operations.accept(db, account.id, service.id, operations.DELETE)
                services.accepted(db, service)
        return self._accept(request, operation)

    def _get_keys(self, request: Request) -> Response:
        with self._store.read() as db:
            service = services.require(db, _account(db, request).id, request.path_params["id"])
        return JSONResponse(service.keys.document())

    def _regenerate_keys(self, request: Request) -> Response:
        sent = body_of(request)
        key_type = keys.parse_key_type(json_body(sent)) if sent.strip() else None
        with self._store.write() as db:
            service = services.require(db, _account(db, request).id, request.path_params["id"])
            new = service.keys.regenerated(key_type)
            services.set_keys(db, service, new)
        self._keys_changed(service.id)
        return JSONResponse(new.document())

    def _get_operation(self, request: Request) -> Response:
        with self._store.read() as db:
            operation = operations.require(db, _account(db, request).id, request.path_params["id"])
        return JSONResponse(operation.document(_account_path(request)))

    def _describe(self, request: Request) -> Response:
        with self._store.read() as db:
            _account(db, request)
        return JSONResponse(swagger.document(request.state.base_url, _account_path(request)))

    def _accept(self, request: Request, operation: Operation, service: Service | None = None) -> Response:
        """202, with what the 2018 client reads: a relative Operation-Location, and always a request ID."""
        self._accepted()
        headers = {
            "Operation-Location": f"{_account_path(request)}/operations/{operation.id}",
            "x-ms-client-request-id": client_request_id(request) or str(uuid.uuid4()),
        }
        if service is None:
            return Response(status_code=202, headers=headers)
        return JSONResponse(self._shown(service), 202, headers=headers)


def _versioned(handler: Callable[[Request], Response]) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        check_api_version(query_of(request).get("api-version"))
        return handler(request)

    return answer


def _account(db: sqlite3.Connection, request: Request) -> Account:
    path = request.path_params
    return find_account(db, path["subscription"], path["group"], path["account"])


def _account_path(request: Request) -> str:
    """The account's path as the caller wrote its names: what it is given it can ask for."""
    # Groups may have names such as 'größe', which neither a header nor an address takes as they are.
    return ACCOUNT.format_map({name: quote(value) for name, value in request.path_params.items()})


def _require_model_in_body(db: sqlite3.Connection, account: Account, change: Change) -> None:
    """A 400, not a 404: that would say that the service itself is gone."""
    model_id = change.model_id
    if model_id is not None and models.get(db, account.id, model_id) is None:
        raise CloudError(
            400,
            "ModelNotFound",
            f"There is no model '{model_id}' in the account '{account.name}': register it first.",
        )
