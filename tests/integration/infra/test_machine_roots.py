"""Whether this machine trusts a chain that its owner brings, by the roots that its programs have."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra import provided_certificate
from infra.certificate_settings import CertificateSettings
from tests.unit.certs.forge import FQDN, Made, chain, key, leaf, root
from tests.unit.certs.odd_encodings import BELOW_ODD_ROOT, ODD_ROOT

UNKNOWN = "the chain leads to no authority that this machine trusts"


@pytest.mark.parametrize(
    ("held", "is_known"), [((root(),), False), ((ODD_ROOT,), True), ((root(), ODD_ROOT), True)]
)
def test_a_root_that_breaks_rfc_5280_is_known_all_the_same(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    held: tuple[Made, ...],
    is_known: bool,
) -> None:
    """As are those of Go Daddy and Starfield, whose serial number is zero."""
    made = leaf(BELOW_ODD_ROOT, key=key("P-256", 79))
    files = {
        "chain.pem": chain(made, BELOW_ODD_ROOT),
        "key.pem": made.key_pem,
        "machine.pem": chain(*held),
    }
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
    problems: list[str] = []

    taken = provided_certificate.read(settings, FQDN, problems)

    assert problems == []
    assert taken is not None
    assert (UNKNOWN in capsys.readouterr().err) is not is_known
