"""A service described for its callers: a stack's by its outputs, another by what the account tells."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fpga.errors import CommandError
from fpga.predict.call_info import CallInfo
from fpga.predict.endpoint import Endpoint, KeyName

if TYPE_CHECKING:
    from clients.azure.model_management import ModelManagement, Service
    from fpga.project import Project
    from fpga.stacks.clouds import StackClouds
    from infra.settings import Settings

_CONNECT_S: Final = 10.0


@dataclass(frozen=True)
class Described:
    """What is told of a service, and its key; empty where SSL is off."""

    info: CallInfo
    key: str = field(repr=False)


def look(project: Project, stack_name: str, service: str | None, key: KeyName) -> Described:
    """Looks at a service of a stack's account: the stack's only one, where none is named.

    The root that the stack tells is written to a file of the checkout's state.

    Args:
        service: a logical name, of the stack, or a name in the account.

    Raises:
        typer.BadParameter: the stack has several services, and none is named.
        CommandError: the stack is not deployed, or its account has no such service.
        ClientError: the account cannot be asked for another service.
    """
    from fpga.predict import services
    from fpga.stacks import backend
    from fpga.stacks.clouds import StackClouds
    from fpga.stacks.stack import Stack
    from infra import declared, settings

    environment = backend.environment(project, stack_name)
    stack = Stack(project, stack_name, environment)
    outputs, resources = stack.outputs(), stack.resources()
    there = services.named(outputs) or {"": outputs}
    name = _meant(stack_name, outputs, resources, service)
    shown = next(iter(there)) if name is None else name
    endpoint = Endpoint.from_outputs(stack_name, there[shown])
    info = _own(project, stack_name, shown, endpoint, resources, key)
    values, secret_keys = stack.decrypted()
    wanted = settings.read(values, environment, secret_keys)
    clouds = StackClouds(wanted, environment.get("SSL_CERT_FILE"))
    try:
        if name is not None:
            secret = endpoint.primary_key if key == "primary" else endpoint.secondary_key
        else:
            from clients.azure.model_management import ModelManagement

            management = ModelManagement(clouds.management, declared.account_id(wanted))
            info, secret = _other(management, str(service), info, [one for one in there if one])
        return Described(replace(info, http_port=_http_port(project, wanted, clouds, endpoint, info)), secret)
    finally:
        clouds.close()


def _meant(
    stack: str, outputs: Mapping[str, Any], resources: Sequence[dict[str, Any]], service: str | None
) -> str | None:
    """The logical name of the stack's own service that is meant; None: it is another one of the account.

    Raises:
        typer.BadParameter: the stack has several, and none is named.
    """
    from fpga.predict import services

    there = services.named(outputs)
    if service is None or service in there:
        return services.chosen(stack, outputs, service)[0]
    return next((one for one in there or [""] if _physical(resources, one) == service), None)


def _physical(resources: Sequence[dict[str, Any]], name: str) -> str:
    """The name in the account of the stack's service of a logical name."""
    from fpga.stacks.service_resources import of_service
    from infra import catalogue

    return _named(of_service(resources, name), catalogue.SERVICE.token) or "service"


def _own(
    project: Project,
    stack: str,
    name: str,
    endpoint: Endpoint,
    resources: Sequence[dict[str, Any]],
    key: KeyName,
) -> CallInfo:
    """A service of the stack itself."""
    from fpga.stacks.service_resources import model_of
    from infra import catalogue

    # no stack's name has an @ in it
    roots = project.local / "callers" / (f"{name}@{stack}.pem" if name else f"{stack}.pem")
    model = model_of(resources, name)
    return CallInfo(
        stack=stack,
        service=_physical(resources, name),
        host=endpoint.fqdn,
        address=endpoint.ip,
        port=endpoint.port,
        http_port=None,
        tls=endpoint.ssl_enabled,
        roots=_written(roots, endpoint.root_certificate),
        model=_named([model] if model else [], catalogue.MODEL.token),
        key=key,
        name=name,
    )


