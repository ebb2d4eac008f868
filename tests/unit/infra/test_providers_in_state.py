"""How stored states name their providers: a module or class renamed would leave them unreadable."""

from __future__ import annotations

import base64
import importlib

import dill  # type: ignore[import-untyped]
import pytest
from pulumi.dynamic.dynamic import serialize_provider

STORED = {
    "infra.providers.acme_account.AcmeAccountProvider": (
        "gASVOwAAAAAAAACMHGluZnJhLnByb3ZpZGVycy5hY21lX2FjY291bnSUjBNBY21lQWNjb3VudFByb3ZpZGVylJOUKYGULg=="
    ),
    "infra.providers.acme_certificate.AcmeCertificateProvider": (
        "gASVQwAAAAAAAACMIGluZnJhLnByb3ZpZGVycy5hY21lX2NlcnRpZmljYXRllIwXQWNtZUNlcnRpZmljYXRlUHJvdmlkZXKUk5QpgZQu"
    ),
    "infra.providers.certificate.CertificateProvider": (
        "gASVOgAAAAAAAACMG2luZnJhLnByb3ZpZGVycy5jZXJ0aWZpY2F0ZZSME0NlcnRpZmljYXRlUHJvdmlkZXKUk5QpgZQu"
    ),
    "infra.providers.development_ca.DevelopmentCaProvider": (
        "gASVPwAAAAAAAACMHmluZnJhLnByb3ZpZGVycy5kZXZlbG9wbWVudF9jYZSMFURldmVsb3BtZW50Q2FQcm92aWRlcpSTlCmBlC4="
    ),
    "infra.providers.endpoint.EndpointProvider": (
        "gASVNAAAAAAAAACMGGluZnJhLnByb3ZpZGVycy5lbmRwb2ludJSMEEVuZHBvaW50UHJvdmlkZXKUk5QpgZQu"
    ),
    "infra.providers.endpoint_check.EndpointCheckProvider": (
        "gASVPwAAAAAAAACMHmluZnJhLnByb3ZpZGVycy5lbmRwb2ludF9jaGVja5SMFUVuZHBvaW50Q2hlY2tQcm92aWRlcpSTlCmBlC4="
    ),
    "infra.providers.existing_model.ExistingModelProvider": (
        "gASVPwAAAAAAAACMHmluZnJhLnByb3ZpZGVycy5leGlzdGluZ19tb2RlbJSMFUV4aXN0aW5nTW9kZWxQcm92aWRlcpSTlCmBlC4="
    ),
    "infra.providers.keys.KeysProvider": (
        "gASVLAAAAAAAAACMFGluZnJhLnByb3ZpZGVycy5rZXlzlIwMS2V5c1Byb3ZpZGVylJOUKYGULg=="
    ),
    "infra.providers.model.ModelProvider": (
        "gASVLgAAAAAAAACMFWluZnJhLnByb3ZpZGVycy5tb2RlbJSMDU1vZGVsUHJvdmlkZXKUk5QpgZQu"
    ),
    "infra.providers.service.ServiceProvider": (
        "gASVMgAAAAAAAACMF2luZnJhLnByb3ZpZGVycy5zZXJ2aWNllIwPU2VydmljZVByb3ZpZGVylJOUKYGULg=="
    ),
}


@pytest.mark.parametrize(("path", "stored"), STORED.items(), ids=STORED.keys())
def test_a_stored_provider_is_found_and_stored_the_same_again(path: str, stored: str) -> None:
    module, _, name = path.rpartition(".")
    kind = getattr(importlib.import_module(module), name)

    assert type(dill.loads(base64.b64decode(stored))) is kind  # noqa: S301  (our own text, above)
    assert serialize_provider(kind()) == stored
