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

from certs.checks import check, require
from certs.findings import Finding, errors_in
from certs.sources.files import FilesSource
from tests.unit.certs.forge import FQDN, NOW, chain, intermediate, key_der, key_pem, leaf, self_signed
from tests.unit.certs.odd_bundles import CHAIN, GOOD, KEY
from tests.unit.certs.odd_texts import pfx, pkcs7_of

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")


def write(folder: Path, certificate: bytes, private_key: bytes) -> tuple[Path, Path]:
    paths = folder / "my chain.crt", folder / "my key.key"
    for path, text in zip(paths, (certificate, private_key), strict=True):
        path.write_bytes(text)
        path.chmod(0o600)
    return paths


def run(finding: Finding, folder: Path, password: str) -> None:
    """Runs the command in the remedy, typing ``password`` where it asks for one."""
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
    finding = errors_in(check(FilesSource(*paths).obtain([FQDN], NOW).reading, FQDN, NOW))[0]
    assert finding.code == code
    run(finding, tmp_path, password)
    new = [path.with_name(f"{path.stem}-converted.pem") for path in paths]
    mended = FilesSource(*(made if made.exists() else given for made, given in zip(new, paths, strict=True)))
    bundle = require(mended.obtain([FQDN], NOW).reading, FQDN, NOW).bundle
    assert (bundle.certificate_pem.encode(), bundle.key_pem.encode()) == (CHAIN, KEY)
    assert [path.read_bytes() for path in paths] == [certificate, private_key]


def test_a_certificate_in_der_is_converted(tmp_path: Path) -> None:
    paths = write(tmp_path, GOOD.der, KEY)
    finding = errors_in(FilesSource(*paths).obtain([FQDN], NOW).reading.findings)[0]
    run(finding, tmp_path, "")
    assert (tmp_path / "my chain-converted.pem").read_bytes() == GOOD.pem


def test_the_proposed_self_signed_certificate_is_fit(tmp_path: Path) -> None:
    made = self_signed(basic=(True, None))
    paths = write(tmp_path, made.pem, made.key_pem)
    found = errors_in(check(FilesSource(*paths).obtain([FQDN], NOW).reading, FQDN, NOW))
    assert [one.code for one in found] == ["leaf-is-authority"]
    run(found[0], tmp_path, "")
    now = datetime.now(UTC)
    obtained = FilesSource(tmp_path / "chain.pem", tmp_path / "key.pem").obtain([FQDN], now)
    assert [one.code for one in require(obtained.reading, FQDN, now).findings] == ["leaf-self-signed"]


def test_the_proposed_key_is_fit(tmp_path: Path) -> None:
    made = leaf(key_kind="Ed25519")
    paths = write(tmp_path, chain(made, intermediate()), made.key_pem)
    found = errors_in(check(FilesSource(*paths).obtain([FQDN], NOW).reading, FQDN, NOW))
    assert [one.code for one in found] == ["key-type-unsupported"]
    command = re.search(r"openssl .*?-out key\.pem", found[0].remedy)
    assert command
    subprocess.run(shlex.split(command[0]), cwd=tmp_path, check=True, capture_output=True)
    reading = FilesSource(paths[0], tmp_path / "key.pem").obtain([FQDN], NOW).reading
    codes = [one.code for one in errors_in(check(reading, FQDN, NOW))]
    assert codes == ["key-type-unsupported", "key-mismatch"]
