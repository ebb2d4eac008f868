"""The common part of the dynamic providers: the clouds that the stack's configuration names, and comparing.

A provider is stored in the state by reference, so its module's dotted path is state: it must not change.
It keeps nothing of its own; where the cloud is and who signs in comes with `configure`. What costs time
to import is imported where it is used: `check` and `diff` run at every preview.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import CheckResult, ConfigureRequest, ResourceProvider
from pulumi.output import Unknown

from infra.providers import ahead, move

if TYPE_CHECKING:
    from clients.azure.cloud import Cloud
    from clients.azure.model_management import ModelManagement
    from clients.azure.settings import AzureSettings
    from infra.catalogue import Kind
    from infra.settings.clouds import Clouds

Props = dict[str, Any]

_lock = threading.Lock()
_signed_in_to: dict[AzureSettings, Cloud] = {}
_managements: dict[tuple[AzureSettings, str], ModelManagement] = {}


class Provider(ResourceProvider):
    """A provider without state of its own."""

    # the reference to a class is no secret; left readable, the state says what made each resource
    serialize_as_secret_always = False

    def configure(self, _req: ConfigureRequest) -> None:
        # an exception is told to the engine; gRPC would print its traceback beside it
        logging.getLogger("grpc").setLevel(logging.CRITICAL)

    def check(self, olds: Props, news: Props) -> CheckResult:
        if not olds:
            ahead.start()
        return CheckResult(news, [])


class CloudProvider(Provider):
    """A provider that calls the cloud."""

    def configure(self, req: ConfigureRequest) -> None:
        super().configure(req)
        self._config = req.config

    def setting(self, key: str) -> str | None:
        """A setting of the stack, by its key with namespace; None where it is not set."""
        value = self._config.get(key)
        return None if value is None else str(value)

    def cloud(self) -> Cloud:
        """The cloud of groups, storage and zones."""
        clouds = self._clouds()
        return _signed_in(clouds, clouds.azure)

    def package_cloud(self) -> Cloud:
        """The cloud whose storage holds the model packages."""
        clouds = self._clouds()
        return _signed_in(clouds, clouds.of_packages)

    def packages_are_apart(self) -> bool:
        """Whether the packages are in another cloud than the account."""
        clouds = self._clouds()
        return clouds.of_packages != clouds.management

    def management_cloud(self) -> AzureSettings:
        """The cloud of the account, as the settings have it."""
        return self._clouds().management

    def signed_in_management(self) -> Cloud:
        """The same, signed in to."""
        clouds = self._clouds()
        return _signed_in(clouds, clouds.management)

    def is_elsewhere(self, account_id: str) -> bool:
        """Whether an account is in another cloud than the settings have it: it moves with the next update."""
        return move.subscription_of(account_id) != self.management_cloud().subscription_id.lower()

    def management(self, account_id: str) -> ModelManagement:
        """The Model Management account with this resource ID."""
        clouds = self._clouds()
        cloud = _signed_in(clouds, clouds.management)
        from clients.azure.model_management import ModelManagement

        with _lock:
            key = (clouds.management, account_id)
            if key not in _managements:
                _managements[key] = ModelManagement(cloud, account_id)
            return _managements[key]

    def _clouds(self) -> Clouds:
        from infra.settings import clouds

        given = {key: self._config.get(key) for key in clouds.KEYS}
        return clouds.read({key: str(value) for key, value in given.items() if value is not None})


def _signed_in(clouds: Clouds, wanted: AzureSettings) -> Cloud:
    """One of a stack's clouds, signed in to once for all providers of a process."""
    ahead.require("cloud")
    with _lock:
        if wanted not in _signed_in_to:
            from clients.azure.cloud import Cloud

            _signed_in_to[wanted] = Cloud(wanted, ca_file=clouds.roots_of(wanted))
        return _signed_in_to[wanted]


def changed(keys: Iterable[str], olds: Mapping[str, Any], news: Mapping[str, Any]) -> list[str]:
    """The keys, of `keys`, whose value differs or is not known yet."""
    return [key for key in keys if isinstance(news.get(key), Unknown) or olds.get(key) != news.get(key)]


def only(keys: Iterable[str], props: Mapping[str, Any]) -> Props:
    """The inputs among a resource's properties."""
    return {key: props[key] for key in keys if key in props}


def properties(kind: Kind, args: object, outputs: Iterable[str] = ()) -> Props:
    """The properties of a resource of this kind as it is declared.

    Args:
        args: its inputs, a dataclass; those that are secrets of the kind become secrets here.
        outputs: the names of those that its provider adds.
    """
    inputs = {
        name: pulumi.Output.secret(value) if name in kind.secrets else value
        for name, value in vars(args).items()
    }
    return {**inputs, **dict.fromkeys(outputs)}


def with_secrets(kind: Kind, opts: pulumi.ResourceOptions | None) -> pulumi.ResourceOptions:
    """The options of a resource of this kind, with its secrets, which the state encrypts."""
    secret = pulumi.ResourceOptions(additional_secret_outputs=list(kind.secrets))
    return pulumi.ResourceOptions.merge(opts, secret)
