"""The service's certificate before and after: what callers will see, as far as it is known."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fpga.plan.differences import is_unknown
from fpga.plan.model import Certificate, CertificateChange
from fpga.plan.resources import Resource, only
from infra import catalogue

# the source of what each type of resource issues
_CHAIN = "ssl_certificate"
_SOURCE = "fpga-web-service:certificateSource"
_FQDN = "fpga-web-service:fqdn"


def change(
    resources: Sequence[Resource], everything: Sequence[Resource], config: Mapping[str, str], now: dt.datetime
) -> CertificateChange | None:
    """The certificates that the service serves before and after; None: there is no service.

    Args:
        resources: the service's own.
        everything: those of the whole stack: one authority issues for all.
        config: the stack's plain settings, as they hold for the service.
    """
    service = only(resources, catalogue.SERVICE)
    if service is None:
        return None
    before = _known(service.before.get(_CHAIN), _source_before(everything, service), now)
    after = _after(resources, everything, service, config, now) if service.goes_on else None
    chains = [side.get(_CHAIN) or "" for side in (service.before, service.after)]
    if before and after and chains[0] == chains[1]:
        before = after
    return CertificateChange(before, after, chains[0] != chains[1], _root_changes(resources))


def ssl(resources: Sequence[Resource]) -> tuple[bool | None, bool | None]:
    """Whether SSL is on, before and after; None: there is no service then."""
    service = only(resources, catalogue.SERVICE)
    if service is None:
        return None, None
    before, after = service.before.get("ssl_enabled"), service.after.get("ssl_enabled")
    return (
        before if isinstance(before, bool) else None,
        after if isinstance(after, bool) else None,
    )


def _after(
    resources: Sequence[Resource],
    everything: Sequence[Resource],
    service: Resource,
    config: Mapping[str, str],
    now: dt.datetime,
) -> Certificate | None:
    chain = service.after.get(_CHAIN)
    source = config.get(_SOURCE, "provided")
    if not is_unknown(chain):
        return _known(chain, source, now)
    issuing = _issuing(resources) or _issuing(one for one in everything if _is_for(one, resources))
    names = _ordered(issuing.after) if issuing else []
    issuer = ""
    authority = only(everything, catalogue.DEVELOPMENT_CA)
    if issuing and issuing.type == catalogue.CERTIFICATE.token and authority and authority.goes_on:
        issuer = f"CN={authority.after.get('common_name', '')}"
    elif issuing and issuing.type == catalogue.ACME_CERTIFICATE.token:
        issuer = f"the authority at {issuing.after.get('directory', '')}"
    return Certificate(
        names=tuple(names or filter(None, [config.get(_FQDN)])),
        issuer=issuer,
        source=catalogue.ISSUING[issuing.type] if issuing else source,
        issued_at_apply=True,
    )


def _issuing(resources: Iterable[Resource]) -> Resource | None:
    return next((one for one in resources if one.type in catalogue.ISSUING and one.goes_on), None)


def _is_for(certificate: Resource, resources: Sequence[Resource]) -> bool:
    """Whether a certificate is ordered for the name of a service: one may be for several."""
    from certs.names import matches

    check = only(resources, catalogue.ENDPOINT_CHECK)
    fqdn = check.after.get("fqdn") if check else None
    return isinstance(fqdn, str) and any(matches(name, fqdn) for name in _ordered(certificate.after))


def _ordered(inputs: Mapping[str, Any]) -> list[str]:
    """The names that a certificate is ordered for, as far as they are known."""
    from certs.names import without_covered

    more = inputs.get("names")
    named = [inputs.get("fqdn"), *(more if isinstance(more, list) else [])]
    return without_covered(name for name in named if isinstance(name, str) and not is_unknown(name))


def _source_before(resources: Sequence[Resource], service: Resource) -> str:
    """A resource that issued the very chain, or nobody whom the state knows."""
    for one in resources:
        issued = one.old.outputs.get("certificate") if one.old and one.type in catalogue.ISSUING else None
        if issued and issued == service.before.get(_CHAIN):
            return catalogue.ISSUING[one.type]
    return "provided"


def _root_changes(resources: Sequence[Resource]) -> bool:
    check = only(resources, catalogue.ENDPOINT_CHECK)
    if check is None or not check.before or not check.after:
        return False
    before, after = (side.get("root_certificate") or "" for side in (check.before, check.after))
    return bool(after) and before != after


def _known(pem: Any, source: str, now: dt.datetime) -> Certificate | None:
    """The certificate that a chain begins with; None: there is no chain, or none that can be read."""
    if not isinstance(pem, str) or not pem or is_unknown(pem):
        return None
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from certs.describe import describe
    from certs.formats import UNPARSABLE, parse_chain

    try:
        chain = parse_chain(pem)
        told = describe(chain[0], now)
        public_key = chain[0].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except UNPARSABLE:
        return None
    dates = told.to_dict()
    return Certificate(
        names=told.dns_names,
        issuer=told.issuer,
        source=source,
        serial_number=told.serial_number,
        fingerprint_sha256=told.fingerprint_sha256,
        public_key_sha256=hashlib.sha256(public_key).hexdigest(),
        not_before=str(dates["not_before"]),
        not_after=str(dates["not_after"]),
        certificates=len(chain),
        days_left=told.days_left,
    )
