"""The graph, top to bottom as the document has its steps: account, model, domain, certificate, service, DNS.

What can be known before anything changes is checked first: settings, package, certificate files.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Collection, Mapping

import pulumi

from infra import catalogue, declared, settings
from infra.components import protection
from infra.components.acme_issued import AcmeArgs
from infra.components.model import RegisteredModel, RegisteredModelArgs
from infra.components.model_management import ModelManagement, ModelManagementArgs
from infra.components.scoring_endpoint import ScoringEndpoint, ScoringEndpointArgs
from infra.components.server_certificate import SelfSigned, ServerCertificate
from infra.inputs import model_package, provided_certificate
from infra.inputs.model_package import ModelPackage, PackageError
from infra.settings import Settings, naming
from infra.settings.reader import NAMESPACE, SettingsError

# With this code the SDK's language host ends a run whose error has been told already; with any other one the
# engine adds an error of its own.
TOLD_EXIT_CODE = 32


def run(config: Mapping[str, str], secret_keys: Collection[str]) -> None:
    """Checks the configuration, then declares the graph.

    Args:
        secret_keys: the keys whose values are encrypted in the stack's file.

    Raises:
        SystemExit: the configuration cannot be used; one message has told every problem and its remedy.
    """
    pulumi.log.debug = _no_debug_message
    try:
        stack = settings.read(config, secret_keys=secret_keys)
        package, provided, acme = _read_files(stack)
    except SettingsError as error:
        pulumi.log.error(str(error))
        # the stack's own registration, which waits for its turn, is given up: nothing is to change
        warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
        sys.exit(TOLD_EXIT_CODE)
    declare(stack, package, provided, acme)


def _no_debug_message(*_args: object, **_options: object) -> None:
    """The SDK sends the engine debug messages with each stack output, secret or not, in the clear.

    `--debug` shows them and `--event-log` keeps them, whatever is done with the outputs themselves.
    """


def declare(
    stack: Settings,
    package: ModelPackage | None,
    provided: ServerCertificate | None,
    acme: AcmeArgs | None,
) -> None:
    """Declares the graph and its outputs.

    Args:
        package: the model's; None where the settings name a model that is registered already.
        provided: the certificate, where it does not come from a resource.
        acme: who issues it, where that is an authority that speaks ACME.
    """
    protection.apply(stack.protection)
    account, domain, service = stack.account, stack.domain, stack.service
    scope = (pulumi.get_project(), pulumi.get_stack())

    # Create a Model Management account
    management = ModelManagement(
        catalogue.MODEL_MANAGEMENT.name,
        ModelManagementArgs(
            resource_group=account.resource_group,
            account=account.name,
            group_location=account.group_location,
            location=account.location,
            sku=account.sku,
            capacity=account.capacity,
        ),
    )

    # Deploy your model
    model = RegisteredModel(
        catalogue.REGISTERED_MODEL.name,
        RegisteredModelArgs(
            scope=scope,
            resource_group=management.resource_group,
            account_id=management.account_id,
            storage_account=declared.storage_account(stack),
            location=account.location,
            name=stack.model.name,
            package=stack.model.package,
            sha256=package.sha256 if package else "",
            registered_id=stack.model.id,
        ),
    )

    # SSL/TLS and authentication: a development authority stays declared while SSL is off
    certificate = provided
    if stack.certificate.source == "self_signed":
        certificate = SelfSigned(
            catalogue.SELF_SIGNED.name, domain.fqdn, stack.certificate.generation
        ).certificate
    endpoint = ScoringEndpoint(
        catalogue.SCORING_ENDPOINT.name,
        ScoringEndpointArgs(
            resource_group=management.resource_group,
            account_id=management.account_id,
            model_id=model.model_id,
            service_name=declared.service_name(stack, *scope),
            service_name_is_derived=service.name is None,
            adopt=service.adopt or service.name is None,
            zone=domain.zone,
            fqdn=domain.fqdn,
            canonical_name=domain.canonical_name,
            certificate=certificate,
            acme=acme,
            ssl_enabled=service.ssl_enabled,
            record_ttl_s=domain.record_ttl_s,
            caa_issuers=domain.caa_issuers,
            name_servers=domain.name_servers,
            resolvers=domain.resolvers,
            check_timeout_s=service.check_timeout_s,
            primary_key_generation=service.primary_key_generation,
            secondary_key_generation=service.secondary_key_generation,
        ),
    )

    _export(stack, endpoint, endpoint.served)


def _export(stack: Settings, endpoint: ScoringEndpoint, served: ServerCertificate | None) -> None:
    """What a person, or `fpga predict`, needs to know."""
    fqdn = stack.domain.fqdn
    scheme = "grpcs" if served else "grpc"  # no browser's: the service speaks gRPC alone
    outputs: dict[str, pulumi.Input[object]] = {
        "account": stack.account.name,
        "resourceGroup": stack.account.resource_group,
        "subscriptionId": stack.azure.subscription_id,
        "location": stack.account.location,
        "fqdn": fqdn,
        "ip": endpoint.ip,
        "port": endpoint.port,
        "url": endpoint.port.apply(lambda port: f"{scheme}://{fqdn}:{port:.0f}"),
        "nameServers": endpoint.name_servers,
        "zoneNameServers": endpoint.zone_name_servers,
        "sslEnabled": served is not None,
        "primaryKey": endpoint.primary_key,
        "secondaryKey": endpoint.secondary_key,
        "certificateFingerprint": served.fingerprint if served else "",
        "certificateExpiry": served.not_after if served else "",
        "rootCertificate": served.root if served else "",
    }
    if naming.u_labels(fqdn) != fqdn:
        outputs["fqdnUnicode"] = naming.u_labels(fqdn)
    if served is None:
        outputs["warning"] = (
            "SSL is off: anyone who reaches the service may call it, without a key. "
            f"`pulumi config set {NAMESPACE}:sslEnabled true` turns it on."
        )
    for name, value in outputs.items():
        pulumi.export(name, value)


def _read_files(
    stack: Settings,
) -> tuple[ModelPackage | None, ServerCertificate | None, AcmeArgs | None]:
    """The files that the configuration names; no package where a model is there already.

    Raises:
        SettingsError: with what is wrong with any of them.
    """
    problems: list[str] = []
    package = _read_package(stack, problems)
    provided = provided_certificate.read(stack.certificate, stack.domain.fqdn, problems)
    acme = _read_acme(stack, problems)
    if problems:
        raise SettingsError(problems)
    return package, provided, acme


def _read_package(stack: Settings, problems: list[str]) -> ModelPackage | None:
    if stack.model.id is not None:
        return None
    try:
        package = model_package.read(stack.model.path)
        package.try_out()
    except PackageError as error:
        problems.append(f"{NAMESPACE}:modelPackage: {error}")
        return None
    for warning in package.warnings():
        pulumi.log.warn(f"{NAMESPACE}:modelPackage: {warning}")
    return package


def _read_acme(stack: Settings, problems: list[str]) -> AcmeArgs | None:
    """The authority that issues the certificate, with its roots; None for other sources."""
    authority = stack.certificate.acme
    if authority is None:
        return None
    roots = ""
    if authority.roots_file is not None:
        from certs.errors import CertificateError
        from certs.sources.files import read_roots_file

        try:
            roots = read_roots_file(authority.roots_file)
        except CertificateError as error:
            problems.append(f"{NAMESPACE}:acmeRootsFile: {error}")
    return AcmeArgs(
        directory=authority.directory,
        email=authority.email,
        profile=authority.profile,
        eab_key_id=authority.eab_key_id,
        eab_hmac_key=authority.eab_hmac_key,
        roots=roots,
        owner=naming.suffixed("acme", pulumi.get_project(), pulumi.get_stack()),
        minimum_days=stack.certificate.minimum_days,
        generation=stack.certificate.generation,
        timeout_s=authority.timeout_s,
    )
