"""Whether the localcloud that runs is an earlier one, and what it is restarted with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fpga.cloud.upgrade import Standing, kept_options, standing
from localcloud.settings import Settings
from localcloud.version import Version

HISTORY = ["a" * 40, "b" * 40, "c" * 40]


def is_ancestor(first: str, second: str) -> bool:
    return first in HISTORY and second in HISTORY and HISTORY.index(first) <= HISTORY.index(second)


@pytest.mark.parametrize(
    ("running", "own", "expected"),
    [
        (Version(None, None), Version("0.1.0", HISTORY[1]), Standing.OLDER),
        (Version(None, None), Version(None, None), Standing.OLDER),
        (Version("0.1.0", HISTORY[1]), Version("0.1.0", HISTORY[1]), Standing.SAME),
        (Version("0.1.0", HISTORY[0]), Version("0.1.0", HISTORY[1]), Standing.OLDER),
        (Version("0.1.0", HISTORY[2]), Version("0.1.0", HISTORY[1]), Standing.NEWER),
        (Version("0.1.0", "d" * 40), Version("0.1.0", HISTORY[1]), Standing.OTHER),
        (Version("0.9.0", "d" * 40), Version("0.10.0", None), Standing.OLDER),
        (Version("0.10.0", None), Version("0.9.0", HISTORY[1]), Standing.NEWER),
        (Version("0.1.0", None), Version("0.1.0", HISTORY[1]), Standing.OLDER),
        (Version("0.1.0", None), Version("0.1.0", None), Standing.SAME),
    ],
)
def test_a_localcloud_stands_to_this_code(running: Version, own: Version, expected: Standing) -> None:
    assert standing(running, own, is_ancestor) is expected


def test_what_somebody_gave_stays(tmp_path: Path) -> None:
    wanted = Settings(tmp_path / "data", Path("/featurizers"), Path("/new/node"), Path("/new/azurite"))
    running = Settings(
        tmp_path / "elsewhere",
        tmp_path,
        Path("/old/node"),
        Path("/old/azurite"),
        host="127.0.0.2",
        name="models.contoso.test",
        public=True,
        https_port=1,
        dns_port=2,
        blob_port=3,
        scoring_network="127.90.0.0/16",
        scoring_port=4,
        package_hosts=("127.0.0.1:9000",),
    )

    assert kept_options(wanted, running) == replace(
        running, data=wanted.data, node=wanted.node, azurite=wanted.azurite
    )
    without = replace(running, node=None, azurite=None)
    assert kept_options(wanted, without) == replace(without, data=wanted.data)
    gone = replace(running, featurizers=tmp_path / "gone")
    assert kept_options(wanted, gone).featurizers == wanted.featurizers
    assert kept_options(wanted, None) == wanted


def test_featurizers_that_an_earlier_version_built_follow(tmp_path: Path) -> None:
    built, before, given = (tmp_path / name / "featurizers" for name in ("model-1", "model", "mine"))
    for folder in (built, before, given):
        folder.mkdir(parents=True)
    wanted = Settings(tmp_path, built, None, None)
    assert kept_options(wanted, replace(wanted, featurizers=before)).featurizers == built
    assert kept_options(wanted, replace(wanted, featurizers=given)).featurizers == given
