"""Fit is earned by a chain and a key: what was never looked at is not, whoever is asked."""

from __future__ import annotations

import pytest

from certs.bundle import Bundle, Reading, assemble, read
from certs.checks import Checked, Unfit, judge, require
from certs.errors import CertificateError, EncryptedKeyError, UnreadableError
from certs.findings import Finding, error, warning
from fpga.certificates.report import CertificateReport, Verdict
from tests.support.certificates.forge import FQDN, NOW, intermediate
from tests.support.certificates.odd_bundles import CHAIN, GOOD, KEY

# What a source hands over that found nothing, and has nothing to say.
SILENT = {
    "nothing": (Reading((), None), ["no-certificate", "no-key"]),
    "two texts that could not be had": (read(None, None), ["no-certificate", "no-key"]),
    "no certificates, and no key": (assemble((), None), ["no-certificate", "no-key"]),
    "a chain alone": (read(CHAIN, None), ["no-key"]),
    "a key alone": (read(None, KEY), ["no-certificate"]),
    "a warning alone": (
        Reading((), None, read_findings=(warning("key-file-open", "key file", "is open."),)),
        ["no-certificate", "no-key"],
    ),
}


@pytest.mark.parametrize(("reading", "codes"), SILENT.values(), ids=SILENT.keys())
def test_what_was_not_read_is_not_fit(reading: Reading, codes: list[str]) -> None:
    judged = judge(reading, FQDN, NOW)

    assert isinstance(judged, Unfit)
    assert not judged.is_read
    assert [one.code for one in judged.findings if one.severity == "error"] == codes
    for give in (lambda: require(reading, FQDN, NOW), reading.bundle):
        with pytest.raises(UnreadableError) as caught:
            give()
        assert not isinstance(caught.value, EncryptedKeyError)
        assert "0 things" not in str(caught.value)
    report = CertificateReport.judged(judged, NOW)
    assert (report.verdict, report.verdict.exit_code) == (Verdict.UNREADABLE, 2)


def test_no_certificates_are_not_shown_as_if_they_were() -> None:
    report = CertificateReport.shown(assemble((), None), (), NOW)

    assert (report.verdict, report.verdict.exit_code) == (Verdict.UNREADABLE, 2)
    assert [one.code for one in report.findings] == ["no-certificate"]


def test_what_is_shown_is_not_called_fit() -> None:
    report = CertificateReport.shown(read(CHAIN, None), (), NOW)

    assert (report.to_dict()["verdict"], report.verdict.exit_code) == ("shown", 0)


def test_fit_cannot_be_made_of_nothing() -> None:
    with pytest.raises(ValueError, match="at least one certificate"):
        Bundle((), GOOD.key)
    with pytest.raises(UnreadableError):
        Checked(Reading((), None), ())
    bundle = Bundle((GOOD.certificate, intermediate().certificate), GOOD.key)
    with pytest.raises(ValueError, match="is not fit"):
        Checked(Reading.of(bundle), (error("expired", "certificate", "is over."),))


@pytest.mark.parametrize("findings", [(), (warning("key-file-open", "key file", "is open."),)])
def test_an_error_without_a_reason_is_none(findings: tuple[Finding, ...]) -> None:
    with pytest.raises(ValueError, match="none of the findings is an error"):
        CertificateError(findings)
