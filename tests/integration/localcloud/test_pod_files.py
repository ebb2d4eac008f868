"""The files of a pod: its own alone, of a certificate for its address that the cluster's CA has issued."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509

from fpga.cloud.kubernetes import parts
from fpga.cloud.kubernetes.wanted import Wanted
from localcloud import pod
from localcloud.authority import make_ca
from localcloud.cluster.credentials import Credentials

WANTED = Wanted(image="fpga:1", address="203.0.113.5")
ADDRESS = "10.1.2.3"


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """Folders of Secrets, as Kubernetes mounts them for a group."""
    made = make_ca()
    contents = {
        "ray-ca/tls.crt": made.certificate,
        "ray-ca/tls.key": made.key,
        f"ray-token/{parts.TOKEN_KEY}": b"0123456789abcdef" * 4,
        "encryption-key/encryption-key": b"k" * 32,
    }
    for name, content in contents.items():
        file = tmp_path / "secrets" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(0o440)
    return tmp_path / "secrets"


def words(secrets: Path, memory: Path) -> list[str]:
    """The command line of the manifests, for folders of a test."""
    found = [
        *("--copy", f"{parts.SECRETS}/encryption-key/encryption-key", parts.ENCRYPTION_KEY),
        *parts.ray_files_command(WANTED),
    ]
    changed = [one.replace(parts.SECRETS, str(secrets)).replace(parts.MEMORY, str(memory)) for one in found]
    return [one.replace("$(POD_IP)", ADDRESS) for one in changed]


def test_a_pod_has_files_of_its_own(secrets: Path, tmp_path: Path) -> None:
    memory = tmp_path / "memory"
    memory.mkdir()
    for _ in range(2):  # a container that ran is started again where the pod's machine was
        command = [sys.executable, "-m", "localcloud.pod", *words(secrets, memory)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")
    ray = memory / "ray"
    own = Credentials(ray / "token", ray)
    assert sorted(path.name for path in ray.iterdir()) == ["ca.crt", "tls.crt", "tls.key", "token"]
    assert sorted(path.name for path in memory.iterdir()) == ["encryption-key", "ray"]
    for file in (*ray.iterdir(), memory / "encryption-key"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.stat().st_uid == os.getuid()
    certificate = x509.load_pem_x509_certificate(own.certificate_file.read_bytes())
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(own.ca_file.read_bytes()))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert IPv4Address(ADDRESS) in names.get_values_for_type(x509.IPAddress)
    assert WANTED.ray_address in names.get_values_for_type(x509.DNSName)
    assert own.token_file.read_bytes() == (secrets / "ray-token" / parts.TOKEN_KEY).read_bytes()


def test_what_is_missing_is_said(secrets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (secrets / "ray-ca" / "tls.key").unlink()
    assert pod.main(words(secrets, tmp_path)) == 1
    assert "tls.key" in capsys.readouterr().err
    assert not (tmp_path / "ray").exists()
