"""Models and services that a run which died may have left: looked for by name, and continued.

Models and services carry no tags; a name with the stack's suffix says that they are ours
(`infra.settings.naming`).
"""

from __future__ import annotations

from collections.abc import Callable

from clients.azure.errors import Conflict, NameTaken
from clients.azure.model_management import FAILED, Model, ModelManagement, Service, ServiceRequest


def ensure_model(management: ModelManagement, name: str, upload: Callable[[], str]) -> Model:
    """The model with this name: there already, else new.

    Args:
        name: one that only this stack and this very content give.
        upload: puts the package where the service can fetch it, and returns its URL.
    """
    found = management.models_named(name)
    return found[-1] if found else management.register_model(name, upload())


def ensure_service(management: ModelManagement, request: ServiceRequest, *, adopt: bool) -> Service:
    """The service with this name, as `request` has it.

    One whose operation still runs is waited for; one that failed is deleted and made again; one that
    serves is brought up to date, for the run that made it may have declared something else.

    Raises:
        NameTaken: the name is in use and `adopt` is False, or in use more than once.
    """
    found = management.services_named(request.name)
    if not found:
        try:
            return management.create_service(request)
        except Conflict:
            # made between the look and the request; without one by now, the conflict is about something else
            found = management.services_named(request.name)
            if not found:
                raise
    _require_consent(request.name, [service.id for service in found], adopt=adopt)
    service = management.settled(found[0].id)
    if service is None:
        return management.create_service(request)
    if service.state == FAILED:
        management.delete_service(service.id)
        return management.create_service(request)
    return management.update_service(service.id, request)


def taken(name: str, service_id: str) -> str:
    """The sentence about a service's name that is in use."""
    return (
        f"there is a service named {name} already ({service_id}): choose another "
        "fpga-web-service:serviceName, or take it over: `pulumi config set fpga-web-service:adopt true`"
    )


def taking_over(service: Service, *, ssl: bool) -> str:
    """The sentence before a service is taken over rather than made."""
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
    )


def _require_consent(name: str, ids: list[str], *, adopt: bool) -> None:
    if not adopt:
        raise NameTaken(taken(name, ids[0]))
    if len(ids) > 1:
        raise NameTaken(
            f"{len(ids)} services are named {name} ({', '.join(ids)}): delete all but the one to keep"
        )
