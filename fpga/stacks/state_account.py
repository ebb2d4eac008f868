"""The storage account of a state: made through Resource Manager, and its key, with which the CLI signs in.

Who signs in is who deploys: the stack's azure-native settings, or ARM_* of the environment. Where their
secret is not at hand, the CLI signs in by itself, with Entra ID (`DefaultAzureCredential`: `az login`, a
workflow's OIDC, a managed identity).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from clients.azure import settings
from fpga.errors import CommandError
from fpga.stacks import state_container
from fpga.stacks.state_container import StateContainer

if TYPE_CHECKING:
    from clients.azure.cloud import Cloud

API_VERSION: Final = "2024-01-01"
GROUP_API_VERSION: Final = "2021-04-01"
# what keeps a state from strangers; an account that has it otherwise is put right
GUARDED: Final[Mapping[str, Any]] = {
    "supportsHttpsTrafficOnly": True,
    "allowBlobPublicAccess": False,
    "minimumTlsVersion": "TLS1_2",
}
_ACCOUNT_NAME: Final = re.compile(r"[a-z0-9]{3,24}")
_PROVIDER: Final = "Microsoft.Storage"
_READY_WITHIN_S: Final = 120.0


def sign_in(
    url: str, read_config: Callable[[], Mapping[str, str]], environ: Mapping[str, str], *, ca_file: str | None
) -> dict[str, str]:
    """The AZURE_STORAGE_* variables by which the CLI reaches the state at `url`; those of `environ` for
    another account are not among them.

    Args:
        url: of the backend; one that is not azblob:// needs none.
        read_config: gives the stack's settings `azure-native:*` in the clear; called where they are needed.
        environ: the caller's variables: a key, a SAS or a connection string there goes before all else.
        ca_file: PEM file of the roots to trust; None: the system's.

    Raises:
        CommandError: the account is not in the subscription.
        SettingsError, ClientError: who deploys is not told in full, or Resource Manager refuses.
    """
    container = StateContainer.parse(url, environ)
    if container is None:
        return {}
    given = {name: environ[name] for name in state_container.VARIABLES if environ.get(name)}
    is_ours = given.get(state_container.ACCOUNT_VARIABLE, container.account) == container.account
    if is_ours and given.keys() - {state_container.ACCOUNT_VARIABLE, state_container.DOMAIN_VARIABLE}:
        return given | {state_container.ACCOUNT_VARIABLE: container.account}
    config = read_config()
    if not _has_secret(config, environ):
        return {state_container.ACCOUNT_VARIABLE: container.account}
    cloud = connect(config, environ, ca_file=ca_file)
    try:
        account = find(cloud, container.account, subscription(config, environ))
        if account is None:
            raise CommandError(
                f"The storage account {container.account}, which is to hold the state, is not in the "
                f"subscription {subscription(config, environ)}: `fpga state init` makes it. To reach one of "
                f"another subscription, set {state_container.KEY_VARIABLE}."
            )
        keys = cloud.manage("POST", f"{account['id']}/listKeys", API_VERSION)["keys"]
    finally:
        cloud.close()
    variables = {
        state_container.ACCOUNT_VARIABLE: container.account,
        state_container.KEY_VARIABLE: str(keys[0]["value"]),
    }
    domain = _domain(account, container.account)
    if container.domain is None and domain != state_container.PUBLIC_DOMAIN:
        variables[state_container.DOMAIN_VARIABLE] = domain
    return variables


def connect(config: Mapping[str, str], environ: Mapping[str, str], *, ca_file: str | None) -> Cloud:
    """Resource Manager, as who deploys sees it.

    Raises:
        SettingsError: who that is is not told in full.
    """
    from clients.azure.cloud import Cloud
    from infra.settings.azure import read

    return Cloud(read(config, environ), ca_file=ca_file)


def _has_secret(config: Mapping[str, str], environ: Mapping[str, str]) -> bool:
    """Whether who deploys has one. A workflow's identity signs in to the state itself; it lists no keys."""
    return bool(_setting("clientSecret", config, environ))


def subscription(config: Mapping[str, str], environ: Mapping[str, str]) -> str:
    """The subscription's UUID."""
    return _setting("subscriptionId", config, environ)


def _setting(key: str, config: Mapping[str, str], environ: Mapping[str, str]) -> str:
    return settings.text(key, settings.of_stack(config), environ)


