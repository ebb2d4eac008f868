"""The graph, top to bottom as the document has its steps: account, model, domain, certificate, service, DNS.

What can be known before anything changes is checked first: settings, package, certificate files.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Collection, Mapping
from pathlib import Path

import pulumi

from infra import catalogue, declared, existing, plugins, settings
from infra.components import every_resource, own_state
from infra.components.certificates import Certificates
from infra.components.domain import Domain, DomainArgs
from infra.components.model import RegisteredModel, RegisteredModelArgs
from infra.components.model_management import ModelManagement
from infra.components.scoring_endpoint import ScoringEndpoint, ScoringEndpointArgs
from infra.inputs import inputs
from infra.inputs.inputs import Inputs
from infra.settings import Settings, encrypted, naming
from infra.settings.reader import NAMESPACE, SettingsError

# With this code the SDK's language host ends a run whose error has been told already; with any other one the
# engine adds an error of its own.
TOLD_EXIT_CODE = 32


def run(config: Mapping[str, str], secret_keys: Collection[str]) -> None:
    """Checks the configuration, then declares the graph.

    Args:
        secret_keys: the keys whose values are encrypted in the stack's file, in part or whole.

    Raises:
        SystemExit: the configuration cannot be used; one message has told every problem and its remedy.
    """
    pulumi.log.debug = _no_debug_message
    try:
        stack = settings.read(config, secret_keys=_encrypted(secret_keys))
        given = inputs.read(stack, pulumi.log.warn)
        _look_at_existing(stack)
    except SettingsError as error:
        pulumi.log.error(str(error))
        # the stack's own registration, which waits for its turn, is given up: nothing is to change
        warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
        sys.exit(TOLD_EXIT_CODE)
    plugins.start()
    declare(stack, given)


def _encrypted(secret_keys: Collection[str]) -> Collection[str]:
    """The keys whose values are encrypted, and the places in the list of services: the file tells those."""
    if encrypted.SERVICES not in secret_keys:
        return secret_keys
    root = pulumi.runtime.get_root_directory()  # none where the engine's host is an older one
    return encrypted.keys(secret_keys, encrypted.written(Path(root), pulumi.get_stack()) if root else None)


def _look_at_existing(stack: Settings) -> None:
    """Refuses what others keep, where it cannot be used.

    Raises:
        SettingsError: with every problem found.
    """
    if not declared.existing(stack):
        return
    name = declared.service_name(stack, pulumi.get_project(), pulumi.get_stack())
    problems = existing.problems(
        stack, {catalogue.SERVICE.name: name}, own_state.read(declared.zone_id(stack))
    )
    if problems:
        raise SettingsError(problems)


def _no_debug_message(*_args: object, **_options: object) -> None:
    """The SDK sends the engine debug messages with each stack output, secret or not, in the clear.

    `--debug` shows them and `--event-log` keeps them, whatever is done with the outputs themselves.
    """


def declare(stack: Settings, given: Inputs) -> None:
    """Declares the graph and its outputs."""
    every_resource.apply(stack)

    # Create a Model Management account
    server = stack.management_cloud if stack.management.is_apart else None
    others = {one.name: one.id for one in declared.existing(stack)}
    management = ModelManagement(
        catalogue.MODEL_MANAGEMENT.name, stack.account, server, cloud=stack.azure, others=others
    )

    # Deploy your model
    model = RegisteredModel(
        catalogue.REGISTERED_MODEL.name,
        RegisteredModelArgs(
            management=management,
            storage_account=declared.storage_account(stack),
            location=stack.account.location,
            settings=stack.model,
            sha256=given.package.sha256 if given.package else "",
            beside_account=stack.management.holds_packages,
        ),
    )

    # SSL/TLS and authentication: its four steps
    domain = Domain(
        catalogue.DOMAIN.name,
        DomainArgs(management.resource_group, stack.domain, others.get(catalogue.ZONE.name)),
    )
    certificate = Certificates(domain, stack.certificate.acme).declare(
        catalogue.CERTIFICATE.name, stack.certificate, stack.domain, given.certificate, given.acme_roots
    )
    endpoint = ScoringEndpoint(
        catalogue.SCORING_ENDPOINT.name,
        ScoringEndpointArgs(
            management=management,
            model_id=model.model_id,
            service_name=declared.service_name(stack, pulumi.get_project(), pulumi.get_stack()),
            service=stack.service,
            domain=domain,
            names=stack.domain,
            certificate=certificate,
        ),
    )

    # Copy what callers need
    _export(stack, domain, endpoint)


def _export(stack: Settings, domain: Domain, endpoint: ScoringEndpoint) -> None:
    """Exports what a person, or `fpga predict`, needs to know."""
    fqdn, served = stack.domain.fqdn, endpoint.served
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
        "nameServers": domain.name_servers,
        "zoneNameServers": domain.zone_name_servers,
        "sslEnabled": served is not None,
        "primaryKey": endpoint.primary_key,
        "secondaryKey": endpoint.secondary_key,
        "certificateFingerprint": served.fingerprint if served else "",
        "certificateExpiry": served.not_after if served else "",
        "rootCertificate": served.root if served else "",
    }
    if stack.management.is_apart:
        outputs["managementHost"] = stack.management_cloud.metadata_host
        outputs["managementSubscriptionId"] = stack.management_cloud.subscription_id
    if naming.u_labels(fqdn) != fqdn:
        outputs["fqdnUnicode"] = naming.u_labels(fqdn)
    if served is None:
        outputs["warning"] = (
            "SSL is off: anyone who reaches the service may call it, without a key. "
            f"`pulumi config set {NAMESPACE}:sslEnabled true` turns it on."
        )
    for name, value in outputs.items():
        pulumi.export(name, value)
