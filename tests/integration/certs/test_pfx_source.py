"""The source `pfx`, on real files: what OpenSSL and Java's keytool write, and what they cannot be."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from certs.checks import judge, require
from certs.errors import UnreadableError
from certs.findings import errors_in
from certs.sources.files import FilesSource
from certs.sources.pfx import PfxSource
from certs.sources.source import CertificateSource
from tests.support.certificates.containers import PASSWORD, container
from tests.support.certificates.forge import FQDN, NOW, chain, intermediate, root
from tests.support.certificates.odd_bundles import GOOD

CHAIN = chain(GOOD, intermediate())
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
needs_keytool = pytest.mark.skipif(shutil.which("keytool") is None, reason="needs Java's keytool")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my tls.pfx"
    path.write_bytes(container())
    path.chmod(0o600)
    return path


def test_a_container_is_read(file: Path, tmp_path: Path) -> None:
    source: CertificateSource = PfxSource(file, PASSWORD)
    obtained = source.obtain([FQDN], NOW)
    checked = require(obtained.reading, FQDN, NOW)
    assert checked.findings == ()
    assert checked.bundle.certificate_pem.encode() == CHAIN
    assert obtained.root_pem is None
    roots = tmp_path / "roots.pem"
    roots.write_bytes(root().pem)
    assert PfxSource(file, PASSWORD, roots).obtain([FQDN], NOW).root_pem == root().pem.decode()
    with pytest.raises(UnreadableError, match=r"roots file .*none\.pem: does not exist"):
        PfxSource(file, PASSWORD, tmp_path / "none.pem").obtain([FQDN], NOW)


def test_the_password_is_in_no_text(file: Path) -> None:
    source = PfxSource(file, "wr0ng-s3cret")
    reading = source.obtain([FQDN], NOW).reading
    with pytest.raises(UnreadableError) as caught:
        reading.bundle()
    assert "wr0ng-s3cret" not in repr(source) + repr(reading) + str(caught.value)


def test_a_container_that_cannot_be_had_is_named(tmp_path: Path) -> None:
    found = PfxSource(tmp_path / "none.pfx", PASSWORD).obtain([FQDN], NOW).reading.findings
    assert [one.code for one in found] == ["file-missing"]
    assert str(found[0]) == f"PFX file {tmp_path}/none.pfx: does not exist. Correct the path."


def test_a_container_open_to_others_is_a_warning(file: Path) -> None:
    file.chmod(0o644)
    findings = require(PfxSource(file, PASSWORD).obtain([FQDN], NOW).reading, FQDN, NOW).findings
    assert [(one.code, one.severity) for one in findings] == [("key-file-open", "warning")]
    assert findings[0].remedy == f"Close it: chmod 600 '{file}'"


EXPORTS = {
    "as OpenSSL 3 does": "",
    "RC2 and triple DES": "-legacy",
    "RC4": "-legacy -keypbe PBE-SHA1-RC4-128 -certpbe PBE-SHA1-RC4-128",
    "triple DES": "-keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1",
    "AES-128 and SHA-512": "-keypbe AES-128-CBC -certpbe AES-128-CBC -macalg sha512",
    "a MAC alone": "-keypbe NONE -certpbe NONE",
    "no MAC": "-nomac",
}


@needs_openssl
@pytest.mark.parametrize("options", EXPORTS.values(), ids=EXPORTS.keys())
@pytest.mark.parametrize("password", ["x", PASSWORD, ""], ids=["ASCII", "beyond ASCII", "empty"])
def test_what_openssl_exports_is_read(tmp_path: Path, options: str, password: str) -> None:
    file = _export(tmp_path, shlex.split(options), password)

    checked = require(PfxSource(file, password).obtain([FQDN], NOW).reading, FQDN, NOW)

    assert checked.findings == ()
    assert checked.bundle.certificate_pem.encode() == CHAIN
    assert checked.bundle.key_pem.encode() == GOOD.key_pem


@needs_openssl
@pytest.mark.parametrize("options", EXPORTS.values(), ids=EXPORTS.keys())
def test_the_wrong_password_is_told_for_each(tmp_path: Path, options: str) -> None:
    file = _export(tmp_path, shlex.split(options), "x")
    for password, code in (("y", "pfx-password-wrong"), (None, "pfx-password-missing")):
        found = PfxSource(file, password).obtain([FQDN], NOW).reading.findings
        assert [one.code for one in found] == [code]


@needs_openssl
@pytest.mark.parametrize("options", ["", "-legacy"])
def test_the_command_that_is_proposed_tells_a_password_that_fits(tmp_path: Path, options: str) -> None:
    file = _export(tmp_path, shlex.split(options), "x")
    (finding,) = PfxSource(file, "y").obtain([FQDN], NOW).reading.findings
    command = re.search(r"openssl .*", finding.remedy)
    assert command
    for password, code in (("x", 0), ("y", 1)):
        done = subprocess.run(
            [*shlex.split(command[0]), "-passin", f"pass:{password}"], capture_output=True, check=False
        )
        assert done.returncode == code, done.stderr


@needs_openssl
def test_the_conversion_that_is_proposed_makes_a_fit_pair(tmp_path: Path) -> None:
    # Camellia: the library opens it, and cannot tell a wrong password for it from what it does not know.
    file = _export(tmp_path, ["-keypbe", "CAMELLIA-256-CBC", "-certpbe", "CAMELLIA-256-CBC"], "x")
    assert require(PfxSource(file, "x").obtain([FQDN], NOW).reading, FQDN, NOW).findings == ()
    (finding,) = PfxSource(file, "y").obtain([FQDN], NOW).reading.findings
    assert finding.code == "pfx-unsupported"

    for command in re.findall(r"openssl pkcs12 .*?\.pem", finding.remedy.replace(str(file), "FILE")):
        words = shlex.split(command.replace("FILE", str(file)))
        subprocess.run([*words, "-passin", "pass:x"], cwd=tmp_path, capture_output=True, check=True)

    reading = FilesSource(tmp_path / "chain.pem", tmp_path / "key.pem").obtain([FQDN], NOW).reading
    bundle = require(reading, FQDN, NOW).bundle
    assert (bundle.certificate_pem.encode(), bundle.key_pem.encode()) == (CHAIN, GOOD.key_pem)


@needs_keytool
def test_two_entries_of_a_java_keystore_are_two_keys(tmp_path: Path) -> None:
    file = tmp_path / "keys.p12"
    for alias in ("one", "two"):
        _keytool(
            *("-genkeypair", "-alias", alias, "-keyalg", "EC", "-groupname", "secp256r1"),
            *("-dname", f"CN={alias}", "-storetype", "PKCS12", "-keystore", str(file)),
        )
    file.chmod(0o600)
    found = errors_in(judge(PfxSource(file, "changeit").obtain([FQDN], NOW).reading, FQDN, NOW).findings)
    assert [one.code for one in found] == ["several-keys"]
    assert "holds 2 private keys" in found[0].message

    proposed = shlex.split(found[0].remedy.partition("keytool ")[2].replace("NAME", "two"))
    proposed[proposed.index("tls.pfx")] = str(tmp_path / "tls.pfx")
    _keytool(*proposed, "-srcstorepass", "changeit")

    one = PfxSource(tmp_path / "tls.pfx", "changeit").obtain([FQDN], NOW).reading
    assert [certificate.subject.rfc4514_string() for certificate in one.chain] == ["CN=two"]


def _keytool(*arguments: str) -> None:
    password = ("-storepass", "changeit")
    if "-importkeystore" in arguments:
        password = ("-deststorepass", "changeit")
    subprocess.run(["keytool", *arguments, *password, "-noprompt"], capture_output=True, check=True)


def _export(folder: Path, options: list[str], password: str) -> Path:
    (folder / "made.key").write_bytes(GOOD.key_pem)
    (folder / "made.pem").write_bytes(CHAIN)
    command = ["openssl", "pkcs12", "-export", "-inkey", "made.key", "-in", "made.pem", "-out", "a b.pfx"]
    subprocess.run(
        [*command, *options, "-passout", f"pass:{password}"], cwd=folder, capture_output=True, check=True
    )
    (folder / "a b.pfx").chmod(0o600)
    return folder / "a b.pfx"
