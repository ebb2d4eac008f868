"""The certificate that a stack has been issued, as its state tells it, and whether a renewal is due."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from certs.renewal import Due, days_left, due
from fpga.errors import CommandError
from fpga.plan.model import Change
from fpga.stacks.service_items import NAMESPACE, ServiceItem
from fpga.stacks.service_resources import certified_by, of_service
from infra import catalogue

SOURCE: Final = f"{NAMESPACE}:certificateSource"
_GENERATION: Final = "certificateGeneration"
GENERATION: Final = f"{NAMESPACE}:{_GENERATION}"

FOLLOWING: Final = frozenset((catalogue.SERVICE.token, catalogue.ENDPOINT_CHECK.token))
"""The types of resources that are updated after a certificate, because it is another one."""

_RENEWED: Final = FOLLOWING.union(catalogue.ISSUING)
_BROUGHT: Final = {
    "files": "put the new chain and key where {0}certificateFile and {0}keyFile name them",
    "pfx": "put the new container where {0}pfxFile names it, its password into {0}pfxPassword "
    "(`pulumi config set -s {1} --secret {2}{0}pfxPassword{3}`)",
    "config": "set the new ones: `pulumi config set -s {1} --plaintext {2}{0}certificateChain{3} < "
    "chain.pem` and `pulumi config set -s {1} --secret {2}{0}certificateKey{3} < key.pem`",
}


@dataclass(frozen=True)
class IssuedCertificate:
    """A certificate in a stack's state.

    Attributes:
        source: of the certificate, `self_signed` or `acme`.
        pem: the chain, leaf first.
        generation: the one that it was issued for, from 1.
        due: when a renewal of it is due.
        setting: where the generation is set.
    """

    source: str
    pem: str
    generation: int
    not_after: datetime
    due: Due
    setting: str = GENERATION

    @classmethod
    def of(
        cls, stack: str, source: str, resources: Iterable[dict[str, Any]], item: ServiceItem | None = None
    ) -> IssuedCertificate:
        """Finds it among the resources of the stack's state.

        Args:
            item: the service whose certificate it is; None: the stack has one service, without a name.

        Raises:
            CommandError: the source's certificates are brought, not issued; or none was issued yet.
        """
        whose = f"the service {item.name} of the stack {stack}" if item else f"the stack {stack}"
        listed = list(resources)
        # its own settings say nothing of a certificate then
        if item and (holder := certified_by(listed, item.name)):
            raise CommandError(
                f"The service {item.name} of the stack {stack} has the certificate of the service {holder}: "
                f"`fpga certs renew -s {stack} --service {holder}` renews it."
            )
        if source in _BROUGHT:
            place = (item.path(""), stack, "--path '", "'") if item else (f"{NAMESPACE}:", stack, "", "")
            how = _BROUGHT[source].format(*place)
            raise CommandError(
                f"{SOURCE} of {whose} is {source}: its certificate is renewed by you. To renew it, "
                f"{how}; then `pulumi up -s {stack}`, whose preview checks them. Certificates of the sources "
                "self_signed and acme are renewed by the program."
            )
        if source not in catalogue.ISSUING.values():
            from infra.settings.certificate import SOURCES

            raise CommandError(f"{SOURCE} of {whose} is '{source}': choose one of {', '.join(SOURCES)}.")
        for one in of_service(listed, item.name) if item else listed:
            told = one.get("outputs", {})
            if catalogue.ISSUING.get(one["type"]) == source and told.get("certificate"):
                return cls._read(source, told, item.path(_GENERATION) if item else GENERATION)
        raise CommandError(
            f"{whose[0].upper()}{whose[1:]} has no certificate of the source {source} yet: "
            f"`pulumi up -s {stack}` has the first one issued."
        )

    @classmethod
    def _read(cls, source: str, told: Mapping[str, Any], setting: str) -> IssuedCertificate:
        begin, end = (datetime.fromisoformat(told[key]) for key in ("not_before", "not_after"))
        suggested = datetime.fromisoformat(told["renew_at"]) if told.get("renew_at") else None
        generation = int(told.get("generation", 1))
        return cls(source, str(told["certificate"]), generation, end, due(begin, end, suggested), setting)

    def reason(self, configured: int, now: datetime) -> str | None:
        """The reason why a renewal is due at `now`, with the configured generation; None: it is not due."""
        if configured > self.generation:
            return f"{self.setting} is {configured}, and it was issued for {self.generation}"
        return f"{self.why} since {_moment(self.due.at)}" if now >= self.due.at else None

    @property
    def why(self) -> str:
        """The cause by which it falls due, sooner or later."""
        if self.due.suggested:
            return "its authority suggests it (RFC 9773)"
        return "two thirds of its lifetime are over"

    def rows(self, now: datetime) -> dict[str, str]:
        """The facts of it for a person, as label -> text."""
        from certs.bundle import read_roots
        from certs.describe import describe
        from certs.findings import Origin

        leaf = describe(read_roots(self.pem, Origin("certificate of the stack", "chain.pem"))[0], now)
        return {
            "names": ", ".join(leaf.dns_names),
            "issuer": leaf.issuer,
            "expires": f"{_moment(self.not_after)} ({_left(self.not_after, now)})",
            "due": f"{_moment(self.due.at)}: {self.why}{'' if now >= self.due.at else ' then'}",
            "generation": f"{self.generation} ({self.source})",
            "SHA-256": leaf.fingerprint_sha256,
        }


def generation_of(settings: Mapping[str, str]) -> int:
    """The generation that a stack's settings ask for.

    Raises:
        CommandError: it is not a whole number.
    """
    written = settings.get(GENERATION, "1")
    try:
        return int(written)
    except ValueError:
        raise CommandError(f"{GENERATION} is '{written}': it takes a whole number from 1.") from None


def beyond_renewal(changes: Sequence[Change], services: Collection[str] = ("",)) -> list[Change]:
    """The changes that are no part of a renewal, which updates certificate, service and endpoint check.

    Args:
        services: the names of those whose certificates are renewed; the only one's may be empty.
    """
    return [
        one
        for one in changes
        if one.operation != "update"
        or one.type not in _RENEWED
        # one certificate may be of several services: those that have it go with it
        or (one.service not in services and not follows(one))
    ]


def follows(change: Change) -> bool:
    """Whether a resource is updated for no other reason than a certificate that is not known yet."""
    unknown = all(
        one.after is not None and one.after.kind in ("unknown", "secret") for one in change.differences
    )
    return change.operation == "update" and change.type in FOLLOWING and unknown


def not_due(issued: IssuedCertificate) -> str:
    """The sentence for a certificate that stays."""
    return f"Not due until {_moment(issued.due.at)}; nothing changed. --early renews it now."


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _left(not_after: datetime, now: datetime) -> str:
    days = days_left(not_after, now)
    if now > not_after:
        return "expired"
    return "1 day left" if days == 1 else f"{days} days left"
