"""Whether this machine trusts a chain that its owner brings, by the roots that its programs have."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.inputs import machine_roots, provided_certificate
from infra.inputs.provided_certificate import ProvidedCertificate
from infra.settings import DeclaredService, ModelSettings, ServiceSettings
from infra.settings.certificate import CertificateSettings
from infra.settings.domain import DomainSettings
from tests.support.certificates.forge import FQDN, Made, chain, intermediate, key, leaf, root
from tests.support.certificates.odd_bundles import CHAIN, GOOD, KEY
from tests.support.certificates.odd_encodings import BELOW_ODD_ROOT, ODD_ROOT
from tests.support.certificates.odd_paths import cross_signed, old_root

UNKNOWN = "the chain leads to no authority that this machine trusts"


@pytest.mark.parametrize(
    ("held", "is_known"), [((root(),), False), ((ODD_ROOT,), True), ((root(), ODD_ROOT), True)]
)
def test_a_root_that_breaks_rfc_5280_is_known_all_the_same(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    held: tuple[Made, ...],
    is_known: bool,
) -> None:
    """As are those of Go Daddy and Starfield, whose serial number is zero."""
    made = leaf(BELOW_ODD_ROOT, key=key("P-256", 79))

    warnings: list[str] = []
    text = chain(made, BELOW_ODD_ROOT)

    problems, taken = preview(tmp_path, monkeypatch, text, made.key_pem, held, warnings)

    assert problems == []
    assert taken is not None
    assert [UNKNOWN in warning for warning in warnings] == [] if is_known else [True]


@pytest.mark.parametrize(("held", "is_known"), [((old_root(),), False), ((root(),), True)])
def test_what_leads_to_an_older_root_and_has_expired_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: tuple[Made, ...], is_known: bool
) -> None:
    """Callers hold the root itself, which the older one once certified."""
    text = chain(GOOD, intermediate(), cross_signed(datetime.now(UTC), expired=True))

    problems, taken = preview(tmp_path, monkeypatch, text, KEY, held, [])

    assert (taken is not None) is is_known
    if taken is not None:
        assert (problems, taken.chain) == ([], CHAIN.decode())
    else:
        (problem,) = problems
        assert "authority 'Test Root 0': expired on" in problem


def preview(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    certificates: bytes,
    private_key: bytes,
    held: tuple[Made, ...],
    warnings: list[str],
) -> tuple[list[str], ProvidedCertificate | None]:
    """What a preview finds wrong, and takes, on a machine that trusts `held`."""
    files = {"chain.pem": certificates, "key.pem": private_key, "machine.pem": chain(*held)}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        (tmp_path / name).chmod(0o600)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "machine.pem"))
    settings = CertificateSettings(
        source="files",
        certificate_file=tmp_path / "chain.pem",
        key_file=tmp_path / "key.pem",
        pfx_file=None,
        pfx_password=None,
        chain=None,
        key=None,
        roots_file=None,
        minimum_days=1,
    )
    service = DeclaredService(
        name="",
        model=ModelSettings(),
        domain=DomainSettings(zone=FQDN, fqdn=FQDN),
        certificate=settings,
        service=ServiceSettings(),
    )
    problems: list[str] = []
    return problems, provided_certificate.read(service, problems, warnings.append, machine_roots.read)
