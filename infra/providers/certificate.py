"""A server certificate that a development authority issues; due when two thirds of its life are over."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi.dynamic import CheckResult, CreateResult, DiffResult, Resource, UpdateResult

from certs import renewal
from infra import catalogue
from infra.providers import ahead, generation, names
from infra.providers.base import Props, Provider, changed, properties, with_secrets

_INPUTS = ("fqdn", "ca_certificate", "ca_key")
_OUTPUTS = ("certificate", "key", "fingerprint", "not_before", "not_after")


class CertificateProvider(Provider):
    def check(self, olds: Props, news: Props) -> CheckResult:
        result = super().check(olds, news)
        result.failures.extend(generation.lowered(olds, news))
        return result

    def diff(self, _id: str, olds: Props, news: Props) -> DiffResult:
        """Goes by the state's dates alone: no certificate is parsed at a preview."""
        begin, end = (dt.datetime.fromisoformat(olds[key]) for key in ("not_before", "not_after"))
        due = renewal.is_due(begin, end, dt.datetime.now(dt.UTC))
        raised = generation.of(olds) != generation.of(news)
        others = bool(changed(_INPUTS, olds, news)) or names.changed(olds, news)
        return DiffResult(changes=due or raised or others)

    def create(self, props: Props) -> CreateResult:
        return CreateResult(props["fqdn"], _issued(props))

    def update(self, _id: str, _olds: Props, news: Props) -> UpdateResult:
        return UpdateResult(_issued(news))


def _issued(props: Props) -> Props:
    ahead.require("certificates")
    from certs.sources.self_signed import Authority, SelfSignedSource

    authority = Authority.from_pem(props["ca_certificate"], props["ca_key"])
    obtained = SelfSignedSource(authority).obtain(names.of(props), dt.datetime.now(dt.UTC))
    bundle = obtained.reading.bundle()
    return {
        **props,
        "certificate": bundle.certificate_pem,
        "key": bundle.key_pem,
        "fingerprint": bundle.fingerprint_sha256,
        "not_before": bundle.not_before.isoformat(),
        "not_after": bundle.not_after.isoformat(),
    }


@dataclass(frozen=True)
class CertificateArgs:
    """Inputs of a certificate.

    Attributes:
        fqdn: the name that it is for.
        ca_certificate, ca_key: the authority that issues it (PEM).
        generation: raised by one, and it is issued anew.
        names: more names that it is for, the first label may be `*`; their order does not count.
    """

    fqdn: str
    ca_certificate: pulumi.Input[str]
    ca_key: pulumi.Input[str]
    generation: int = 1
    names: Sequence[str] | None = None


class Certificate(Resource, module=catalogue.MODULE, name=catalogue.CERTIFICATE.type_name):
    """A chain, leaf first, with its key (both PEM), fingerprint (SHA-256) and dates (RFC 3339, UTC)."""

    certificate: pulumi.Output[str]
    key: pulumi.Output[str]
    fingerprint: pulumi.Output[str]
    not_before: pulumi.Output[str]
    not_after: pulumi.Output[str]

    def __init__(self, name: str, args: CertificateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        props = properties(catalogue.CERTIFICATE, args, _OUTPUTS)
        super().__init__(CertificateProvider(), name, props, with_secrets(catalogue.CERTIFICATE, opts))
