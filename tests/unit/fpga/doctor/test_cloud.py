"""What localclouds are told of, by each thing that can be wrong with them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fpga.doctor.checks import cloud
from fpga.doctor.checks.cloud import Certificate, Cloud, Leftover
from fpga.doctor.finding import Standing

CLOUD = Cloud(Path("/srv/my cloud"), is_default=False, is_running=True, version="0.1.0", own="0.1.0")
NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


def test_what_is_right_is_fine() -> None:
    found = [
        *cloud.clouds([]),
        *cloud.clouds([CLOUD]),
        *cloud.certificates([], NOW),
        *cloud.certificates([Certificate("the service", NOW + timedelta(days=30), "renew")], NOW),
        *cloud.left_behind([]),
    ]
    assert {one.standing for one in found} == {Standing.FINE}


def test_one_that_another_user_holds() -> None:
    (found,) = cloud.clouds([replace(CLOUD, holder="localcloud")])
    assert found.standing is Standing.ERROR
    assert found.told == "/srv/my cloud is held by a process of the user localcloud"
    assert "`sudo -u localcloud fpga cloud down --data '/srv/my cloud'`" in found.remedy


def test_one_that_does_not_answer_or_does_not_run() -> None:
    (silent,) = cloud.clouds([replace(CLOUD, trouble="The localcloud of /srv does not answer")])
    assert silent.standing is Standing.ERROR
    assert "fpga logs --data '/srv/my cloud'" in silent.remedy
    (stopped,) = cloud.clouds([replace(CLOUD, is_running=False, is_default=True)])
    assert stopped.standing is Standing.WARNING
    assert stopped.remedy == "`fpga cloud up` starts it"


@pytest.mark.parametrize(
    ("standing", "remedy"),
    [("older", "restarts it in place"), ("newer", "git pull"), ("another", "restarts it in place")],
)
def test_one_of_another_version(standing: str, remedy: str) -> None:
    (found,) = cloud.clouds([replace(CLOUD, version="0.0.9", standing=standing, is_default=True)])
    assert found.standing is Standing.WARNING
    assert "runs as 0.0.9, and this checkout is 0.1.0" in found.told
    assert remedy in found.remedy


def test_certificates_that_end() -> None:
    ended, due = cloud.certificates(
        [
            Certificate("the CA", NOW - timedelta(hours=1), "rotate"),
            Certificate("the service", NOW + timedelta(days=3), "renew"),
            Certificate("another", NOW + timedelta(days=300), "renew"),
        ],
        NOW,
    )
    assert (ended.standing, ended.remedy) == (Standing.ERROR, "rotate")
    assert ended.told == "that of the CA ended at 2026-11-29 11:00 UTC"
    assert (due.standing, due.remedy) == (Standing.WARNING, "renew")
    assert due.told == "that of the service ends in 3 days, at 2026-12-02 12:00 UTC"


def test_what_killed_processes_left() -> None:
    (found,) = cloud.left_behind(
        [Leftover("/srv/cloud/localcloud.pid is of one that was killed", "remove it")]
    )
    assert (found.standing, found.remedy) == (Standing.WARNING, "remove it")