def _other(
    management: ModelManagement, name: str, own: CallInfo, named: Sequence[str]
) -> tuple[CallInfo, str]:
    """Another service of the account, and its key. Its name is the one that its certificate bears.

    Args:
        own: one of the stack's.
        named: the logical names of the stack's.
    """
    listed = management.services()
    found = next((one for one in listed if one.name == name), None)
    if found is None or not found.address:
        answering = sorted(one.name for one in listed if one.address)
        close = difflib.get_close_matches(name, [*named, *answering], n=1)
        raise CommandError(
            f"The account of the stack {own.stack} has no service {name} that answers: "
            f"{', '.join(answering) or 'none'}."
            + (f" The stack's own: {', '.join(named)}." if named else "")
            + (f" Did you mean {close[0]}?" if close else "")
        )
    keys = management.keys(found.id)
    if keys is None:
        raise CommandError(f"The service {name} has gone.")
    secret = keys.primary if own.key == "primary" else keys.secondary
    model = next((one.name for one in management.models() if one.id == found.model_id), None)
    info = replace(
        own,
        service=name,
        address=found.address,
        port=found.port,
        model=model,
        is_own=False,
        name="",
        note=None,
    )
    host = _certified_name(found)
    if host is None:
        return replace(info, host=found.address, tls=False, roots=None), ""
    if own.roots is not None and not _is_trusted(found, host, own.roots):
        note = (
            f"the root of {host} is not the stack's: FPGA_SERVICE_ROOTS is to name the file of its issuer's"
        )
        return replace(info, host=host, tls=True, roots=None, note=note), secret
    return replace(info, host=host, tls=True), secret


def _certified_name(service: Service) -> str | None:
    """The first DNS name of the certificate that a service shows; None: it speaks no TLS.

    Raises:
        ClientError: nothing answers there.
    """
    from cryptography import x509

    from clients.tls import served_certificate

    der = served_certificate(service.address, service.port)
    if der is None:
        return None
    names = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    return next(iter(names.value.get_values_for_type(x509.DNSName)), service.address)


def _is_trusted(service: Service, host: str, roots: Path) -> bool:
    """Whether a gRPC client with these roots connects."""
    from clients.prediction.client import CertificateError, PredictionClient

    client = PredictionClient(
        service.address,
        service.port,
        use_ssl=True,
        root_certificates=roots,
        server_name=host,
        timeout_s=_CONNECT_S,
    )
    with client:
        try:
            client.connect()
        except CertificateError:
            return False
    return True


def _http_port(
    project: Project, wanted: Settings, clouds: StackClouds, endpoint: Endpoint, info: CallInfo
) -> int | None:
    """The port at which a service answers HTTP; None: nowhere, or its server tells it to others alone."""
    from clients.azure.errors import ClientError
    from localcloud import control

    known = control.status(project.cloud)
    told: Iterable[Mapping[str, Any]]
    if known.dns is not None and known.dns in endpoint.name_servers:
        told = [one.to_json() for one in known.services]
    else:
        try:
            host = wanted.management_cloud.metadata_host
            told = clouds.management.pipeline.send("GET", f"https://{host}/health").body.get("services", ())
        except ClientError:
            return None
    for one in told:
        if (one["address"], one["port"]) == (info.address, info.port):
            return one.get("http_port")
    return None


def _named(resources: Iterable[Mapping[str, Any]], token: str) -> str | None:
    """The physical name of a resource of a kind, as the state has it."""
    found = (one.get("outputs", {}).get("name") for one in resources if one.get("type") == token)
    return next((str(name) for name in found if name), None)


def _written(file: Path, root: str) -> Path | None:
    """The file with the root in it; None where there is no root to hand over."""
    from fpga.files import write_whole

    if not root:
        return None
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(file, root.encode())
    return file
