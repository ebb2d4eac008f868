"""A data folder that an earlier version made: this one goes on with it, and callers see no difference."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from localcloud import control
from tests.support.localcloud.under_load import deployed
from tests.support.stacks.earlier_version import Checkout, is_known

FIRST: Final = "757e511"
BEFORE_THERE_WERE_PRINCIPALS: Final = "4ce2e51"
OPTIONS: Final = ("--scoring-network", "127.93.0.0/16")


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "cloud"
    yield folder
    control.stop(folder)


@pytest.mark.parametrize("commit", [FIRST, BEFORE_THERE_WERE_PRINCIPALS])
def test_services_records_blobs_and_keys_answer_as_before(commit: str, data: Path, tmp_path: Path) -> None:
    if not is_known(commit):
        pytest.skip(f"the history of this checkout does not go back to {commit}")
    checkout = Checkout(tmp_path / "checkout")
    checkout.lay_commit(commit)
    # the first version takes packages from loopback without being told
    hosts = () if commit == FIRST else ("--package-host", "127.0.0.1")
    checkout.fpga("cloud", "up", "--data", str(data), *OPTIONS, *hosts)
    served = deployed(data)
    before, pid = served.seen(), control.status(data).pid

    checkout.lay_this_version()
    checkout.fpga("cloud", "down", "--data", str(data))
    checkout.fpga("cloud", "up", "--data", str(data), *OPTIONS)

    assert control.status(data).pid != pid
    assert served.seen() == before
