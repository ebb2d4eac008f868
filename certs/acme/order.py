"""An order (RFC 8555, 7.4): names proved by DNS-01 (8.4), a CSR, the chain.

Each `what` in an error says which step it was; the records of challenges are removed whatever happens.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from acme import challenges, crypto_util, messages
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from josepy import b64

from certs.acme import problems
from certs.acme.session import Session
from certs.errors import AcmeError

_AT_A_TIME = 10
"""So many proofs are asked for together: an authority looks each up from several places at once."""
_ABOUT_REPLACING = ("alreadyReplaced", "conflict", "malformed", "serverInternal", "unauthorized")


class Dns01(Protocol):
    """A publisher of challenges: TXT records in the zone, at names that begin with `_acme-challenge.`."""

    def present(self, proofs: Mapping[str, Sequence[str]]) -> None:
        """Publishes the values of each name, and returns when every server of the zone answers all of them.

        They take the place of what this publisher had at those names.
        """

    def cleanup(self, name: str) -> None:
        """Removes all that this publisher made at `name`, in an earlier run too, and nothing else."""


def place(session: Session, dns_names: Sequence[str], profile: str | None, replaces: str | None) -> str:
    """Places an order.

    Args:
        replaces: the identifier of the certificate that this one follows (RFC 9773, 5); an authority that
            does not take it is asked again without.

    Returns:
        The order's URL.

    Raises:
        certs.errors.AcmeError: the authority refuses, or does not answer.
    """
    offered = session.meta("profiles")
    if profile and profile not in (offered or {}):
        known = f"it offers {', '.join(sorted(offered))}" if offered else "it offers none"
        raise problems.unfit(session.subject, f"has no profile '{profile}': {known}.", "Choose one of those.")
    fields: dict[str, Any] = {"identifiers": [{"type": "dns", "value": name} for name in dns_names]}
    if profile:
        fields["profile"] = profile
    what, url = f"ordering a certificate for {', '.join(dns_names)}", session.directory["newOrder"]
    if replaces and session.endpoint("renewalInfo"):
        try:
            return _location(session, session.post(what, url, {**fields, "replaces": replaces}))
        except AcmeError as refused:
            # replaced already, by a run that died; or not known to it any more
            if refused.problem_type.rpartition(":")[2] not in _ABOUT_REPLACING:
                raise
    return _location(session, session.post(what, url, fields))


def prove(session: Session, order: str, dns: Dns01) -> None:
    """Proves that the order's names are ours: all proofs are published at once, and removed together.

    Raises:
        certs.errors.AcmeError: proofs are refused, each with its name; or the time is over.
    """
    placed = _json(session, session.fetch("reading the order", order))
    read = [_proof(session, str(url)) for url in placed.get("authorizations", [])]
    proofs = [one for one in read if one is not None]
    places: dict[str, list[str]] = {}
    for one in proofs:
        places.setdefault(one.place, []).append(one.value)
    if not places:
        return
    try:
        dns.present(places)
        for begin in range(0, len(proofs), _AT_A_TIME):
            _require_proved(session, proofs[begin : begin + _AT_A_TIME])
    except BaseException:
        # what cannot be removed now is removed by the next run, before it begins: the reason is told first
        with contextlib.suppress(Exception):
            clean_up(dns, places)
        raise
    clean_up(dns, places)


def clean_up(dns: Dns01, places: Iterable[str]) -> None:
    """Removes what the publisher has at each of the names; that it fails at one keeps it from no other.

    Raises:
        Exception: the first that `dns` raised, when all were tried.
    """
    failures: list[Exception] = []
    for place_of_proof in places:
        try:
            dns.cleanup(place_of_proof)
        except Exception as why:
            failures.append(why)
    if failures:
        raise failures[0]


def finalize(session: Session, order: str, key_pem: str, dns_names: Sequence[str]) -> str:
    """Hands in the CSR for the key, and waits for the certificate.

    An order that was finalized before, with the same key, is waited for.

    Returns:
        The chain in PEM, leaf first.

    Raises:
        certs.errors.AcmeError: the authority refuses, or the time is over.
    """
    csr = x509.load_pem_x509_csr(crypto_util.make_csr(key_pem.encode(), list(dns_names)))
    encoded = b64.b64encode(csr.public_bytes(Encoding.DER)).decode()
    ready = _settled(session, order, "the order", waiting=("pending",))
    if ready.get("status") == "ready":  # not by a run that died
        session.post("finalizing the order", str(ready["finalize"]), {"csr": encoded})
    done = _settled(session, order, "the order", waiting=("pending", "ready", "processing"))
    return session.fetch("downloading the certificate", str(done["certificate"])).text


def challenge_name(dns_name: str) -> str:
    """The name at which a name is proved; a wildcard is proved at the one that it is below."""
    return f"{challenges.DNS01.LABEL}.{dns_name.removeprefix('*.')}"


@dataclass(frozen=True)
class _Proof:
    """The proof of one name.

    Attributes:
        name: as it was ordered; a wildcard begins with `*.`.
        authorization, url: those of the authorization and of its challenge; `status`: of the challenge.
        place, value: name and value of the TXT record.
    """

    name: str
    authorization: str
    url: str
    status: str
    place: str
    value: str


def _proof(session: Session, url: str) -> _Proof | None:
    """The proof that an authorization asks for; None: the name is proved already."""
    authorization = _json(session, session.fetch("reading an authorization", url))
    if authorization.get("status") == "valid":
        return None
    name = str(authorization["identifier"]["value"])
    if authorization.get("wildcard"):
        name = f"*.{name}"
    offered = {str(one["type"]): one for one in authorization.get("challenges", [])}
    challenge = offered.get(challenges.DNS01.typ)
    if challenge is None:
        raise problems.unfit(
            session.subject, f"does not prove {name} by dns-01; it offers {', '.join(sorted(offered))}."
        )
    return _Proof(
        name=name,
        authorization=url,
        url=str(challenge["url"]),
        status=str(challenge.get("status", "pending")),
        place=challenge_name(name),
        value=challenges.DNS01.from_json(challenge).validation(session.jwk),
    )


def _require_proved(session: Session, proofs: Sequence[_Proof]) -> None:
    """Asks for all of these proofs, and waits for them: those that are refused are told together."""
    for one in proofs:
        # else a run that died has asked for it (RFC 8555, 7.1.6)
        if one.status == "pending":
            session.post(f"proving {one.name}", one.url, {})
    refused: list[AcmeError] = []
    for one in proofs:
        what = f"the proof of {one.name}"
        try:
            _settled(session, one.authorization, what, waiting=("pending",), remedy=problems.DELEGATION)
        except AcmeError as why:
            if any(finding.code != "acme-refused" for finding in why.findings):
                raise
            refused.append(why)
    if refused:
        found = [finding for why in refused for finding in why.findings]
        raise AcmeError(found, refused[0].problem_type)


def _settled(
    session: Session, url: str, what: str, *, waiting: tuple[str, ...], remedy: str = ""
) -> Mapping[str, Any]:
    """The resource when its status is none of `waiting`, and not `invalid`."""
    turn = 0
    while True:
        seen = _json(session, session.fetch(f"reading {what}", url))
        status = str(seen.get("status"))
        if status in ("invalid", "expired", "revoked", "deactivated"):
            raise problems.refusal(f"{session.subject}, {what}", _problem(seen), remedy=remedy)
        if status not in waiting:
            return seen
        session.pace.pause(f"{session.subject}, {what}", f"status {status}", session.retry_after, turn)
        turn += 1


def _problem(seen: Mapping[str, Any]) -> messages.Error:
    """The problem of an order, or of the challenge that failed."""
    told = [seen, *seen.get("challenges", [])]
    found = next((one["error"] for one in told if one.get("error")), {"detail": f"is {seen.get('status')}"})
    problem: messages.Error = messages.Error.from_json(found)
    return problem


def _location(session: Session, answer: Any) -> str:
    url = answer.headers.get("Location")
    if not url:
        raise problems.unfit(session.subject, "took an order without saying which (no Location).")
    return str(url)


def _json(session: Session, answer: Any) -> Mapping[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise problems.unfit(session.subject, "answers without a JSON object.")
    return body
