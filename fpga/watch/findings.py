"""The findings of a night watch in a stack: pure, from two plans of the same moment.

The one is made of the state alone, the other after a look at the cloud: what only the latter would change is
drift, and what both would change was never applied.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from certs import renewal
from fpga.certificates.renewal import follows
from fpga.plan.model import Certificate, Change, Difference, Drift, Plan, PolicyFinding
from fpga.plan.wording import part_title
from fpga.watch.report import FAILED, Finding, Watch
from infra import catalogue


def watched(declared: Plan, looked: Plan, now: datetime, warn_days: int) -> Watch:
    """The findings, the most pressing first.

    Args:
        declared: the plan without, `looked` the one with a refresh.
        warn_days: a certificate with fewer days left is told, whether its renewal is due or not.
    """
    stack = declared.stack
    for plan in (declared, looked):
        if not plan.succeeded:
            return failed(stack, plan.errors)
    if not looked.refreshed:
        return failed(stack, ["The cloud was not looked at."])
    found = (
        *(one for whose, part in _certified(looked) for one in _expiry(whose, part, now, warn_days)),
        *(_drift(stack, one) for one in looked.drift),
        *_unapplied(stack, declared),
        *(_policy(stack, one) for one in looked.policy),
    )
    services = tuple(one.name for one in looked.services)
    return Watch(stack, _with_keys_of_their_own(found), services)


@dataclass(frozen=True)
class _Whose:
    """The service that a finding is of: a stack's only one, without a name, or one of several.

    Attributes:
        others: the services that have the same certificate.
    """

    stack: str
    service: str
    others: tuple[str, ...] = ()

    def key(self, kind: str) -> str:
        return f"{kind}/{_key(self.service)}" if self.service else kind

    @property
    def certificate(self) -> str:
        return f"the certificate of the service {self.service}" if self.service else "the certificate"

    @property
    def renew(self) -> str:
        """The command that renews its certificate."""
        named = f" --service {self.service}" if self.service and not self.others else ""
        return f"`fpga certs renew -s {self.stack}{named}`"


def _certified(plan: Plan) -> Iterator[tuple[_Whose, Plan]]:
    """The parts of a plan, those whose services have one certificate as one: that of the first of them."""
    found: dict[str, list[tuple[str, Plan]]] = {}
    for name, part in plan.parts():
        served = part.certificate.before if part.certificate else None
        known = served.fingerprint_sha256 if served else ""
        found.setdefault(known or f"of {name}", []).append((name, part))
    for (name, part), *others in found.values():
        yield _Whose(plan.stack, name, tuple(other for other, _ in others)), part


def is_renewal(change: Change) -> bool:
    """Whether a certificate is issued anew by time alone: no input of its own changes."""
    return change.operation == "update" and change.type in catalogue.ISSUING and not change.differences


def failed(stack: str, errors: Iterable[str]) -> Watch:
    """A stack that could not be looked at, and why."""
    told = "\n\n".join(_quoted(error) for error in errors) or "The engine gives no reason."
    title = f"{stack}: the watch could not look at it"
    return Watch(stack, (Finding(FAILED, FAILED, title, f"The preview failed:\n\n{told}"),))


def _policy(stack: str, finding: PolicyFinding) -> Finding:
    return Finding(
        f"policy/{_key(finding.rule)}/{_key(finding.name) or 'stack'}",
        "policy",
        f"{stack}: the policy {finding.rule} finds fault with {finding.name or 'the stack'}",
        _quoted(finding.message),
        finding.service,
    )


def _drift(stack: str, drift: Drift) -> Finding:
    if drift.gone:
        title, seen = f"{stack}: {drift.name} ({drift.kind}) is gone", "It is not there any more."
    else:
        title = f"{stack}: {drift.name} ({drift.kind}) is not as it was deployed"
        seen = "\n".join(f"- {_span(one.path)}: {_sides(one)}" for one in drift.differences)
    if drift.cloud:
        seen += f"\n\nIt is on {_span(drift.cloud)}."
    remedy = (
        f"Whoever meant this change brings it into `stacks/Pulumi.{stack}.yaml` by a pull request; else "
        f"`pulumi up --refresh -s {stack}` undoes it."
    )
    return Finding(f"drift/{_key(drift.name)}", "drift", title, f"{seen}\n\n{remedy}", drift.service)


def _sides(difference: Difference) -> str:
    was, found = (_span(side.text) if side else "nothing" for side in (difference.before, difference.after))
    return f"deployed {was}, found {found}"


def _span(text: str) -> str:
    """A text as code in a line of Markdown: whoever wrote it can mention nobody, nor add a link."""
    line = " ".join(text.split())
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    return f"{fence} {line} {fence}" if len(fence) > 1 else f"`{line}`"


def _quoted(text: str) -> str:
    """A text of any number of lines as an indented code block, which no line in it can end."""
    return "\n".join(f"    {line}" for line in text.splitlines())


def _unapplied(stack: str, declared: Plan) -> Iterator[Finding]:
    """The changes that are declared and were never made; a renewal that is due is told by itself."""
    left: list[tuple[str, list[Change]]] = []
    any_renewal = any(map(is_renewal, declared.changes))
    for name, part in declared.parts():
        renewals = [change for change in part.changes if is_renewal(change)]
        if renewals:
            whose = _Whose(stack, name)
            yield Finding(
                whose.key("renewal"),
                "renewal",
                f"{stack}: {whose.certificate} is due for renewal",
                "\n".join(reason for change in renewals for reason in change.reasons)
                + f"\n\n{whose.renew} renews it, and so does the next `pulumi up -s {stack}`. "
                "The service and its check follow; address, keys and A record stay.",
                name,
            )
        others = [change for change in part.changes if change not in renewals]
        if any_renewal:  # one certificate may be of several services
            others = [change for change in others if not follows(change)]
        if others:
            left.append((name, others))
    if left:
        # one for all services: a deployment that did not run is one thing to mend
        titles = [f"{part_title(name)}:\n\n" if declared.services else "" for name, _ in left]
        listed = [
            "\n".join(f"- {change.operation} `{change.name}` ({change.kind})" for change in others)
            for _, others in left
        ]
        yield Finding(
            "unapplied",
            "unapplied",
            f"{stack}: what is declared was never made ({sum(len(one) for _, one in left)} to change)",
            "\n\n".join(f"{title}{lines}" for title, lines in zip(titles, listed, strict=True))
            + f"\n\nA deployment failed, or did not run. `fpga plan -s {stack}` shows all of it.",
        )


def _expiry(whose: _Whose, plan: Plan, now: datetime, warn_days: int) -> Iterator[Finding]:
    stack, served = whose.stack, plan.certificate.before if plan.certificate else None
    if served is None or not served.not_after:
        if plan.ssl[0]:
            yield Finding(
                whose.key("expiry"),
                "expiry",
                f"{stack}: nobody knows when {whose.certificate} ends",
                "SSL is on, and the state holds no certificate that can be read. "
                f"`fpga certs show --endpoint HOST:PORT` shows what is served; `pulumi up -s {stack}` gives "
                "the service the declared one.",
                whose.service,
            )
        return
    end = datetime.fromisoformat(served.not_after)
    left = renewal.days_left(end, now)
    names = ", ".join(served.names)
    if left < warn_days:
        left_words = f"ends in {left} days" if left >= 0 else "has ended"
        yield Finding(
            whose.key("expiry"),
            "expiry",
            f"{stack}: the certificate of {names} {left_words}",
            f"Its last moment is {served.not_after}. {_remedy(whose, served)}{_also(whose)}",
            whose.service,
        )
    elif (
        served.source not in catalogue.ISSUING.values()
        and served.not_before
        and renewal.is_due(datetime.fromisoformat(served.not_before), end, now)
    ):
        yield Finding(
            whose.key("renewal"),
            "renewal",
            f"{stack}: the certificate of {names} is due for renewal",
            f"Two thirds of its life are over; it ends at {served.not_after}. "
            f"{_remedy(whose, served)}{_also(whose)}",
            whose.service,
        )


def _remedy(whose: _Whose, certificate: Certificate) -> str:
    if certificate.source in catalogue.ISSUING.values():
        return f"{whose.renew} renews it."
    return "Bring a new one into the stack's configuration by a pull request."


def _also(whose: _Whose) -> str:
    if not whose.others:
        return ""
    return f" The services {', '.join((whose.service, *whose.others))} have it."


def _key(name: str) -> str:
    """A logical name as part of a key: letters, digits and single dashes."""
    words = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in name).split()
    return "-".join(words)


def _with_keys_of_their_own(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings with keys numbered where two are alike: of resources of one name, or of one rule."""
    seen: Counter[str] = Counter()
    numbered = []
    for one in found:
        seen[one.key] += 1
        again = seen[one.key] > 1
        numbered.append(replace(one, key=f"{one.key}-{seen[one.key]}") if again else one)
    return tuple(numbered)
