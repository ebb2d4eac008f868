"""The graph, top to bottom as the document has its steps: account, model, domain, certificate, service, DNS.

What can be known before anything changes is checked first: settings, package, certificate files.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Collection, Mapping
from pathlib import Path

import pulumi

from infra import catalogue, declared, existing, outputs, plugins, settings
from infra.components import earlier, every_resource, own_state
from infra.components.certificates import Certificates
from infra.components.domain import Domain, DomainArgs
from infra.components.model import RegisteredModel, RegisteredModelArgs
from infra.components.model_management import ModelManagement
from infra.components.scoring_endpoint import ScoringEndpoint, ScoringEndpointArgs
from infra.components.server_certificate import ServerCertificate
from infra.inputs import inputs
from infra.inputs.inputs import Inputs
from infra.settings import DeclaredService, Settings, encrypted
from infra.settings.reader import SettingsError

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
    own = own_state.read(declared.zone_id(stack))
    problems = existing.problems(stack, own, pulumi.get_project(), pulumi.get_stack())
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
    models = RegisteredModel(
        catalogue.REGISTERED_MODEL.name,
        RegisteredModelArgs(
            management=management,
            storage_account=declared.storage_account(stack),
            location=stack.account.location,
            common=stack.model,
            beside_account=stack.management.holds_packages,
        ),
    )

    # SSL/TLS and authentication: its four steps, once for each service in the one domain
    domain = Domain(
        catalogue.DOMAIN.name,
        DomainArgs(management.resource_group, stack.domain, others.get(catalogue.ZONE.name)),
    )
    certificates = _certificates(stack, given, domain)
    endpoints: dict[str, ScoringEndpoint] = {}
    for service in stack.services:
        package = given.of[service.name].package
        endpoints[service.name] = ScoringEndpoint(
            service.name or catalogue.SCORING_ENDPOINT.name,
            ScoringEndpointArgs(
                management=management,
                model_id=models.declare(service.model, package.sha256 if package else ""),
                service=service.service,
                domain=domain,
                names=service.domain,
                certificate=certificates[service.served_by or service.name],
            ),
            _former(service),
        )

    # Copy what callers need
    for name, value in outputs.outputs(stack, domain, endpoints).items():
        pulumi.export(name, pulumi.Output.secret(value) if name == outputs.KEYS else value)


def _certificates(stack: Settings, given: Inputs, domain: Domain) -> Mapping[str, ServerCertificate | None]:
    """The certificates by the logical names of their services; one that another one's serves has none."""
    certificates = Certificates(domain, stack.certificate.acme)
    return {
        one.name: certificates.declare(
            declared.logical_name(one, catalogue.CERTIFICATE.name),
            one.certificate,
            one.domain,
            given.of[one.name].certificate,
            given.of[one.name].acme_roots,
            _former(one),
        )
        for one in stack.services
        if not one.served_by
    }


def _former(service: DeclaredService) -> pulumi.ResourceOptions | None:
    """The options of what was of the stack's one service before there was a list; None: this one is new."""
    return earlier.of_the_one_service(service.name) if service.takes_over else None
