"""A server certificate that an authority issues by ACME; due at two thirds of its life, or when it says so.

What the authority suggests (RFC 9773) is asked when the certificate is issued and at each refresh, and kept
in the state: a preview asks nobody.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import CheckResult, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from certs import renewal
from infra import catalogue
from infra.proof import caa_issuers
from infra.providers import ahead, engine_log, generation, names
from infra.providers.acme_account import session
from infra.providers.base import CloudProvider, Props, changed, only, properties, with_secrets
from infra.settings.acme import DEFAULT_TIMEOUT_S

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from certs.acme.session import Session
    from certs.findings import Finding
    from clients.azure.dns_records import TxtRecords

# what makes it another certificate; where the proofs are published does not
_ISSUED_FOR = ("fqdn", "profile", "directory", "account", "roots")
_PROVED_BY = (
    *("key_of_account", "zone", "zone_id", "name_servers", "owner", "minimum_days"),
    # not there in the states of before they could be
    *("timeout_s", "caa_issuers", "resolvers"),
)
_INPUTS = (*_ISSUED_FOR, *_PROVED_BY, generation.NAME, names.MORE)
_OUTPUTS = ("certificate", "key", "fingerprint", "not_before", "not_after", "renew_at")
_NAME_ROOTS = "fpga-web-service:acmeRootsFile must hold the root of what the authority issues, too."
_REMEDIES = {
    "chain-incomplete": _NAME_ROOTS,
    "chain-untrusted": _NAME_ROOTS,
    "expires-soon": "Choose a longer life by fpga-web-service:acmeProfile, or lower "
    "fpga-web-service:minimumDays.",
}
ADVICE_S = 10.0
"""How long a refresh waits for advice on renewals: it is done without."""


class AcmeCertificateProvider(CloudProvider):
    def check(self, olds: Props, news: Props) -> CheckResult:
        result = super().check(olds, news)
        result.failures.extend(generation.lowered(olds, news))
        return result

    def diff(self, _id: str, olds: Props, news: Props) -> DiffResult:
        """Goes by the state's dates alone: neither the authority nor the zone is asked at a preview.

        Raises:
            AcmeError: the CAA records that are declared shut out the authority, by the names that it had when
                it issued the certificate.
        """
        _require_declared_permission(olds, news)
        due = dt.datetime.now(dt.UTC) >= _due(olds).at
        raised = generation.of(olds) != generation.of(news)
        others = bool(changed(_ISSUED_FOR, olds, news)) or names.changed(olds, news)
        return DiffResult(changes=due or raised or others)

    def create(self, props: Props) -> CreateResult:
        self._clean_up(props)
        return CreateResult(props["fqdn"], self._issued(props, replaced=None))

    def update(self, _id: str, olds: Props, news: Props) -> UpdateResult:
        if olds["zone_id"] == news["zone_id"]:
            self._clean_up(olds)
        return UpdateResult(self._issued(news, replaced=olds))

    def read(self, id_: str, props: Props) -> ReadResult:
        """The certificate is what the state says; the authority may want it renewed earlier by now."""
        ahead.require("proof")
        from certs.bundle import read_roots
        from certs.findings import CERTIFICATE_ORIGIN

        leaf = read_roots(props["certificate"], CERTIFICATE_ORIGIN)[0]
        with _signed_in(props, patience_s=ADVICE_S) as acme:
            seen = {"renew_at": _renew_at(acme, leaf, props["renew_at"])}
        return ReadResult(id_, {**props, **seen}, only(_INPUTS, props))

    def delete(self, _id: str, props: Props) -> None:
        """Removes what a run that died has left in the zone; the certificate ends by itself."""
        self._clean_up(props)

    def _clean_up(self, props: Props) -> None:
        """Removes what runs that died have left in the zone, of names that are ordered no more, too."""
        ahead.require("proof")
        records, tell = self._records(props), engine_log.Waiting()
        for name in records.ours():
            tell(f"Removing the proof at {name} in {props['zone']}, which a run that died has left")
            records.remove(name)

    def _records(self, props: Mapping[str, Any]) -> TxtRecords:
        from clients.azure.dns_records import TxtRecords

        return TxtRecords(self.cloud(), props["zone_id"], props["owner"])

    def _issued(self, props: Props, *, replaced: Props | None) -> Props:
        ahead.require("proof")  # all of it: the library imports what the stages do
        from certs import checks
        from certs.acme.renewal_info import certificate_id
        from certs.bundle import read_roots
        from certs.errors import RefusedError
        from certs.findings import CERTIFICATE_ORIGIN, Origin
        from certs.sources.acme import AcmeSource
        from infra.proof.caa_records import ZoneCaa
        from infra.proof.challenges import ZoneChallenges

        follows = None
        ordered = names.of(props)
        # one of another customer's, or without a name in common, is none that it follows (RFC 9773, 5)
        if (
            replaced
            and replaced["account"] == props["account"]
            and not set(names.of(replaced)).isdisjoint(ordered)
        ):
            follows = certificate_id(read_roots(replaced["certificate"], CERTIFICATE_ORIGIN)[0])
        with _signed_in(props) as acme:
            zone, servers, tell = props["zone"], tuple(props["name_servers"]), engine_log.Waiting()

            def left_s() -> float:
                return acme.pace.left_s

            source = AcmeSource(
                session=acme,
                dns=ZoneChallenges(self._records(props), zone, servers, left_s, tell),
                caa=ZoneCaa(
                    zone, servers, props.get("resolvers"), props.get("caa_issuers") or (), left_s, tell
                ),
                profile=props["profile"] or None,
                roots_pem=props["roots"] or None,
                replaces=follows,
            )
            obtained = source.obtain(ordered, dt.datetime.now(dt.UTC))
            roots = read_roots(props["roots"], Origin.of_file("roots", "")) if props["roots"] else None
            # it may begin at the very moment at which it was issued
            now, minimum_days = dt.datetime.now(dt.UTC), int(props["minimum_days"])
            try:
                bundle = checks.require(
                    obtained.reading, props["fqdn"], now, roots, minimum_days, also=ordered
                ).bundle
            except RefusedError as why:
                raise RefusedError(map(as_settings, why.findings)) from None
            renew_at = _renew_at(acme, bundle.leaf, "")
            identities = acme.meta("caa_identities")
        return {
            **props,
            "certificate": bundle.certificate_pem,
            "key": bundle.key_pem,
            "fingerprint": bundle.fingerprint_sha256,
            "not_before": bundle.not_before.isoformat(),
            "not_after": bundle.not_after.isoformat(),
            "renew_at": renew_at,
            "caa_identities": [str(one) for one in identities or ()],
        }


def _require_declared_permission(olds: Props, news: Props) -> None:
    declared, identities = news.get("caa_issuers"), olds.get("caa_identities")
    if not declared or not identities or olds["directory"] != news["directory"]:
        return
    reason = caa_issuers.refusal(declared, identities)
    if reason is not None:
        raise caa_issuers.forbidden(f"{news['zone']} (as declared)", reason, identities)


def as_settings(finding: Finding) -> Finding:
    """A finding on what an authority issued, with the settings as its remedy: nobody can append to its chain,
    and the next certificate would be as this one.
    """
    return replace(finding, remedy=_REMEDIES.get(finding.code, finding.remedy))


def _due(props: Props) -> renewal.Due:
    begin, end = (dt.datetime.fromisoformat(props[key]) for key in ("not_before", "not_after"))
    suggested = dt.datetime.fromisoformat(props["renew_at"]) if props["renew_at"] else None
    return renewal.due(begin, end, suggested)


def _renew_at(acme: Session, leaf: Certificate, kept: str) -> str:
    """When the authority would like a renewal (RFC 3339); empty where it does not say."""
    from certs.acme.renewal_info import suggested_window

    window = suggested_window(acme, leaf)
    if window is None:
        return kept
    return window.choose(dt.datetime.fromisoformat(kept) if kept else None).isoformat()


@contextmanager
def _signed_in(props: Props, *, patience_s: float | None = None) -> Iterator[Session]:
    account = {**props, "key": props["key_of_account"]}
    with session(account, props["account"], patience_s=patience_s) as acme:
        yield acme


@dataclass(frozen=True)
class AcmeCertificateArgs:
    """Inputs of a certificate.

    Attributes:
        fqdn: the name that it is for.
        profile: the authority's name for a kind of certificate; empty: its default.
        account, key_of_account: URL and key (PEM) of the account.
        roots: the roots of a private authority, PEM; empty: those of the system.
        zone, zone_id, name_servers: where the name is proved, and who must answer the proof (`host:port`).
        owner: under which name the proofs are kept apart from those of others.
        minimum_days: a chain with fewer days left is refused.
        generation: raised by one, and it is issued anew.
        timeout_s: how long the order may take, with its proof and all waiting.
        caa_issuers: who may issue for names in the zone, as the graph declares it; None: it declares nothing.
        resolvers: `ADDRESS[:PORT]` of resolvers that are asked for CAA records above the zone; empty: the
            system's; None: nobody is.
        names: more names that it is for, of the same zone, the first label may be `*`; all are in one order,
            and their order does not count.
    """

    fqdn: str
    profile: str
    directory: str
    account: pulumi.Input[str]
    key_of_account: pulumi.Input[str]
    roots: str
    zone: str
    zone_id: pulumi.Input[str]
    name_servers: pulumi.Input[Sequence[str]]
    owner: str
    minimum_days: int
    generation: int = 1
    timeout_s: int = DEFAULT_TIMEOUT_S
    caa_issuers: Sequence[str] | None = None
    resolvers: Sequence[str] | None = None
    names: Sequence[str] | None = None


class AcmeCertificate(Resource, module=catalogue.MODULE, name=catalogue.ACME_CERTIFICATE.type_name):
    """A chain, leaf first, with its key (both PEM), fingerprint (SHA-256) and dates (RFC 3339, UTC)."""

    certificate: pulumi.Output[str]
    key: pulumi.Output[str]
    fingerprint: pulumi.Output[str]
    not_before: pulumi.Output[str]
    not_after: pulumi.Output[str]
    renew_at: pulumi.Output[str]

    def __init__(
        self, name: str, args: AcmeCertificateArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        props = properties(catalogue.ACME_CERTIFICATE, args, _OUTPUTS)
        super().__init__(
            AcmeCertificateProvider(), name, props, with_secrets(catalogue.ACME_CERTIFICATE, opts)
        )
