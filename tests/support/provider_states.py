"""States of the program's dynamic resources, and what their providers say of a change: `diff` does no I/O."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from pulumi.dynamic import ResourceProvider
from pulumi.output import Unknown

UNKNOWN = Unknown()  # type: ignore[no-untyped-call]
SAME, UPDATE, REPLACE = "same", "update", "replace"

SERVICE = {
    "account_id": "/subscriptions/s",
    "name": "svc",
    "adopt": True,
    "model_id": "m",
    "ssl_enabled": True,
    "ssl_certificate": "CHAIN",
    "ssl_key": "KEY",
    "fingerprint": "AB",
    "state": "Succeeded",
}
OF_SERVICE = {"account_id": "/subscriptions/s", "service_id": "1"}
MODEL = {
    "account_id": "/subscriptions/s",
    "storage_account_id": "/subscriptions/s/st",
    "container": "models",
    "name": "model-1",
    "package": "package",
    "sha256": "00",
}
CHECK = {
    "fqdn": "www.contoso.test",
    "name_servers": ["127.0.0.1:53"],
    "ip": "127.80.0.1",
    "port": 50051.0,
    "deployed_at": "2026-11-22T12:00:00.000+00:00",
    "ssl_enabled": True,
    "fingerprint": "AB",
    "root_certificate": "ROOT",
    "primary_key": "P",
    "secondary_key": "S",
    "timeout_s": 60.0,
}
ACME_ACCOUNT = {
    "directory": "https://ca.example/dir",
    "email": "hostmaster@contoso.com",
    "eab_key_id": "",
    "eab_hmac_key": "",
    "roots": "",
    "url": "https://ca.example/account/1",
    "key": "KEY",
}


def certificate(*, age: dt.timedelta, lifetime: dt.timedelta = dt.timedelta(days=90)) -> dict[str, Any]:
    """One of a development authority."""
    begin = dt.datetime.now(dt.UTC) - age
    return {
        "fqdn": "www.contoso.test",
        "ca_certificate": "ROOT",
        "ca_key": "KEY",
        "not_before": begin.isoformat(),
        "not_after": (begin + lifetime).isoformat(),
    }


def acme_certificate(*, age_days: float = 0, renew_in_days: float | None = None) -> dict[str, Any]:
    """One of an ACME authority, which may have suggested when to renew it."""
    now = dt.datetime.now(dt.UTC)
    begin = now - dt.timedelta(days=age_days)
    suggested = "" if renew_in_days is None else (now + dt.timedelta(days=renew_in_days)).isoformat()
    return {
        "fqdn": "www.contoso.test",
        "profile": "",
        "directory": "https://ca.example/dir",
        "account": "https://ca.example/account/1",
        "key_of_account": "KEY",
        "roots": "",
        "zone": "contoso.test",
        "zone_id": "/subscriptions/s/zone",
        "name_servers": ["127.0.0.1:53"],
        "owner": "acme-1",
        "minimum_days": 1.0,
        "not_before": begin.isoformat(),
        "not_after": (begin + dt.timedelta(days=90)).isoformat(),
        "renew_at": suggested,
    }


def verdict(provider: ResourceProvider, olds: dict[str, Any], **news: Any) -> str:
    """What the provider would do where these inputs change."""
    result = provider.diff("id", olds, {**olds, **news})
    if not result.changes:
        assert not result.replaces
        return SAME
    return REPLACE if result.replaces else UPDATE


def imported_by(program: str, among: Sequence[str]) -> list[str]:
    """Which of these modules a process of its own, as the plugin is one, has loaded after the program."""
    told = f"\nimport sys\nprint(*[name for name in {tuple(among)!r} if name in sys.modules])\n"
    done = subprocess.run([sys.executable, "-c", program + told], capture_output=True, text=True, check=True)
    return done.stdout.split()


COSTLY = ("requests", "azure", "cryptography", "numpy", "dns", "clients.prediction.client", "onnxruntime")
"""Modules that take their time to load."""
