"""The messages of a preview: errors, warnings and what policies find, each once and in a steady order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from fpga.plan.events import CUT_OFF, Diagnostic, PolicyViolation
from fpga.plan.model import PolicyFinding

_NOTHING: Final = "The engine told of no resource that it looked at, not even of the stack."
_NO_END: Final = "The engine did not tell how the preview ended."
_FAILED: Final = "preview failed"  # what the engine adds when the cause is told
_WEIGHT: Final = {"mandatory": 0, "remediate": 1}


def policy(found: Iterable[PolicyViolation], services: Mapping[str, str]) -> tuple[PolicyFinding, ...]:
    """The findings of the policy packs, the worst first.

    Args:
        services: the service of each resource, by its URN.
    """
    findings = {
        PolicyFinding(
            one.pack,
            one.rule,
            one.enforcement,
            one.urn.rsplit("::", 1)[-1],
            one.urn,
            one.message,
            services.get(one.urn, ""),
        )
        for one in found
    }
    return tuple(
        sorted(
            findings,
            key=lambda one: (_WEIGHT.get(one.enforcement, 2), one.pack, one.rule, one.urn, one.message),
        )
    )


def warnings(found: Iterable[Diagnostic]) -> tuple[str, ...]:
    """The warnings."""
    return tuple(_of(found, "warning"))


def errors(
    found: Iterable[Diagnostic],
    policy: Sequence[PolicyFinding],
    failure: Sequence[str],
    *,
    looked: bool,
    ended: bool,
) -> tuple[str, ...]:
    """The errors; where a preview failed without one, what is known of why.

    Args:
        failure: what the CLI has said besides its events.
        looked: whether the engine told of any resource.
        ended: whether it told how the preview ended.
    """
    told = _of(found, "error")
    if not told and not failure and not policy and not (looked and ended):
        return (_NOTHING if ended else _NO_END,)
    if len(told) > 1 or any(finding.stops for finding in policy):
        return tuple(error for error in told if error != _FAILED)
    if told in ([], [CUT_OFF]):
        return (*told, *dict.fromkeys(failure))
    return tuple(told)


def _of(found: Iterable[Diagnostic], severity: str) -> list[str]:
    """The messages of a severity, each once, those about the program first."""
    ours = sorted((bool(one.urn), one.urn, one.message) for one in found if one.severity == severity)
    return [message for message in dict.fromkeys(message for _, _, message in ours) if message]
