"""The files of a cluster's machines: as they are made, and refused where they do not serve."""

from __future__ import annotations

import datetime
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from localcloud.cluster import issuing
from localcloud.cluster.credentials import Credentials
from localcloud.errors import StartError
from tests.support.certificates.authority import Authority
from tests.support.machines import needs_machines, network

HERE, OTHER = "10.79.3.1", "10.79.3.2"


def made(folder: Path, *addresses: str) -> dict[str, issuing.Made]:
    return {one.address: one for one in issuing.make(folder, addresses)}


def test_each_machine_has_a_folder_that_is_its_owner_s_alone(tmp_path: Path) -> None:
    found = made(tmp_path / "cluster", HERE, OTHER)
    assert list(found) == [HERE, OTHER]
    for path in (tmp_path / "cluster").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    here, other = (found[one].credentials for one in (HERE, OTHER))
    assert here.token_file.read_bytes() == other.token_file.read_bytes()
    assert here.ca_file.read_bytes() == other.ca_file.read_bytes()
    assert here.key_file.read_bytes() != other.key_file.read_bytes()
    assert not list((tmp_path / "cluster" / HERE).glob("ca.key"))
    certificate = x509.load_pem_x509_certificate(here.certificate_file.read_bytes())
    usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(usages) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == [HERE, "127.0.0.1"]
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]


def test_done_again_it_changes_nothing_and_adds_who_is_new(tmp_path: Path) -> None:
    folder = tmp_path / "cluster"
    made(folder, HERE)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert not made(folder, HERE)[HERE].is_new
    assert made(folder, OTHER)[OTHER].is_new
    assert {path: path.read_bytes() for path in before} == before


def test_what_expires_and_what_is_damaged_is_made_anew_of_the_same_ca(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cluster"
    monkeypatch.setattr(
        issuing, "LIFE", datetime.timedelta(minutes=2)
    )  # with 5 minutes back: 2 of 7 are left
    made(folder, HERE, OTHER)
    (folder / OTHER / "tls.key").write_text("damaged")
    monkeypatch.undo()
    ca = (folder / "ca.crt").read_bytes()
    assert all(one.is_new for one in made(folder).values())
    assert not any(one.is_new for one in made(folder).values())
    assert (folder / "ca.crt").read_bytes() == (folder / HERE / "ca.crt").read_bytes() == ca


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "one.example", "../up", "10.0.0.300", "fe80::1"])  # noqa: S104
def test_an_address_that_nobody_reaches_is_refused_before_a_file_is_made(
    tmp_path: Path, address: str
) -> None:
    with pytest.raises(StartError, match=r"is no IPv4 address at which other machines reach one"):
        made(tmp_path / "cluster", HERE, address)
    assert not (tmp_path / "cluster").exists()


def test_a_folder_whose_ca_has_no_key_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "cluster"
    made(folder, HERE)
    (folder / "ca.key").unlink()
    with pytest.raises(
        StartError, match=r"ca\.key is missing or damaged: restore both, or name another folder"
    ):
        made(folder, OTHER)


def _other_ca(files: Credentials) -> None:
    files.ca_file.write_bytes(Authority().root)


def _expired(files: Credentials) -> None:
    ca = Authority()
    leaf = ca.issue([HERE], starts_in=-20, ends_in=-1)
    files.ca_file.write_bytes(ca.root)
    files.certificate_file.write_bytes(leaf.pem)
    files.key_file.write_bytes(leaf.key_pem)


def _other_key(files: Credentials) -> None:
    shutil.copy(files.tls_folder.parent / OTHER / "tls.key", files.key_file)


REFUSED: list[tuple[Callable[[Credentials], object], str]] = [
    (
        lambda files: files.token_file.unlink(),
        r"rayToken: \S+/token cannot be read \(No such file or directory\)",
    ),
    (
        lambda files: files.token_file.chmod(0o644),
        r"rayToken: \S+/token may be read or written by others \(mode 0644\)",
    ),
    (
        lambda files: files.token_file.write_text("short\n"),
        r"rayToken: \S+/token holds no token of 32 characters",
    ),
    (lambda files: files.key_file.unlink(), r"rayTls: \S+/tls\.key cannot be read"),
    (
        lambda files: files.key_file.chmod(0o640),
        r"rayTls: \S+/tls\.key may be read or written by others \(mode 0640\)",
    ),
    (lambda files: files.key_file.write_text("none"), r"rayTls: \S+/tls\.key holds no private key"),
    (_other_key, r"rayTls: \S+/tls\.key is not the key of tls\.crt"),
    (lambda files: files.ca_file.unlink(), r"rayTls: \S+/ca\.crt cannot be read"),
    (
        lambda files: files.certificate_file.write_text("none"),
        r"rayTls: \S+/tls\.crt holds no certificate in PEM",
    ),
    (_other_ca, r"rayTls: \S+/tls\.crt is of another CA than \S+/ca\.crt"),
    (_expired, r"rayTls: \S+/tls\.crt expired on "),
]


@needs_machines
@pytest.mark.parametrize(("spoil", "words"), REFUSED)
def test_files_that_do_not_serve_are_refused_with_the_setting_that_names_them(
    tmp_path: Path, spoil: Callable[[Credentials], object], words: str
) -> None:
    files = made(tmp_path, HERE, OTHER)[HERE].credentials
    spoil(files)
    with network() as switch, switch.machine("here", HERE).entered(), pytest.raises(StartError, match=words):
        files.check("rayToken", "rayTls")


@needs_machines
def test_the_address_is_that_of_the_certificate_which_this_machine_has(tmp_path: Path) -> None:
    found = made(tmp_path, HERE, OTHER)
    with network() as switch, switch.machine("here", "10.79.3.9", HERE).entered():
        found[HERE].credentials.check()
        assert found[HERE].credentials.own_address() == HERE
        words = rf"--ray-tls: \S+/tls\.crt is for {OTHER}, 127\.0\.0\.1, and this machine has none of them"
        with pytest.raises(StartError, match=words):
            found[OTHER].credentials.check()
