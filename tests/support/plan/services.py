"""Events of a stack with several services, as the engine writes them: what is shared, and each one's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from infra import catalogue
from tests.support.plan.samples import UNKNOWN, step, summary, urn

ENDPOINT: Final = catalogue.SCORING_ENDPOINT.token
SELF_SIGNED: Final = urn(catalogue.SELF_SIGNED.token, "self-signed")
CERTIFICATE: Final = catalogue.CERTIFICATE.token
DATES: Final = {
    "not_before": "2026-09-01T00:00:00+00:00",
    "not_after": "2026-12-13T00:00:00+00:00",
}


def component(name: str) -> str:
    return urn(ENDPOINT, name)


def own(
    service: str, operation: str = "same", **sides: tuple[Mapping[str, Any], Mapping[str, Any]]
) -> list[str]:
    """Events of a service: its component, and what it has.

    Args:
        operation: of its service, its keys and its record.
        sides: inputs before and after of some of these, by the last part of the type: `Keys=(old, new)`.
    """
    inside = component(service)

    def one(kind: catalogue.Kind, name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
        given = sides.get(kind.type_name)
        old, new = given if given else (before, after)
        done = operation if given or kind is catalogue.SERVICE else "same"
        return step(
            done,
            kind.token,
            f"{service}-{name}",
            None if done == "create" else old,
            None if done == "delete" else new,
            parent=inside,
        )

    record = {
        "recordType": "A",
        "relativeRecordSetName": service,
        "zoneName": "contoso.test",
        "ttl": 300,
        "aRecords": [{"ipv4Address": "127.80.0.1"}],
    }
    keys = {"primary_generation": 1, "secondary_generation": 1}
    wanted = {"name": service, "ssl_enabled": True, "model_id": "2" if operation == "update" else "1"}
    return [
        step("same", ENDPOINT, service, {}, {}, custom=False),
        one(catalogue.SERVICE, "service", {"name": service, "ssl_enabled": True, "model_id": "1"}, wanted),
        one(catalogue.KEYS, "keys", keys, keys),
        one(catalogue.RECORD_SET, "record", record, record),
    ]


def renewed(service: str) -> list[str]:
    """Events of a service whose certificate, which a shared authority issues, is due."""
    inside = component(service)
    inputs = {"fqdn": f"{service}.contoso.test"}
    return [
        step("same", ENDPOINT, service, {}, {}, custom=False),
        step(
            "update",
            CERTIFICATE,
            f"{service}-certificate",
            inputs,
            inputs,
            outputs=DATES,
            parent=SELF_SIGNED,
        ),
        step(
            "update",
            catalogue.SERVICE.token,
            f"{service}-service",
            {"name": service, "ssl_enabled": True, "ssl_certificate": "PEM"},
            {"name": service, "ssl_enabled": True, "ssl_certificate": UNKNOWN},
            parent=inside,
        ),
    ]


def shared(operation: str = "same") -> list[str]:
    """Events of what services share: group, account, authority."""
    inside = urn(catalogue.MODEL_MANAGEMENT.token, "model-management")
    sku = {"sku": {"name": "S1"}}, {"sku": {"name": "S2" if operation == "update" else "S1"}}
    ca = {"common_name": "dev development CA"}
    return [
        step("same", catalogue.MODEL_MANAGEMENT.token, "model-management", {}, {}, custom=False),
        step(operation, catalogue.ACCOUNT.token, "account", *sku, parent=inside),
        step("same", catalogue.SELF_SIGNED.token, "self-signed", {}, {}, custom=False),
        step("same", catalogue.DEVELOPMENT_CA.token, "development-ca", ca, ca, parent=SELF_SIGNED),
    ]


def events(*groups: Iterable[str], result: str = "succeeded") -> list[str]:
    return [*(event for group in groups for event in group), summary(result)]
