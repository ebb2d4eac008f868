"""What others keep and a stack uses: its group, its account, its zone; and the words on each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from infra.settings.reader import NAMESPACE

if TYPE_CHECKING:
    from infra.settings.stack import Settings


@dataclass(frozen=True)
class Kept:
    """A kind of resource that others may keep.

    Attributes:
        what: the noun; `switch`: the setting that says that it is there already.
        name: the setting of its name; `group`: that of its resource group, empty for a group itself.
    """

    what: str
    switch: str
    name: str
    group: str = ""

    def missing(self, resource_id: str) -> str:
        """The sentence on one that is not there, with its remedies."""
        parts = resource_id.split("/")
        place = f"the group '{parts[4]}' of the subscription" if self.group else "the subscription"
        remedy = f"{NAMESPACE}:{self.name}"
        if self.group:
            remedy += f" and {NAMESPACE}:{self.group}"
        return (
            f"{NAMESPACE}:{self.switch} is true, and {place} {parts[2]} has no "
            f"{self.what} '{parts[-1]}': set {remedy} to the one that is there, have its keepers make it, or "
            f"remove {self.switch}, and the stack makes it"
        )


GROUP: Final = Kept("resource group", "resourceGroupExists", "resourceGroup")
ACCOUNT: Final = Kept("Model Management account", "accountExists", "account", "accountResourceGroup")
ZONE: Final = Kept("DNS zone", "zoneExists", "zone", "zoneResourceGroup")


def of(resource_id: str) -> Kept:
    """The kind that a resource ID is of."""
    by_type = {"resourcegroups": GROUP, "accounts": ACCOUNT, "dnszones": ZONE}
    return by_type[resource_id.lower().split("/")[-2]]


def contradictions(settings: Settings) -> Iterator[tuple[str, str]]:
    """The settings by which what others keep would be changed, or deleted: with a group goes all in it."""
    account, domain = settings.account, settings.domain
    own = account.resource_group.lower()
    one_cloud = not settings.management.is_apart
    # where the account is on a server, the stack has a group there for packages alone
    if account.exists and account.account_group.lower() == own:
        if one_cloud and not account.group_exists:
            yield _in_own_group(ACCOUNT, account.resource_group)
        elif settings.management.holds_packages:
            yield (
                ACCOUNT.switch,
                f"is true, and with managementStorage the group '{account.resource_group}' on the server is "
                "the stack's: `pulumi destroy` deletes it with all that is in it. Set "
                f"{NAMESPACE}:{ACCOUNT.group} to the account's own group, or remove managementStorage",
            )
    if domain.exists and domain.caa_issuers:
        yield (
            "caaIssuers",
            f"would say who may issue for every name in '{domain.zone}', and with zoneExists the zone is "
            "others': have its keepers say so, and remove it here",
        )
    if domain.exists and (domain.zone_group or own).lower() == own and not account.group_exists:
        yield _in_own_group(ZONE, account.resource_group)


def _in_own_group(kept: Kept, group: str) -> tuple[str, str]:
    return kept.switch, (
        f"is true, and the group '{group}' is the stack's: `pulumi destroy` deletes it with all that is in "
        f"it. Set {NAMESPACE}:{kept.group} to the group that the {kept.what} is in, or, where others keep "
        f"this one, {NAMESPACE}:{GROUP.switch} to true"
    )
