"""What was made by hand comes under the program, is let go, and comes back: not a call fails, no key changes.

By hand is what Microsoft's own paths offer: Resource Manager for group, accounts, zone and record, the data
plane for the model and the service, as the client of 2018 makes them.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import yaml

from certs.sources.self_signed import Authority, issue, new_authority
from clients.azure.blobs import Blobs
from clients.azure.model_management import Keys, Model, Service, ServiceRequest, Tls
from clients.prediction.client import PredictionClient
from clients.tls import fingerprint, served_certificate
from engine import state_url
from infra import catalogue, declared, settings
from infra.inputs import model_package
from infra.proof.endpoint import sample_image
from tests.support.callers import Access, Callers
from tests.support.stacks.program_stack import ACCOUNT, ProgramStack
from tests.support.stacks.pulumi_project import Result

STORAGE = "fpga0123456789abcdef0123"  # as the client of 2018 forms it: 24 characters
NAME = "resnet-service"
SETTING = "fpga-web-service"
TAGS = {"owner": "the team of 2018"}


def standings(told: str) -> dict[str, str]:
    """The table: logical name -> how it stands."""
    lines = told.partition("\n\n")[0].splitlines()[1:]
    return {line.split(None, 2)[0]: line.split(None, 2)[2].strip() for line in lines}


def changed(result: Result) -> dict[str, str]:
    return {
        name: operation
        for name, operation in result.operations.items()
        if operation != "same" and not name.startswith("default")
    }


@dataclass(frozen=True)
class ByHand:
    """What is there before the program is.

    Attributes:
        root: the authority whose certificate the service has.
    """

    stack: ProgramStack
    service: Service
    model: Model
    keys: Keys
    root: Authority

    def connect(self, access: Access) -> PredictionClient:
        return PredictionClient(
            self.stack.fqdn,
            self.service.port,
            use_ssl=access.ssl,
            access_token=access.key,
            root_certificates=self.root.certificate_pem.encode(),
            name_servers=[self.stack.cloud.name_server],
        )

    @contextmanager
    def called(self) -> Iterator[None]:
        """Somebody calls all the time, whatever the program does to what answers; not a call may fail."""
        with Callers(1, self.connect, Access(self.keys.secondary), sample_image()) as callers:
            yield
            callers.let_each_call()
        assert [call.error for call in callers.failures()] == []

    def require_untouched(self) -> None:
        """Service, address, keys and certificate are those of the beginning."""
        management = self.stack.management
        (service,) = management.services_named(NAME)
        assert (service.id, service.address, service.port) == (
            self.service.id,
            self.service.address,
            self.service.port,
        )
        assert service.replicas == 2
        assert management.keys(service.id) == self.keys
        served = fingerprint(served_certificate(service.address, service.port) or b"")
        assert served == self.stack.outputs()["certificateFingerprint"]


@pytest.fixture(scope="module")
def by_hand(make_stack: Callable[..., ProgramStack], tmp_path_factory: pytest.TempPathFactory) -> ByHand:
    folder = tmp_path_factory.mktemp("certificate")
    now = dt.datetime.now(dt.UTC)
    root = new_authority("A private authority", now)
    bundle = issue(root, ["www.adoption.contoso.test"], now)
    stack = make_stack(
        "adoption",
        {
            f"{SETTING}:certificateSource": "files",
            f"{SETTING}:certificateFile": str(folder / "chain.pem"),
            f"{SETTING}:keyFile": str(folder / "key.pem"),
            f"{SETTING}:rootsFile": str(folder / "root.pem"),
            f"{SETTING}:storageAccount": STORAGE,
            f"{SETTING}:serviceName": NAME,
        },
        loaded=True,
    )
    for name, text in (
        ("chain.pem", bundle.certificate_pem),
        ("key.pem", bundle.key_pem),
        ("root.pem", root.certificate_pem),
    ):
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)

    cloud, group = stack.cloud.client, stack.cloud.group_id(stack.group)
    cloud.manage("PUT", group, catalogue.RESOURCE_GROUP.api_version, {"location": "westus2", "tags": TAGS})
    cloud.manage(
        "PUT",
        f"{group}/providers/{catalogue.ACCOUNT_PROVIDER}/accounts/{ACCOUNT}",
        catalogue.ACCOUNT.api_version,
        {"location": "East US 2", "sku": {"name": "S1", "capacity": 2}, "tags": TAGS},
    )
    storage = f"{group}/providers/Microsoft.Storage/storageAccounts/{STORAGE}"
    kind = {"location": "eastus2", "kind": "Storage", "sku": {"name": "Standard_RAGRS"}}
    cloud.manage("PUT", storage, "2017-10-01", kind)
    container = f"{storage}/blobServices/default/containers/{declared.CONTAINER}"
    cloud.manage("PUT", container, catalogue.STORAGE_ACCOUNT.api_version, {"properties": {}})

    package = model_package.read(stack.cloud.package).archive()
    url = Blobs(cloud, storage, declared.CONTAINER).upload("resnet_0f3a", package)
    model = stack.management.register_model("resnet", url)
    tls = Tls(bundle.certificate_pem, bundle.key_pem)
    service = stack.management.create_service(ServiceRequest(NAME, model.id, tls, replicas=2))
    keys = stack.management.keys(service.id)
    assert keys is not None

    zone = f"{group}/providers/Microsoft.Network/dnsZones/adoption.contoso.test"
    cloud.manage("PUT", zone, catalogue.ZONE.api_version, {"location": "global"})
    record = {"TTL": 3600, "ARecords": [{"ipv4Address": service.address}]}
    cloud.manage("PUT", f"{zone}/A/www", catalogue.ZONE.api_version, {"properties": record})

    stack.run("config", "rm", f"{SETTING}:modelPackage", "--stack", stack.stack)
    stack.configure({f"{SETTING}:modelId": model.id})
    return ByHand(stack, service, model, keys, root)


ALL = ("resource-group", "account", "storage", "packages", "zone", "record", "service")
ADOPTABLE = "exists: can be adopted"
CONTINUED = "exists: the next update takes it over"


def test_a_setting_that_would_make_something_anew_is_named(by_hand: ByHand) -> None:
    refused = by_hand.stack.adopt("--yes")

    assert refused.returncode == 1
    assert standings(refused.stdout) == dict.fromkeys(ALL, ADOPTABLE) | {
        "resource-group": "exists elsewhere: cannot be adopted"
    }
    assert (
        "resource-group rg-adoption: it is in westus2, and the stack declares eastus2: an update would make "
        "it anew. `pulumi config set fpga-web-service:resourceGroupLocation westus2` declares it there"
    ) in refused.stderr
    assert by_hand.stack.resources() == []


def test_nothing_is_adopted_without_consent(by_hand: ByHand) -> None:
    stack = by_hand.stack
    stack.configure({f"{SETTING}:resourceGroupLocation": "westus2"})

    asked = stack.adopt()

    assert asked.returncode == 1
    assert standings(asked.stdout) == dict.fromkeys(ALL, ADOPTABLE)
    assert f"Other models of the account: {by_hand.model.id} (resnet)" in asked.stdout
    assert "`fpga adopt -s adoption --yes` adopts without asking" in asked.stderr
    assert stack.resources() == []


def test_what_was_made_by_hand_is_adopted(by_hand: ByHand) -> None:
    stack = by_hand.stack

    adopted = stack.adopt("--yes")

    assert adopted.returncode == 0, adopted.stderr
    assert "Written into the stack's file: fpga-web-service:adopt: true" in adopted.stdout
    assert "Written into the stack's file: fpga-web-service:retainOnDelete: true" in adopted.stdout
    assert "Written into the stack's file: fpga-web-service:replicas: 2" in adopted.stdout
    assert "Written into the stack's file: fpga-web-service:accountCapacity: 2" in adopted.stdout
    assert adopted.stdout.splitlines()[-2:] == [
        "Adopted: resource-group, account, storage, packages, zone, record, service.",
        "`pulumi preview -s adoption` shows what an update would change.",
    ]
    preview = stack.preview()
    updates = dict.fromkeys(("resource-group", "account", "storage", "record"), "update")
    made = dict.fromkeys(("existing-model", "service", "endpoint", "keys", "endpoint-check"), "create")
    assert changed(preview) == updates | made
    (warning,) = preview.complaints
    assert f"The service {NAME} ({by_hand.service.id}) is there already, at " in warning
    assert "it is taken over rather than made. It keeps address and keys" in warning

    refused = stack.destroy(code=None)
    assert refused.code != 0
    assert "because it is protected" in refused.text, "retainOnDelete is in the state with the next update"

    with by_hand.called():
        up = stack.up()

    assert changed(up) == updates | made
    assert changed(stack.preview("--refresh", "--expect-no-changes")) == {}
    by_hand.require_untouched()
    assert stack.outputs(show_secrets=True)["primaryKey"] == by_hand.keys.primary
    assert standings(stack.adopt().stdout) == dict.fromkeys(ALL, "in the stack")


def test_what_is_declared_is_what_is_looked_for(by_hand: ByHand) -> None:
    """The inventory tells type, parent and ID of all that the program has the Azure provider make."""
    stack = by_hand.stack
    file = stack.folder / f"Pulumi.{stack.stack}.yaml"
    values = yaml.safe_load(file.read_text())["config"] | {"azure-native:clientSecret": "not needed here"}
    found = declared.resources(settings.read(values, {}))
    azure = [one for one in stack.resources() if one["type"].startswith("azure-native:")]
    assert {
        (one.name, one.kind.token, one.id, "$".join(filter(None, (one.component.token, one.kind.token))))
        for one in found
    } == {(one["urn"].split("::")[-1], one["type"], one["id"], one["urn"].split("::")[2]) for one in azure}


def test_it_is_let_go_and_adopted_again(by_hand: ByHand) -> None:
    stack = by_hand.stack
    before = stack.outputs(show_secrets=True)

    with by_hand.called():
        stack.destroy()
        assert stack.resources() == []
        again = stack.adopt("--yes")
        up = stack.up()

    assert again.returncode == 0, again.stderr
    assert standings(again.stdout) == dict.fromkeys(ALL, ADOPTABLE) | {"service": CONTINUED}
    assert "Written" not in again.stdout, "consent was given already"
    made = ("existing-model", "service", "endpoint", "keys", "endpoint-check")
    assert changed(up) == dict.fromkeys(made, "create")
    assert changed(stack.preview("--refresh", "--expect-no-changes")) == {}
    assert stack.outputs(show_secrets=True) == before
    by_hand.require_untouched()


def test_a_package_takes_the_adopted_models_place(by_hand: ByHand) -> None:
    stack = by_hand.stack
    stack.run("config", "rm", f"{SETTING}:modelId", "--stack", stack.stack)
    stack.configure({f"{SETTING}:modelPackage": str(stack.cloud.package)})

    with by_hand.called():
        moved = changed(stack.up())

    (registered,) = stack.of_type("Model")
    assert moved == {
        registered["urn"].split("::")[-1]: "create",
        "service": "update",
        "endpoint-check": "update",
        "existing-model": "delete",
    }
    assert stack.management.services_named(NAME)[0].model_id == registered["id"]
    assert by_hand.model in stack.management.models(), "who registered it deletes it"


def test_what_a_run_that_died_had_made_is_no_adoption(make_stack: Callable[..., ProgramStack]) -> None:
    """Killed between Resource Manager's answer and the state's write: the state knows that it was begun."""
    stack = make_stack("begun", loaded=True)
    group = stack.cloud.group_id(stack.group)
    stack.cloud.client.manage("PUT", group, catalogue.RESOURCE_GROUP.api_version, {"location": "eastus2"})
    chain = "fpga:index:ModelManagement$azure-native:resources:ResourceGroup"
    begun = {
        "urn": f"urn:pulumi:begun::fpga-web-service::{chain}::resource-group",
        "type": "azure-native:resources:ResourceGroup",
        "custom": True,
        "inputs": {"resourceGroupName": stack.group, "location": "eastus2"},
    }
    # `pulumi stack import` would drop what is pending
    (file,) = state_url.folder_of(stack.environment["PULUMI_BACKEND_URL"]).glob("**/begun.json")
    state = json.loads(file.read_text())
    latest = state["checkpoint"].setdefault("latest", stack.export()["deployment"])
    latest["pending_operations"] = [{"resource": begun, "type": "creating"}]
    file.write_text(json.dumps(state))

    adopted = stack.adopt("--yes")

    assert adopted.returncode == 0, adopted.stderr
    told, table = adopted.stdout.split("\n", 1)
    assert told == f"resource-group {stack.group}: there; the next update finishes it"
    assert standings(table)["resource-group"] == "in the stack"
    assert standings(table)["account"] == "not there: the next update makes it"
    assert "retainOnDelete" not in adopted.stdout, "it is this stack's own"
    preview = stack.preview()
    assert preview.complaints == [], "nothing is pending any more"
    assert (preview.operations["resource-group"], preview.operations["account"]) == ("update", "create")
