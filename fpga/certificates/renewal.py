"""The certificate that a stack has been issued, as its state tells it, and whether a renewal is due."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from certs.renewal import Due, days_left, due
from fpga.errors import CommandError
from fpga.plan.model import Change
from infra import catalogue

NAMESPACE: Final = "fpga-web-service"
SOURCE: Final = f"{NAMESPACE}:certificateSource"
GENERATION: Final = f"{NAMESPACE}:certificateGeneration"

FOLLOWING: Final = frozenset((catalogue.SERVICE.token, catalogue.ENDPOINT_CHECK.token))
"""The types of resources that are updated after a certificate, because it is another one."""

_RENEWED: Final = FOLLOWING.union(catalogue.ISSUING)
_BROUGHT: Final = {
    "files": "put the new chain and key where {0}:certificateFile and {0}:keyFile name them",
    "pfx": "put the new container where {0}:pfxFile names it, its password into {0}:pfxPassword "
    "(`pulumi config set -s {1} --secret {0}:pfxPassword`)",
    "config": "set the new ones: `pulumi config set -s {1} --plaintext {0}:certificateChain < chain.pem` and "
    "`pulumi config set -s {1} --secret {0}:certificateKey < key.pem`",
}


@dataclass(frozen=True)
class IssuedCertificate:
    """A certificate in a stack's state.

    Attributes:
        source: of the certificate, `self_signed` or `acme`.
        pem: the chain, leaf first.
        generation: the one that it was issued for, from 1.
        due: when a renewal of it is due.
    """

    source: str
    pem: str
    generation: int
    not_after: datetime
    due: Due

    @classmethod
    def of(cls, stack: str, source: str, resources: Iterable[Mapping[str, Any]]) -> IssuedCertificate:
        """Finds it among the resources of the stack's state.

        Raises:
            CommandError: the source's certificates are brought, not issued; or none was issued yet.
        """
        if source in _BROUGHT:
            how = _BROUGHT[source].format(NAMESPACE, stack)
            raise CommandError(
                f"{SOURCE} of the stack {stack} is {source}: its certificate is renewed by you. To renew it, "
                f"{how}; then `pulumi up -s {stack}`, whose preview checks them. Certificates of the sources "
                "self_signed and acme are renewed by the program."
            )
        if source not in catalogue.ISSUING.values():
            from infra.settings.certificate import SOURCES

            raise CommandError(
                f"{SOURCE} of the stack {stack} is '{source}': choose one of {', '.join(SOURCES)}."
            )
        for one in resources:
            told = one.get("outputs", {})
            if catalogue.ISSUING.get(one["type"]) == source and told.get("certificate"):
                return cls._read(source, told)
        raise CommandError(
            f"The stack {stack} has no certificate of the source {source} yet: `pulumi up -s {stack}` has "
            "the first one issued."
        )

    @classmethod
    def _read(cls, source: str, told: Mapping[str, Any]) -> IssuedCertificate:
        begin, end = (datetime.fromisoformat(told[key]) for key in ("not_before", "not_after"))
        suggested = datetime.fromisoformat(told["renew_at"]) if told.get("renew_at") else None
        generation = int(told.get("generation", 1))
        return cls(source, str(told["certificate"]), generation, end, due(begin, end, suggested))

    def reason(self, configured: int, now: datetime) -> str | None:
        """The reason why a renewal is due at `now`, with the configured generation; None: it is not due."""
        if configured > self.generation:
            return f"{GENERATION} is {configured}, and it was issued for {self.generation}"
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


def beyond_renewal(changes: Sequence[Change]) -> list[Change]:
    """The changes that are no part of a renewal, which updates certificate, service and endpoint check."""
    return [one for one in changes if one.operation != "update" or one.type not in _RENEWED]


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
