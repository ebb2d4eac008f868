"""What folders and files are told of, by each thing that can be wrong with them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fpga.doctor.checks import storage
from fpga.doctor.checks.storage import Passphrase, Place
from fpga.doctor.finding import Standing

LOCAL = Path("/srv/checkout/.local")
PLACE = Place(
    "all that is made", LOCAL, "FPGA_LOCAL", 5_000_000_000, 100_000, file_system="ext4", holds_databases=True
)
NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


def test_what_is_right_is_fine() -> None:
    found = [
        *storage.room([PLACE, replace(PLACE, inodes=None)]),
        *storage.programs_run([PLACE, replace(PLACE, has_noexec=True, holds_programs=False)]),
        *storage.file_system([PLACE, replace(PLACE, file_system="nfs", holds_databases=False)]),
        *storage.writable([PLACE]),
        *storage.owners([], "ada", LOCAL),
        *storage.secrets([]),
        *storage.passphrases([Passphrase(LOCAL / "passphrase", ["local"])]),
        *storage.passphrases([Passphrase(LOCAL / "passphrase", [], "is not there")]),
        *storage.clock(NOW, NOW + timedelta(minutes=4), "a file"),
        *storage.clock(NOW, None, ""),
    ]
    assert {one.standing for one in found} == {Standing.FINE}


def test_a_disk_that_is_full_tight_or_without_inodes() -> None:
    (full,) = storage.room([replace(PLACE, free=100_000_000)])
    assert full.standing is Standing.ERROR
    assert full.told == f"{LOCAL} (all that is made) has room for 100 MB"
    assert "FPGA_LOCAL" in full.remedy
    (tight,) = storage.room([replace(PLACE, free=500_000_000)])
    assert tight.standing is Standing.WARNING
    (inodes,) = storage.room([replace(PLACE, inodes=7)])
    assert inodes.standing is Standing.ERROR
    assert inodes.told.endswith("has room for 7 more files")


def test_a_place_without_programs_of_the_network_or_closed() -> None:
    (noexec,) = storage.programs_run([replace(PLACE, has_noexec=True)])
    assert noexec.standing is Standing.ERROR
    assert "is mounted noexec" in noexec.told
    (network,) = storage.file_system([replace(PLACE, file_system="nfs4")])
    assert network.standing is Standing.WARNING
    assert "is on nfs4, a file system of the network" in network.told
    (closed,) = storage.writable([replace(PLACE, trouble="this user may not")])
    assert closed.standing is Standing.ERROR
    assert closed.told.endswith("cannot be written: this user may not")


def test_files_of_root() -> None:
    (found,) = storage.owners([LOCAL / name for name in "abcde"], "ada", Path("/srv/my checkout/.local"))
    assert found.standing is Standing.ERROR
    assert found.told == f"{LOCAL}/a, {LOCAL}/b, {LOCAL}/c and 2 more belong to somebody else than ada"
    assert found.remedy.startswith("`sudo chown -R ada '/srv/my checkout/.local'`")


def test_secrets_that_others_may_read_and_a_passphrase_that_is_lost() -> None:
    (readable,) = storage.secrets([LOCAL / "passphrase"])
    assert readable.standing is Standing.ERROR
    assert readable.remedy == f"`chmod go-rwx {LOCAL}/passphrase`"
    (lost,) = storage.passphrases([Passphrase(LOCAL / "passphrase", ["local"], "is not there")])
    assert lost.standing is Standing.ERROR
    assert lost.told == f"{LOCAL}/passphrase, of the secrets of local, is not there"


def test_a_clock_that_is_behind() -> None:
    (found,) = storage.clock(NOW, NOW + timedelta(days=40), "/srv/checkout/requirements.lock")
    assert found.standing is Standing.ERROR
    assert (
        "it says 2026-11-29 12:00 UTC, and /srv/checkout/requirements.lock was made at 2027-01-08"
        in found.told
    )
    assert "40 days behind" in found.remedy
