"""Certificates, keys and SSL changed through the clients while callers call all the time."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import replace

import pytest

from certs.sources.self_signed import Authority, issue
from clients.azure.model_management import Tls
from clients.prediction.client import PredictionClient, WrongKey
from clients.tls import fingerprint, served_certificate
from infra.proof.endpoint import sample_image
from tests.support.callers import Access, Callers
from tests.support.localcloud.deployed_service import FQDN, Deployed

CALLERS = 4
CERTIFICATES = 20
KEYS = 20
REFUSED_WITHIN_S = 1.0


class Rotated:
    """The service, its keys as they are now, and how callers reach it."""

    def __init__(self, deployed: Deployed, authority: Authority) -> None:
        self._deployed, self._authority = deployed, authority
        self.primary, self.secondary = (Access(key) for key in deployed.declared.keys)

    def connect(self, access: Access) -> PredictionClient:
        declared = self._deployed.declared
        return PredictionClient(
            declared.ip,
            declared.port,
            use_ssl=access.ssl,
            access_token=access.key,
            root_certificates=self._authority.certificate_pem.encode(),
            server_name=FQDN,
        )

    def renew(self) -> None:
        """Serves another certificate, and sees it served."""
        bundle = issue(self._authority, [FQDN], dt.datetime.now(dt.UTC))
        self.serve(Tls(bundle.certificate_pem, bundle.key_pem))
        declared = self._deployed.declared
        seen = fingerprint(served_certificate(declared.ip, declared.port, FQDN) or b"")
        assert seen == bundle.fingerprint_sha256

    def serve(self, tls: Tls | None) -> None:
        one = self._deployed
        assert one.management.update_service(one.service.id, replace(one.request, tls=tls)) == one.service

    def regenerate_primary(self) -> None:
        keys = self._deployed.management.regenerate_key(self._deployed.service.id, "Primary")
        assert Access(keys.primary) != self.primary
        assert Access(keys.secondary) == self.secondary
        self.primary = Access(keys.primary)

    def regenerate_secondary(self) -> None:
        keys = self._deployed.management.regenerate_key(self._deployed.service.id, "Secondary")
        assert Access(keys.primary) == self.primary
        assert Access(keys.secondary) != self.secondary
        self.secondary = Access(keys.secondary)


@pytest.fixture(scope="module")
def made(deployed: Deployed, authority: Authority) -> Rotated:
    return Rotated(deployed, authority)


def test_no_call_fails_but_those_with_what_was_withdrawn(
    made: Rotated, deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    with Callers(CALLERS, made.connect, made.secondary, sample_image()) as callers:
        for _ in range(CERTIFICATES):
            made.renew()
            callers.let_each_call()
        for _ in range(KEYS // 2):
            made.regenerate_primary()
            callers.move(made.primary)
            made.regenerate_secondary()
            callers.move(made.secondary)
        assert [call.error for call in callers.failures()] == []

        plain = Access(None, ssl=False)
        with callers.withdrawn(made.secondary):
            made.serve(None)
            callers.move(plain)
        with callers.withdrawn(plain):
            made.serve(deployed.request.tls)
            callers.move(made.secondary)
        unexpected = [call.error for call in callers.unexpected()]
    withdrawn = len(callers.failures()) - len(unexpected)
    with capsys.disabled():
        print(
            f"\n{len(callers.calls)} calls of {CALLERS} callers over {CERTIFICATES} certificates, {KEYS} "
            f"keys, SSL off and on: {withdrawn} failed with what was withdrawn, {len(unexpected)} otherwise"
        )
    assert unexpected == []


@pytest.mark.parametrize("which", ["primary", "secondary"])
def test_an_old_key_is_refused_within_a_second_of_its_withdrawal(made: Rotated, which: str) -> None:
    old = getattr(made, which)
    other = made.secondary if which == "primary" else made.primary
    with made.connect(old) as before, made.connect(other) as unchanged:
        assert before.score_image(sample_image()).size
        getattr(made, f"regenerate_{which}")()
        withdrawn_s = time.monotonic()

        with pytest.raises(WrongKey, match="neither the primary nor the secondary one"):
            before.score_image(sample_image())
        assert time.monotonic() - withdrawn_s < REFUSED_WITHIN_S
        with made.connect(old) as anew, pytest.raises(WrongKey):
            anew.score_image(sample_image())
        assert unchanged.score_image(sample_image()).size
