"""The move of an account to another cloud: seen at the preview, by the subscription in its ID.

The engine makes the account anew where the settings have it, and deletes the one of before at the end of the
update, where it is, by the provider that its state has (docs/adr/0072-an-account-moves-by-replacement.md).
What was in that one goes with it: nobody else has the credentials for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from pulumi.output import Unknown

from infra import catalogue

if TYPE_CHECKING:
    from clients.azure.cloud import Cloud
    from clients.azure.settings import AzureSettings

SERVER: Final = "server"
"""The input that says which server the account is on, where that is apart."""
CLOUD: Final = "cloud"
"""The input that says which cloud groups, storage and zones are in; a state of before has none."""


_SUBSCRIPTIONS: Final = "2022-12-01"  # version of the API
_FORBIDDEN: Final = 403


def subscription_of(resource_id: str) -> str:
    """The subscription of a resource ID, in lower case."""
    return resource_id.lower().split("/")[2]


def described(server: AzureSettings) -> dict[str, str]:
    """A cloud, or a management server, for the state: another one of these may be another server."""
    return {"host": server.metadata_host, "tenant_id": server.tenant_id}


def left(what: str, account_id: str) -> str:
    """The sentence about what was in an account that is elsewhere, and is not deleted by itself."""
    return (
        f"{what} is of the subscription {subscription_of(account_id)}, and the settings have another one: it "
        "is left to the account that it is in, and deleted with that, unless others keep it."
    )


def not_looked_at(what: str, account_id: str) -> str:
    """The sentence about what is in an account that is elsewhere, at a refresh."""
    return (
        f"{what} is of the subscription {subscription_of(account_id)}, and the settings have another one: it "
        "is not looked at. The account moves as soon as these settings are deployed."
    )


def warning(olds: Mapping[str, Any], server: AzureSettings) -> str | None:
    """The sentence about a move, for whoever reads the preview; None: the account stays."""
    before = subscription_of(olds["account_id"])
    if before == server.subscription_id.lower():
        return None
    host = _host(olds)
    return (
        f"The account moves to {server.metadata_host}, subscription {server.subscription_id}: model, "
        "service and keys are made there anew, then the record leads there. At the end of the update the "
        f"account of before, of the subscription {before}{f' on {host}' if host else ''}, is deleted with "
        "all that it has, unless others keep it or fpga-web-service:retainOnDelete is set. Who kept "
        "the record meanwhile calls the old address for as long as its TTL."
    )


def problem(
    olds: Mapping[str, Any], news: Mapping[str, Any], server: AzureSettings, signed_in: Callable[[], Cloud]
) -> str | None:
    """The reason why the account cannot be where the settings have it; None: it is there, or can be.

    Asks the server only where the settings name another one than the state, or the account moves.

    Args:
        olds, news: of a resource in the account: `account_id`, which is not known yet where the account is
            to be made, and `SERVER`.
        server: where the settings have the account.
        signed_in: signs in to it.
    """
    before, account_id = str(olds["account_id"]), news["account_id"]
    moves = subscription_of(before) != server.subscription_id.lower()
    is_to_be_made = isinstance(account_id, Unknown)
    if not is_to_be_made and subscription_of(account_id) != server.subscription_id.lower():
        return _stays(account_id, server)
    if not moves and olds.get(SERVER) == news.get(SERVER):
        return None
    if is_to_be_made:
        account_id = before.replace(before.split("/")[2], server.subscription_id, 1)
    from clients.azure.errors import ClientError, NotFound

    try:
        signed_in().manage("GET", account_id, catalogue.ACCOUNT.api_version)
    except NotFound as error:
        if error.code != "SubscriptionNotFound":
            return None if moves else _refused(f"the account {account_id} is not there", olds, server)
        return _refused(str(error), olds, server)
    except ClientError as error:
        return _refused(str(error), olds, server)
    if moves and is_to_be_made:
        return (
            f"the account is to move to {server.metadata_host}, and {account_id} is there already: have it "
            "deleted there, or set fpga-web-service:account to another name"
        )
    return None


def cloud_problem(
    before: Mapping[str, str], cloud: AzureSettings, signed_in: Callable[[], Cloud]
) -> str | None:
    """The reason why the cloud of groups, storage and zones is not found where the settings have it by now;
    None: it is.

    Args:
        before: that cloud as the state has it (`described`).
        cloud: as the settings have it.
        signed_in: signs in to it.
    """
    from clients.azure.errors import ClientError, ServiceError

    try:
        signed_in().manage("GET", f"/subscriptions/{cloud.subscription_id}", _SUBSCRIPTIONS)
    except ClientError as error:
        if isinstance(error, ServiceError) and error.status == _FORBIDDEN:
            return None  # it knows the subscription, and lets who deploys see parts of it
        names = cloud.names
        return (
            f"{str(error).rstrip('.')}. {names.metadata_host} is {cloud.metadata_host}, {names.tenant_id} is "
            f"{cloud.tenant_id}, and what the stack has was made at {before['host']}, tenant "
            f"{before['tenant_id']}: set them back. Where that is another name of the same cloud, change the "
            "host alone; another cloud has another subscription. Nothing was changed"
        )
    return None


def _stays(account_id: str, server: AzureSettings) -> str:
    """As where a plugin does not take another subscription for another cloud."""
    return (
        f"{account_id} is not in the subscription that {server.names.subscription_id} names, "
        f"{server.subscription_id}, and this azure-native plugin does not move it. Set that back, or make a "
        "new stack (docs/two-clouds.md)"
    )


def _refused(reason: str, olds: Mapping[str, Any], server: AzureSettings) -> str:
    names, host = server.names, _host(olds)
    back = f"set {names.metadata_host} back to {host}" if host else "set them back"
    return (
        f"{reason.rstrip('.')}. {names.metadata_host} is {server.metadata_host}, and the stack's account is "
        f"not found there. Where that is another name of the same server, change the host alone; to move the "
        "account to another server, set tenant, subscription, client and secret of that one, too, as `fpga "
        f"cloud status` tells them there; else {back}. Nothing was changed"
    )


def _host(olds: Mapping[str, Any]) -> str:
    return str((olds.get(SERVER) or {}).get("host") or "")
