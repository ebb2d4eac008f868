"""The certificate of localcloud's HTTPS: callers verify it, whatever became of CA, dates and clock."""

from __future__ import annotations

import datetime
import logging
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509

from localcloud import authority, control, renewal
from localcloud.errors import StartError
from localcloud.server import Cloud
from localcloud.settings import Settings
from surroundings.tls import client_context
from tests.support.localcloud import parts
from tests.support.waiting import wait_until


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "data", tmp_path / "featurizers")


@pytest.fixture
def before(settings: Settings) -> Settings:
    """Of a data folder that was served once."""
    with Cloud(settings):
        pass
    return settings


class Clock(datetime.datetime):
    """The machine's clock, ahead of time."""

    ahead = datetime.timedelta()

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:  # type: ignore[override]
        return datetime.datetime.now(tz) + cls.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[type[Clock]]:
    """The clock of a test's own localclouds; one of the whole session, in the same process, keeps its own."""
    check = renewal.Renewal.check

    def check_own(self: renewal.Renewal) -> None:
        if tmp_path in self._source._data.parents:  # type: ignore[attr-defined]
            check(self)

    monkeypatch.setattr(renewal.Renewal, "check", check_own)
    monkeypatch.setattr(authority, "_now", lambda: Clock.now(datetime.UTC))
    yield Clock
    Clock.ahead = datetime.timedelta()


def shown(cloud: Cloud, ca: Path) -> x509.Certificate:
    """The certificate that its HTTPS shows, verified by the CA as callers do."""
    return served(cloud.status().https, ca)


def served(url: str | None, ca: Path) -> x509.Certificate:
    address = urlsplit(str(url))
    assert address.hostname is not None
    with (
        socket.create_connection((address.hostname, address.port), timeout=10) as connection,
        client_context(cafile=ca).wrap_socket(connection, server_hostname=address.hostname) as spoken,
    ):
        found = spoken.getpeercert(binary_form=True)
    assert found is not None
    return x509.load_der_x509_certificate(found)


def expect_trusted(settings: Settings) -> None:
    """A start whose HTTPS every caller of `ca.pem` takes."""
    with Cloud(settings) as cloud:
        shown(cloud, settings.data / "ca.pem")
        assert control.status(settings.data).https == cloud.status().https


def test_a_deleted_ca_is_made_anew_with_the_certificate(before: Settings) -> None:
    old = (before.data / "ca.pem").read_bytes()
    (before.data / "ca.pem").unlink()
    expect_trusted(before)
    assert (before.data / "ca.pem").read_bytes() != old


def test_another_ca_with_its_key_issues_anew(before: Settings, tmp_path: Path) -> None:
    other = authority.load_or_make(_folder(tmp_path / "other"), "127.0.0.1")
    shutil.copy(other.ca, before.data)
    shutil.copy(other.ca.with_name("ca.key"), before.data)
    expect_trusted(before)


@pytest.mark.parametrize("name", ["ca.pem", "ca.key"])
def test_a_ca_and_a_key_that_do_not_fit_are_refused(before: Settings, tmp_path: Path, name: str) -> None:
    other = authority.load_or_make(_folder(tmp_path / "other"), "127.0.0.1")
    shutil.copy(other.ca.with_name(name), before.data)
    with pytest.raises(StartError, match=r"ca\.key is not the key of .*ca\.pem: delete ca\.pem, ca\.key"):
        Cloud(before).start()


@pytest.mark.parametrize("name", ["server.pem", "server.key"])
def test_a_damaged_certificate_is_made_anew(before: Settings, name: str) -> None:
    (before.data / name).write_bytes(b"nonsense")
    expect_trusted(before)


def test_a_clock_900_days_ahead_and_back_again(before: Settings, clock: type[Clock]) -> None:
    """One that has run out, then one that is not valid yet: each is made anew at the start."""
    for days in (900, 0):
        clock.ahead = datetime.timedelta(days=days)
        with Cloud(before):
            pass
        certificate = x509.load_pem_x509_certificate((before.data / "server.pem").read_bytes())
        now = clock.now(datetime.UTC)
        assert certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc
    expect_trusted(before)


@pytest.mark.parametrize(
    ("days", "problem"), [(3651, "expired on "), (-1, "is not valid before ")], ids=["over", "not yet"]
)
def test_a_ca_that_is_not_in_force_is_refused_in_words(
    before: Settings, clock: type[Clock], days: int, problem: str
) -> None:
    clock.ahead = datetime.timedelta(days=days)
    for _ in range(2):
        with pytest.raises(StartError) as refused:
            Cloud(before).start()
        assert problem in str(refused.value)
        assert f"this machine's clock says {clock.now(datetime.UTC):%Y-%m-%d}" in str(refused.value)
        assert "Set the clock if it is wrong; else delete ca.pem" in str(refused.value)
        (before.data / "server.pem").unlink(missing_ok=True)  # whether one is to be issued or not


def test_a_certificate_that_runs_out_while_the_server_runs_is_renewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authority, "SERVER_LIFE", datetime.timedelta(seconds=6))
    monkeypatch.setattr(authority, "_BACKDATE", datetime.timedelta(0))
    monkeypatch.setattr(renewal, "INTERVAL_S", 0.1)
    settings = parts.settings(tmp_path / "data")
    with Cloud(settings) as cloud:
        ca = settings.data / "ca.pem"
        blob = cloud.status().blob
        first = {shown(cloud, ca).serial_number, served(blob, ca).serial_number}
        assert len(first) == 1
        wait_until(lambda: shown(cloud, ca).serial_number not in first)
        wait_until(lambda: served(blob, ca).serial_number not in first)


def test_a_ca_that_is_deleted_while_the_server_runs_is_made_anew(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "INTERVAL_S", 0.1)
    with Cloud(settings) as cloud:
        (settings.data / "ca.pem").unlink()
        wait_until(lambda: _is_trusted(cloud, settings.data / "ca.pem"))
        assert control.status(settings.data).running


def test_what_is_in_the_way_is_logged_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, clock: type[Clock], caplog: pytest.LogCaptureFixture
) -> None:
    checks: list[None] = []
    check = renewal.Renewal.check
    monkeypatch.setattr(renewal, "INTERVAL_S", 0.01)
    monkeypatch.setattr(renewal.Renewal, "check", lambda self: checks.append(check(self)))
    with caplog.at_level(logging.ERROR), Cloud(settings) as cloud:
        serial = shown(cloud, settings.data / "ca.pem").serial_number
        clock.ahead = datetime.timedelta(days=4000)
        wait_until(lambda: "cannot be renewed" in caplog.text)
        seen = len(checks)
        wait_until(lambda: len(checks) > seen + 3)
        assert shown(cloud, settings.data / "ca.pem").serial_number == serial
    (line,) = [line for line in caplog.messages if "cannot be renewed" in line]
    assert "expired on" in line
    assert "Set the clock" in line


def test_a_foreign_ca_is_no_reason_to_connect_all_the_same(before: Settings, tmp_path: Path) -> None:
    """Who finds another certificate than its CA's gives up, with words."""
    with Cloud(before):
        other = authority.load_or_make(_folder(tmp_path / "other"), "127.0.0.1")
        shutil.copy(other.ca, before.data)
        with pytest.raises(StartError, match=r"does not answer .*certificate verify failed"):
            control.status(before.data)


def _is_trusted(cloud: Cloud, ca: Path) -> bool:
    try:
        shown(cloud, ca)
    except OSError:
        return False
    return True


def _folder(path: Path) -> Path:
    path.mkdir()
    return path
