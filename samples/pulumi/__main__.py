"""Two scoring endpoints under one domain: one account, one model, one development authority."""

import pulumi

from infra.components.domain import Domain, DomainArgs
from infra.components.model import RegisteredModel, RegisteredModelArgs
from infra.components.model_management import ModelManagement
from infra.components.scoring_endpoint import ScoringEndpoint, ScoringEndpointArgs
from infra.components.self_signed import SelfSigned
from infra.inputs import model_package
from infra.settings import ModelSettings, ServiceSettings
from infra.settings.account import AccountSettings
from infra.settings.domain import DomainSettings

config = pulumi.Config()
zone = config.require("zone")
servers = (config.require("nameServers"),) if config.get("nameServers") else ()
account = AccountSettings(
    resource_group=config.require("resourceGroup"), name=config.require("account"), capacity=2
)
package = ModelSettings(package=config.require("modelPackage"))


def tagged(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
    """A transform of one's own: it reaches what is inside of a component."""
    if args.type_ != "azure-native:dns:Zone":
        return None
    return pulumi.ResourceTransformationResult({**args.props, "tags": {"team": "vision"}}, args.opts)


management = ModelManagement("vision", account)
models = RegisteredModel(
    "vision-models",
    RegisteredModelArgs(
        management=management,
        storage_account=config.require("storageAccount"),
        location=account.location,
    ),
)
model_id = models.declare(package, model_package.read(package.path).sha256)
domain = Domain(
    "vision-domain",
    DomainArgs(management.resource_group, DomainSettings(zone=zone, fqdn=zone, name_servers=servers)),
    pulumi.ResourceOptions(transformations=[tagged]),
)
authority = SelfSigned("vision-authority")
addresses = {}
for name in ("cats", "dogs"):
    fqdn = f"{name}.{zone}"
    endpoint = ScoringEndpoint(
        name,
        ScoringEndpointArgs(
            management=management,
            model_id=model_id,
            service=ServiceSettings(),
            domain=domain,
            names=DomainSettings(zone=zone, fqdn=fqdn, record_ttl_s=60, name_servers=servers),
            certificate=authority.issue(f"{name}-certificate", fqdn),
        ),
        pulumi.ResourceOptions(protect=config.get_bool("protect")),
    )
    addresses[fqdn] = endpoint.ip
    pulumi.export(f"{name}Key", endpoint.primary_key)
pulumi.export("addresses", addresses)
pulumi.export("root", authority.root)
