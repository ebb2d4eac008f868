"""Rules of policies: the path shares one, where an authority requires it (RFC 5280 section 6.1).

Few authorities require any. Where one does, clients refuse what has none in common with all above it; what
has its policies written wrongly they refuse always.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509.oid import ExtensionOID

from certs.chain import is_self_issued, name_of
from certs.der import tlv
from certs.findings import Finding, error
from certs.odd_certificate import written_extensions
from certs.rules.usage import extension

_ANY = "2.5.29.32.0"


class _WrittenWronglyError(ValueError):
    pass


@asn1.sequence
class _Mapping:
    issuers: x509.ObjectIdentifier
    subjects: x509.ObjectIdentifier


@asn1.sequence
class _Wrapped:
    mappings: list[_Mapping]


@dataclass
class _State:
    """The numbers of certificates that may come before each thing holds, and the policies that are shared so
    far.
    """

    explicit: int
    any_inhibited: int
    mapping_inhibited: int
    any_policy: bool
    policies: frozenset[str]


def check_policies(path: Sequence[x509.Certificate], label: str) -> Iterator[Finding]:
    """Findings about the policies of `path`, the leaf first and what callers trust last."""
    remedy = "Have it issued by an authority whose policies fit, or without such constraints."
    subject = f"{label}, certificate {name_of(path[0])}"
    try:
        shared = _is_shared(path)
    except _WrittenWronglyError as why:
        yield error("policies-invalid", subject, f"is below or has policies that {why}.", remedy)
        return
    if not shared:
        message = "shares no policy with its authorities, of which one requires that (policy constraints)."
        yield error("policy-required", subject, message, remedy)


def _is_shared(path: Sequence[x509.Certificate]) -> bool:
    below = list(path[:-1])  # what callers trust is not asked
    start = len(path) + 1
    state = _State(start, start, start, any_policy=True, policies=frozenset())
    for place, certificate in reversed(list(enumerate(below))):
        is_leaf, own = place == 0, is_self_issued(certificate)
        _narrow(state, certificate, any_allowed=state.any_inhibited > 0 or (own and not is_leaf))
        if state.explicit == 0 and not (state.any_policy or state.policies):
            return False
        if not is_leaf:
            _map(state, certificate)
        if is_leaf or not own:
            state.explicit = max(state.explicit - 1, 0)
            state.mapping_inhibited = max(state.mapping_inhibited - 1, 0)
            state.any_inhibited = max(state.any_inhibited - 1, 0)
        _constrain(state, certificate)
    return state.explicit > 0 or state.any_policy or bool(state.policies)


def _narrow(state: _State, certificate: x509.Certificate, *, any_allowed: bool) -> None:
    found = extension(certificate, x509.CertificatePolicies)
    named = [] if found is None else [one.policy_identifier.dotted_string for one in found]
    if len(set(named)) < len(named):
        raise _WrittenWronglyError("name one twice")
    own = frozenset(named) - {_ANY}
    if found is not None and _ANY in named and any_allowed:
        state.policies |= own if state.any_policy else frozenset()
        return
    state.policies = own if state.any_policy else state.policies & own
    state.any_policy = False


def _map(state: _State, certificate: x509.Certificate) -> None:
    octets = written_extensions(certificate).get(ExtensionOID.POLICY_MAPPINGS.dotted_string)
    if octets is None:
        return
    try:
        found = asn1.decode_der(_Wrapped, tlv(0x30, octets)).mappings
    except ValueError:
        raise _WrittenWronglyError("are mapped in a way that cannot be decoded") from None
    pairs = [(one.issuers.dotted_string, one.subjects.dotted_string) for one in found]
    if not pairs or any(_ANY in pair for pair in pairs):
        raise _WrittenWronglyError("map any policy, or none")
    mapped = {subjects for issuers, subjects in pairs if state.any_policy or issuers in state.policies}
    state.policies -= {issuers for issuers, _ in pairs}
    if state.mapping_inhibited > 0:
        state.policies |= mapped


def _constrain(state: _State, certificate: x509.Certificate) -> None:
    found = extension(certificate, x509.PolicyConstraints)
    if found is not None and found.require_explicit_policy is not None:
        state.explicit = min(state.explicit, found.require_explicit_policy)
    if found is not None and found.inhibit_policy_mapping is not None:
        state.mapping_inhibited = min(state.mapping_inhibited, found.inhibit_policy_mapping)
    inhibits = extension(certificate, x509.InhibitAnyPolicy)
    if inhibits is not None:
        state.any_inhibited = min(state.any_inhibited, inhibits.skip_certs)
