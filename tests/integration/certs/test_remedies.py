"""The commands that findings propose do what they promise: run as they stand, by the OpenSSL that is
installed.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from certs.checks import judge, require
from certs.findings import Finding, errors_in
from certs.sources.files import FilesSource
from certs.sources.pfx import PfxSource
from tests.support.certificates import odd_containers
from tests.support.certificates.containers import PASSWORD
from tests.support.certificates.forge import (
    FQDN,
    NOW,
    chain,
    intermediate,
    key_der,
    key_pem,
    leaf,
    self_signed,
)
from tests.support.certificates.odd_bundles import CHAIN, GOOD, KEY
from tests.support.certificates.odd_texts import pfx, pkcs7_of
from tests.support.certificates.odd_wrappings import WRAPPED

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")


def write(folder: Path, certificate: bytes, private_key: bytes) -> tuple[Path, Path]:
    paths = folder / "my chain.crt", folder / "my key.key"
    for path, text in zip(paths, (certificate, private_key), strict=True):
        path.write_bytes(text)
        path.chmod(0o600)
    return paths


def run(finding: Finding, folder: Path, password: str) -> None:
    """Runs the command in the remedy, typing `password` where it asks for one."""
    found = re.search(r"openssl .*", finding.remedy)
    assert found, finding.remedy
    command = shlex.split(found[0])
    if password:
        command += ["-passin", f"pass:{password}"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize(
    ("certificate", "private_key", "code", "password"),
    [
        (pfx(), KEY, "pkcs12", "x"),
        (CHAIN, pfx(), "pkcs12", "x"),
        (pkcs7_of(Encoding.DER), KEY, "pkcs7", ""),
        (pkcs7_of(Encoding.PEM), KEY, "pkcs7", ""),
        (CHAIN, key_der(GOOD.key), "der", ""),
        (CHAIN, key_pem(GOOD.key, password=b"secret"), "key-encrypted", "secret"),
        (CHAIN, key_pem(GOOD.key, traditional=True, password=b"secret"), "key-encrypted", "secret"),
        (CHAIN, KEY + CHAIN, "certificate-in-key-file", ""),
    ],
    ids=[
        "PFX chain",
        "PFX key",
        "PKCS#7 DER",
        "PKCS#7 PEM",
        "DER",
        "PKCS#8 locked",
        "traditional locked",
        "both",
    ],
)
def test_a_conversion_makes_a_fit_bundle(
    tmp_path: Path, certificate: bytes, private_key: bytes, code: str, password: str
) -> None:
    paths = write(tmp_path, certificate, private_key)
    finding = errors_in(judge(FilesSource(*paths).obtain([FQDN], NOW).reading, FQDN, NOW).findings)[0]
    assert finding.code == code
    run(finding, tmp_path, password)
    new = [path.with_name(f"{path.stem}-converted.pem") for path in paths]
    mended = FilesSource(*(made if made.exists() else given for made, given in zip(new, paths, strict=True)))
    bundle = require(mended.obtain([FQDN], NOW).reading, FQDN, NOW).bundle
    assert (bundle.certificate_pem.encode(), bundle.key_pem.encode()) == (CHAIN, KEY)
    assert [path.read_bytes() for path in paths] == [certificate, private_key]


@pytest.mark.parametrize("name", WRAPPED)
def test_what_is_in_base64_is_decoded(tmp_path: Path, name: str) -> None:
    code, wrap, *_ = WRAPPED[name]
    paths = write(tmp_path, wrap(CHAIN, GOOD.der), wrap(KEY, key_der(GOOD.key)))
    found = errors_in(FilesSource(*paths).obtain([FQDN], NOW).reading.findings)
    assert [one.code for one in found] == [code, code]
    for finding in found:
        shell(finding.remedy.partition(": ")[2], tmp_path)
    made = tmp_path / "my chain-converted.pem", tmp_path / "my key-converted.pem"
    if code == "base64-of-der":  # which holds one certificate
        made[0].write_bytes(made[0].read_bytes() + intermediate().pem)
    bundle = require(FilesSource(*made).obtain([FQDN], NOW).reading, FQDN, NOW)
    assert bundle.findings == ()
    assert (bundle.bundle.certificate_pem.encode(), bundle.bundle.key_pem.encode()) == (CHAIN, KEY)


@pytest.mark.parametrize("one_file", [False, True], ids=["two files", "one file"])
def test_one_pem_for_both_is_split(tmp_path: Path, one_file: bool) -> None:
    certificate, private_key = write(tmp_path, KEY + CHAIN, KEY + CHAIN)
    if one_file:
        certificate = private_key
    (finding,) = FilesSource(certificate, private_key).obtain([FQDN], NOW).reading.findings
    assert finding.code == "combined-pem"
    for command in finding.remedy.partition(": ")[2].split(" and: "):
        shell(command, tmp_path)
    ends = ("chain", "key") if one_file else ("converted", "converted")
    made = (
        path.with_name(f"{path.stem}-{end}.pem")
        for path, end in zip((certificate, private_key), ends, strict=True)
    )
    checked = require(FilesSource(*made).obtain([FQDN], NOW).reading, FQDN, NOW)
    assert [one.code for one in checked.findings] == ["pem-text-outside"]  # that of OpenSSL
    assert (checked.bundle.certificate_pem.encode(), checked.bundle.key_pem.encode()) == (CHAIN, KEY)


@pytest.mark.parametrize("name", [one.name for one in odd_containers.REFUSED if one.code == "pfx-is-base64"])
def test_a_container_in_base64_is_decoded(tmp_path: Path, name: str) -> None:
    (case,) = (one for one in odd_containers.REFUSED if one.name == name)
    file = tmp_path / "my tls.pfx"
    file.write_bytes(case.data())
    file.chmod(0o600)
    (finding,) = PfxSource(file, PASSWORD).obtain([FQDN], NOW).reading.findings
    shell(finding.remedy.partition(": ")[2], tmp_path)
    checked = require(PfxSource(tmp_path / "decoded.pfx", PASSWORD).obtain([FQDN], NOW).reading, FQDN, NOW)
    assert checked.findings == ()


def shell(command: str, folder: Path) -> None:
    subprocess.run(["sh", "-ec", command], cwd=folder, check=True, capture_output=True)


def test_a_certificate_in_der_is_converted(tmp_path: Path) -> None:
    paths = write(tmp_path, GOOD.der, KEY)
    finding = errors_in(FilesSource(*paths).obtain([FQDN], NOW).reading.findings)[0]
    run(finding, tmp_path, "")
    assert (tmp_path / "my chain-converted.pem").read_bytes() == GOOD.pem


def test_the_proposed_self_signed_certificate_is_fit(tmp_path: Path) -> None:
    made = self_signed(basic=(True, None))
    paths = write(tmp_path, made.pem, made.key_pem)
    found = errors_in(judge(FilesSource(*paths).obtain([FQDN], NOW).reading, FQDN, NOW).findings)
    assert [one.code for one in found] == ["leaf-is-authority"]
    run(found[0], tmp_path, "")
    now = datetime.now(UTC)
    obtained = FilesSource(tmp_path / "chain.pem", tmp_path / "key.pem").obtain([FQDN], now)
    assert [one.code for one in require(obtained.reading, FQDN, now).findings] == ["leaf-self-signed"]


def test_the_proposed_key_is_fit(tmp_path: Path) -> None:
    made = leaf(key_kind="Ed25519")
    paths = write(tmp_path, chain(made, intermediate()), made.key_pem)
    found = errors_in(judge(FilesSource(*paths).obtain([FQDN], NOW).reading, FQDN, NOW).findings)
    assert [one.code for one in found] == ["key-type-unsupported"]
    command = re.search(r"openssl .*?-out key\.pem", found[0].remedy)
    assert command
    subprocess.run(shlex.split(command[0]), cwd=tmp_path, check=True, capture_output=True)
    reading = FilesSource(paths[0], tmp_path / "key.pem").obtain([FQDN], NOW).reading
    codes = [one.code for one in errors_in(judge(reading, FQDN, NOW).findings)]
    assert codes == ["key-type-unsupported", "key-mismatch"]
