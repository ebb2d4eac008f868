"""A development authority: made once, never due, so that a renewal leaves the root that callers have."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource

from infra import catalogue
from infra.providers import ahead
from infra.providers.base import Props, Provider, changed, properties, with_secrets


class DevelopmentCaProvider(Provider):
    def diff(self, _id: str, olds: Props, news: Props) -> DiffResult:
        replaces = changed(("common_name",), olds, news)
        return DiffResult(changes=bool(replaces), replaces=replaces)

    def create(self, props: Props) -> CreateResult:
        ahead.require("certificates")
        from certs.sources.self_signed import new_authority

        authority = new_authority(props["common_name"], dt.datetime.now(dt.UTC))
        outs = {**props, "certificate": authority.certificate_pem, "key": authority.key_pem}
        return CreateResult(f"{authority.certificate.serial_number:x}", outs)


@dataclass(frozen=True)
class DevelopmentCaArgs:
    """Inputs of a development authority: the name that its certificate bears, 1 to 64 characters."""

    common_name: str


class DevelopmentCa(Resource, module=catalogue.MODULE, name=catalogue.DEVELOPMENT_CA.type_name):
    """A root for ten years: `certificate` is for callers, `key` a secret that stays in the state."""

    certificate: pulumi.Output[str]
    key: pulumi.Output[str]

    def __init__(
        self, name: str, args: DevelopmentCaArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        props = properties(catalogue.DEVELOPMENT_CA, args, ("certificate", "key"))
        super().__init__(DevelopmentCaProvider(), name, props, with_secrets(catalogue.DEVELOPMENT_CA, opts))
