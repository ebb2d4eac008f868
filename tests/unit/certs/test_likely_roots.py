"""An expired way up, where nobody says what callers hold: likely roots may tell another one."""

from __future__ import annotations

from cryptography import x509

from certs.bundle import read
from certs.checks import Checked, Unfit, judge
from certs.findings import errors_in
from fpga.certificates.report import CertificateReport
from tests.support.certificates.forge import FQDN, NOW, Made, chain, intermediate, root
from tests.support.certificates.odd_bundles import CHAIN, GOOD, KEY
from tests.support.certificates.odd_paths import cross_signed, old_intermediate, old_root


def judged(text: bytes, *likely: Made, asked: list[bool] | None = None) -> Checked | Unfit:
    def roots() -> list[x509.Certificate]:
        if asked is not None:
            asked.append(True)
        return [one.certificate for one in likely]

    return judge(read(text, KEY), FQDN, NOW, likely_roots=roots)


def test_an_expired_cross_sign_is_left_out_below_a_root_that_is_likely() -> None:
    text = chain(GOOD, intermediate(), cross_signed(NOW, expired=True))
    found = judged(text, root(), old_root())
    assert isinstance(found, Checked)
    assert found.bundle.certificate_pem.encode() == CHAIN
    assert [one.code for one in found.findings] == ["chain-alternate"]
    report = CertificateReport.judged(found, NOW)
    assert (report.chain, report.root) == (found.bundle.chain, root().certificate)


def test_it_stays_refused_where_no_root_is_likely() -> None:
    text = chain(GOOD, intermediate(), cross_signed(NOW, expired=True))
    for likely in ((), (old_root(),)):
        found = judged(text, *likely)
        assert isinstance(found, Unfit)
        (expired,) = errors_in(found.findings)
        assert expired.code == "expired"
        assert "leave this one out, or name that root" in expired.remedy


def test_an_expired_intermediate_is_not_passed_over() -> None:
    found = judged(chain(GOOD, old_intermediate(NOW)), root())
    assert isinstance(found, Unfit)
    assert [one.code for one in errors_in(found.findings)] == ["expired"]


def test_nobody_is_asked_about_a_chain_that_is_fit() -> None:
    asked: list[bool] = []
    assert isinstance(judged(CHAIN, root(), asked=asked), Checked)
    assert asked == []
