"""Models and services that a run which died may have left: looked for by name, and continued.

Models and services carry no tags; a name with the stack's suffix says that they are ours
(`infra.settings.naming`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from clients.azure.errors import ClientError, Conflict, NameTaken, ServiceError
from clients.azure.model_management import FAILED, Model, ModelManagement, Service, ServiceRequest

ATTEMPTS: Final = 3
"""How often a POST is sent in all: one that failed is repeated where the name shows that nothing was made."""

_NOTHING_BEGUN: Final = frozenset({"ServerBusy", "PackageNotTried"})
"""Codes of a 503 that put a request off before anything was done about it."""

_Made = TypeVar("_Made", Model, Service)


def ensure_model(management: ModelManagement, name: str, upload: Callable[[], str]) -> Model:
    """The model with this name: there already, else new. It is registered once, whatever answers are lost.

    Args:
        name: one that only this stack and this very content give.
        upload: puts the package where the service can fetch it, and returns its URL.
    """
    found = management.models_named(name)
    if found:
        return found[-1]
    url = upload()
    made = _sent_once(
        lambda: management.register_model(name, url),
        lambda: management.models_named(name),
        is_unique=False,  # a second one would be its next version
    )
    return made[-1] if isinstance(made, list) else made


def ensure_service(management: ModelManagement, request: ServiceRequest, *, adopt: bool) -> Service:
    """The service with this name, as `request` has it.

    One whose operation still runs is waited for; one that failed is deleted and made again; one that
    serves is brought up to date, for the run that made it may have declared something else.

    Raises:
        NameTaken: the name is in use and `adopt` is False, or in use more than once.
    """
    found = management.services_named(request.name)
    if found:
        _require_consent(request.name, [service.id for service in found], adopt=adopt)
    else:
        made = _created(management, request, adopt=adopt)
        if isinstance(made, Service):
            return made
        found = made
    service = management.settled(found[0].id)
    if service is not None and service.state != FAILED:
        return management.update_service(service.id, request)
    if service is not None:
        management.delete_service(service.id)
    again = _created(management, request, adopt=True)
    return again if isinstance(again, Service) else management.update_service(again[0].id, request)


def taken(name: str, service_id: str) -> str:
    """The sentence about a service's name that is in use."""
    return (
        f"there is a service named {name} already ({service_id}): choose another "
        "fpga-web-service:serviceName, or take it over: `pulumi config set fpga-web-service:adopt true`"
    )


def taking_over(service: Service, *, ssl: bool, replicas: int, most: int | None) -> str:
    """The sentence before a service is taken over rather than made.

    Args:
        replicas, most: the number that is declared, as in `ServiceRequest`.
    """
    where = f", at {service.address}:{service.port}" if service.address else ""
    if service.state == FAILED:
        return (
            f"The service {service.name} ({service.id}) is there already and has failed: it is deleted and "
            "made again. Callers need new keys."
        )
    served = "serves the declared certificate from then on" if ssl else "goes on without SSL, open to anyone"
    return (
        f"The service {service.name} ({service.id}) is there already{where}: it is taken over rather than "
        f"made. It keeps address and keys, moves to the declared model, and {served}."
        + _scaled(service, replicas, most)
    )


def _scaled(service: Service, replicas: int, most: int | None) -> str:
    """The sentence about another number of replicas than the service has; empty: it is the same."""
    if (service.replicas, service.most_replicas) == (replicas, most):
        return ""
    settings = [("replicas", service.replicas), ("maxReplicas", service.most_replicas)]
    kept = " and ".join(f"fpga-web-service:{key} {value}" for key, value in settings if value is not None)
    now, then = _number(service.replicas, service.most_replicas), _number(replicas, most)
    return f" Its number of replicas goes from {now} to {then}, unless it is declared: {kept}."


def _number(replicas: int, most: int | None) -> str:
    return str(replicas) if most is None else f"between {replicas} and {most}"


def _created(management: ModelManagement, request: ServiceRequest, *, adopt: bool) -> Service | list[Service]:
    """The new service; where the answer that tells of it was lost, those that bear its name by now."""

    def named() -> list[Service]:
        return management.services_named(request.name)

    try:
        return _sent_once(lambda: management.create_service(request), named, is_unique=True)
    except Conflict as error:
        # made between the look and the request; without one by now, the conflict is about something else
        found = named()
        if not found:
            raise
        if not error.may_have_acted:
            _require_consent(request.name, [service.id for service in found], adopt=adopt)
        return found


def _sent_once(
    send: Callable[[], _Made], look: Callable[[], list[_Made]], *, is_unique: bool
) -> _Made | list[_Made]:
    """The answer to a POST that makes something by name; of one that is lost, what bears the name by then.

    It is sent again only where an answer says that it failed, and the name that nothing came of it: without
    an answer it may be under way yet.

    Args:
        is_unique: whether a second one of the name is refused. Where it is not, a POST that may be under way
            behind its answer, as behind a gateway that gave up, is not sent again either.
    """
    may_be_ours = False
    for left in reversed(range(ATTEMPTS)):
        try:
            return send()
        except ClientError as error:
            # a conflict may be with the attempt before
            may_be_ours = may_be_ours or error.may_have_acted
            found = look() if may_be_ours else []
            if found:
                return found
            failed = error.may_have_acted and isinstance(error, ServiceError)
            if not (left and failed and (is_unique or _put_off(error))):
                raise
    raise AssertionError("the last attempt returns or raises")


def _put_off(error: ClientError) -> bool:
    return isinstance(error, ServiceError) and error.code in _NOTHING_BEGUN


def _require_consent(name: str, ids: list[str], *, adopt: bool) -> None:
    if not adopt:
        raise NameTaken(taken(name, ids[0]))
    if len(ids) > 1:
        raise NameTaken(
            f"{len(ids)} services are named {name} ({', '.join(ids)}): delete all but the one to keep"
        )