def find(cloud: Cloud, name: str, subscription_id: str) -> Mapping[str, Any] | None:
    """The storage account, whatever its resource group; None: the subscription has none of that name."""
    path = f"/subscriptions/{subscription_id}/providers/{_PROVIDER}/storageAccounts"
    page = cloud.manage("GET", path, API_VERSION)
    while True:
        for account in page.get("value", []):
            if account["name"] == name:
                return dict(account)
        if not page.get("nextLink"):
            return None
        page = cloud.pipeline.follow(str(page["nextLink"]), named_by=cloud.endpoints.resource_manager).body


def make(
    cloud: Cloud,
    container: StateContainer,
    subscription_id: str,
    group: str,
    location: str,
    tell: Callable[[str], object],
) -> None:
    """Makes what is missing: resource group, storage account, container. An account that is there stays in
    its group, and is closed to strangers.

    Args:
        tell: takes a line for each thing that was made or changed.

    Raises:
        CommandError: the name is somebody else's.
        ClientError: Resource Manager refuses.
    """
    if not _ACCOUNT_NAME.fullmatch(container.account):
        raise CommandError(
            f"A storage account cannot be called '{container.account}': its name takes 3 to 24 lower-case "
            "letters and digits, nothing else."
        )
    account = find(cloud, container.account, subscription_id)
    if account is None:
        _require_free(cloud, container.account, subscription_id)
        account = _make_account(cloud, container.account, subscription_id, group, location, tell)
    else:
        open_to = {k: v for k, v in GUARDED.items() if account["properties"].get(k) != v}
        if open_to:
            body = {"properties": open_to}
            cloud.manage("PATCH", account["id"], API_VERSION, body)
            tell(
                f"Closed to strangers ({', '.join(sorted(open_to))}): the storage account {container.account}"
            )
    path = f"{account['id']}/blobServices/default/containers/{container.name}"
    if _exists(cloud, path, API_VERSION):
        return
    cloud.manage("PUT", path, API_VERSION, {"properties": {"publicAccess": "None"}})
    tell(f"Made: the container {container.name} of {container.account}")


def _make_account(
    cloud: Cloud, name: str, subscription_id: str, group: str, location: str, tell: Callable[[str], object]
) -> Mapping[str, Any]:
    group_path = f"/subscriptions/{subscription_id}/resourceGroups/{group}"
    if not _exists(cloud, group_path, GROUP_API_VERSION):
        cloud.manage("PUT", group_path, GROUP_API_VERSION, {"location": location})
        tell(f"Made: the resource group {group} in {location}")
    path = f"{group_path}/providers/{_PROVIDER}/storageAccounts/{name}"
    body = {
        "location": location,
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS"},
        "properties": dict(GUARDED),
    }
    cloud.manage("PUT", path, API_VERSION, body)
    account = _when_ready(cloud, path)
    tell(f"Made: the storage account {name} in {group}")
    return account


def _when_ready(cloud: Cloud, path: str) -> Mapping[str, Any]:
    """The account, when Resource Manager has made it (it may answer 202 before)."""
    from clients.azure.errors import NotFound
    from clients.azure.operations import Pending, Waiter

    def look() -> Mapping[str, Any] | Pending:
        try:
            account = cloud.manage("GET", path, API_VERSION)
        except NotFound:
            return Pending("it is not there")
        state = account["properties"].get("provisioningState", "Succeeded")
        return account if state == "Succeeded" else Pending(f"provisioningState {state}")

    return Waiter().until_done(look, what="the storage account", deadline_s=_READY_WITHIN_S)


def _require_free(cloud: Cloud, name: str, subscription_id: str) -> None:
    path = f"/subscriptions/{subscription_id}/providers/{_PROVIDER}/checkNameAvailability"
    body = {"name": name, "type": f"{_PROVIDER}/storageAccounts"}
    told = cloud.manage("POST", path, API_VERSION, body)
    if not told.get("nameAvailable", True):
        raise CommandError(
            f"The storage account {name} is not in the subscription {subscription_id}, and cannot be made "
            f"there: {told.get('message', 'its name is taken')} Names are one space for the whole cloud: "
            "name another one in the stack's Backend file."
        )


def _exists(cloud: Cloud, path: str, api_version: str) -> bool:
    from clients.azure.errors import NotFound

    try:
        cloud.manage("GET", path, api_version)
    except NotFound:
        return False
    return True


def _domain(account: Mapping[str, Any], name: str) -> str:
    """Host, and port, of the account's blob endpoint, without the account's own label."""
    return urlsplit(str(account["properties"]["primaryEndpoints"]["blob"])).netloc.removeprefix(f"{name}.")
