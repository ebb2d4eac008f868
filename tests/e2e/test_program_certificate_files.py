"""A certificate of one's own: replaced in place, and refused at the preview when it does not fit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from certs.bundle import Bundle
from certs.sources.self_signed import Authority, issue, new_authority
from clients.tls import fingerprint, served_certificate
from tests.support.stacks.engine_operations import expect_no_changes, expect_operations
from tests.support.stacks.program_stack import ProgramStack

NOW = dt.datetime.now(dt.UTC)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return new_authority("A private authority", NOW - dt.timedelta(days=100))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Path:
    """Where the stack's files are; a real name is put on the chain later."""
    folder = tmp_path_factory.mktemp("certificate")
    (folder / "root.pem").write_text(authority.certificate_pem)
    return folder


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., ProgramStack], files: Path, authority: Authority) -> ProgramStack:
    put(files, issue(authority, ["www.files.contoso.test"], NOW))
    stack = make_stack(
        "files",
        {
            "fpga-web-service:certificateSource": "files",
            "fpga-web-service:certificateFile": str(files / "chain.pem"),
            "fpga-web-service:keyFile": str(files / "key.pem"),
            "fpga-web-service:rootsFile": str(files / "root.pem"),
        },
        loaded=True,
    )
    stack.up()
    return stack


def put(files: Path, bundle: Bundle, key: str | None = None) -> None:
    (files / "chain.pem").write_text(bundle.certificate_pem)
    (files / "key.pem").write_text(key or bundle.key_pem)
    (files / "key.pem").chmod(0o600)


def test_a_new_certificate_changes_service_and_check_alone(
    stack: ProgramStack, files: Path, authority: Authority
) -> None:
    before = stack.outputs(show_secrets=True)
    bundle = issue(authority, [stack.fqdn], NOW)
    put(files, bundle)

    preview, up = stack.preview(), stack.up()

    expected = {"service": "update", "endpoint-check": "update"}
    for result in (preview, up):
        expect_operations(result, stack, expected)
        assert result.complaints == []
    after = stack.outputs(show_secrets=True)
    assert after["certificateFingerprint"] == bundle.fingerprint_sha256 != before["certificateFingerprint"]
    assert {name: after[name] for name in ("ip", "primaryKey", "rootCertificate")} == {
        name: before[name] for name in ("ip", "primaryKey", "rootCertificate")
    }
    assert fingerprint(served_certificate(after["ip"], 50051) or b"") == bundle.fingerprint_sha256
    expect_no_changes(stack)


UNFIT = {
    "another name": (["www.fabrikam.test"], NOW, False, "www.files.contoso.test"),
    "expired": (["www.files.contoso.test"], NOW - dt.timedelta(days=95), False, "expired"),
    "a foreign key": (["www.files.contoso.test"], NOW, True, "is not the key of the certificate"),
}


@pytest.mark.parametrize(("names", "issued", "foreign_key", "words"), UNFIT.values(), ids=UNFIT.keys())
def test_one_that_does_not_fit_is_refused_before_anything_changes(
    stack: ProgramStack,
    files: Path,
    authority: Authority,
    names: list[str],
    issued: dt.datetime,
    foreign_key: bool,
    words: str,
) -> None:
    before = stack.service()
    other = issue(authority, names, NOW).key_pem if foreign_key else None
    put(files, issue(authority, names, issued), other)

    refused = stack.preview(code=None)

    assert refused.code not in (0, None)
    (message,) = refused.diagnostics["error"]
    assert "fpga-web-service:certificateFile, fpga-web-service:keyFile" in message
    assert words in message
    assert "Traceback" not in refused.text
    assert "PRIVATE KEY" not in refused.text
    assert stack.service() == before


def test_destroy_needs_no_certificate(stack: ProgramStack, files: Path) -> None:
    (files / "chain.pem").unlink()

    stack.destroy()

    assert stack.group not in stack.cloud.groups()
