"""A certificate in a container or in the stack's own file: changed in place, and refused at the preview."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from certs.bundle import Bundle
from certs.sources.self_signed import Authority, issue, new_authority
from clients.tls import fingerprint, served_certificate
from tests.support.stacks.engine_operations import expect_no_changes, expect_operations
from tests.support.stacks.program_stack import ProgramStack
from tests.support.stacks.pulumi_project import Result

NOW = dt.datetime.now(dt.UTC)
PASSWORD = " a pässword "
CHANGED = {"service": "update", "endpoint-check": "update"}


@pytest.fixture(scope="module")
def authority() -> Authority:
    return new_authority("A private authority", NOW - dt.timedelta(days=1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    (folder / "root.pem").write_text(authority.certificate_pem)
    return folder


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., ProgramStack], folder: Path, authority: Authority) -> ProgramStack:
    """A stack whose certificate is in a container."""
    pack(folder, issue(authority, ["www.sources.contoso.test"], NOW))
    stack = make_stack(
        "sources",
        {
            "fpga-web-service:certificateSource": "pfx",
            "fpga-web-service:pfxFile": str(folder / "tls.pfx"),
            "fpga-web-service:rootsFile": str(folder / "root.pem"),
        },
        loaded=True,
    )
    stack.set_secret("fpga-web-service:pfxPassword", PASSWORD)
    result = stack.up()
    assert result.complaints == []
    return stack


def pack(folder: Path, bundle: Bundle) -> None:
    key = bundle.key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    encryption = BestAvailableEncryption(PASSWORD.encode())
    (folder / "tls.pfx").write_bytes(
        pkcs12.serialize_key_and_certificates(None, key, bundle.leaf, bundle.chain[1:], encryption)
    )
    (folder / "tls.pfx").chmod(0o600)


def put(stack: ProgramStack, bundle: Bundle) -> None:
    """The chain and key into the stack's file: the one in plain, the other encrypted."""
    stack.configure({"fpga-web-service:certificateChain": bundle.certificate_pem})
    stack.set_secret("fpga-web-service:certificateKey", bundle.key_pem)


def expect_served(stack: ProgramStack, bundle: Bundle, before: dict[str, object]) -> None:
    """That the service shows this certificate, and that all else is as it was."""
    for result in (stack.preview(), stack.up()):
        expect_operations(result, stack, CHANGED)
        assert result.complaints == []
        assert "PRIVATE KEY" not in result.text
    after = stack.outputs(show_secrets=True)
    assert after["certificateFingerprint"] == bundle.fingerprint_sha256 != before["certificateFingerprint"]
    kept = ("ip", "primaryKey", "secondaryKey", "rootCertificate")
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert fingerprint(served_certificate(after["ip"], 50051) or b"") == bundle.fingerprint_sha256
    expect_no_changes(stack)


def test_a_new_container_changes_service_and_check_alone(
    stack: ProgramStack, folder: Path, authority: Authority
) -> None:
    before = stack.outputs(show_secrets=True)
    bundle = issue(authority, [stack.fqdn], NOW)
    pack(folder, bundle)

    expect_served(stack, bundle, before)
    assert PASSWORD.strip() not in stack.state_text()


def test_a_wrong_password_is_refused_at_the_preview(stack: ProgramStack) -> None:
    before = stack.service()
    stack.set_secret("fpga-web-service:pfxPassword", "wr0ng-s3cret")

    refused = stack.preview(code=None)

    stack.set_secret("fpga-web-service:pfxPassword", PASSWORD)
    expect_refused(refused, "fpga-web-service:pfxFile, fpga-web-service:pfxPassword", "with this password")
    assert "wr0ng-s3cret" not in refused.text
    assert stack.service() == before


def expect_refused(refused: Result, settings: str, words: str) -> None:
    assert refused.code not in (0, None)
    (message,) = refused.diagnostics["error"]
    assert settings in message
    assert words in message
    assert "Traceback" not in refused.text
    assert "PRIVATE KEY" not in refused.text


def test_a_certificate_in_the_stack_s_file_changes_service_and_check_alone(
    stack: ProgramStack, authority: Authority
) -> None:
    before = stack.outputs(show_secrets=True)
    for key in ("pfxFile", "pfxPassword"):
        stack.run("config", "rm", "--stack", stack.stack, f"fpga-web-service:{key}")
    stack.configure({"fpga-web-service:certificateSource": "config"})
    bundle = issue(authority, [stack.fqdn], NOW)
    put(stack, bundle)

    expect_served(stack, bundle, before)

    written = (stack.folder / f"Pulumi.{stack.stack}.yaml").read_text()
    assert "BEGIN CERTIFICATE" in written
    assert "PRIVATE KEY" not in written + stack.state_text()
    renewed = issue(authority, [stack.fqdn], NOW)
    before = stack.outputs(show_secrets=True)
    put(stack, renewed)
    expect_served(stack, renewed, before)


def test_a_text_that_does_not_fit_is_refused_at_the_preview(
    stack: ProgramStack, authority: Authority
) -> None:
    before = stack.service()
    settings = "fpga-web-service:certificateChain, fpga-web-service:certificateKey"
    bundle = issue(authority, [stack.fqdn], NOW)
    stack.configure({"fpga-web-service:certificateChain": bundle.certificate_pem})
    expect_refused(stack.preview(code=None), settings, "is not the key of the certificate")

    stack.configure({"fpga-web-service:certificateChain": bundle.certificate_pem[:-40]})
    expect_refused(stack.preview(code=None), settings, "setting fpga-web-service:certificateChain: has BEGIN")

    stack.configure({"fpga-web-service:certificateKey": "s3cret-in-plain"})
    refused = stack.preview(code=None)
    expect_refused(refused, "fpga-web-service:certificateKey", "stands in plain in the stack's file")
    assert "s3cret-in-plain" not in refused.text
    assert stack.service() == before
