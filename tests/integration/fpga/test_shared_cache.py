"""A cache that somebody else made, which this user may read, or not even that."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud import featurizers
from tests.support import waits
from tests.support.rights import bound_by_modes, take_write_rights

MODEL = f"model-{featurizers.key()}"
ENSURE = """
import sys
from pathlib import Path
from engine import cache
from engine.errors import EngineError
from engine.report import ConsoleReport
try:
    print(cache.ensure("part-1", lambda out: (out / "content").touch(), ConsoleReport()))
except EngineError as error:
    sys.exit(str(error))
"""


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "their cache"
    folder.mkdir()
    yield folder
    for path in (folder, *folder.rglob("*")):  # so that it can be removed
        path.chmod(0o700)


def run(cache: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        bound_by_modes(sys.executable, *command),
        env={**os.environ, "FPGA_CACHE": str(cache), "FPGA_LOCAL": str(cache.with_name("local"))},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def refusal(cache: Path, name: str) -> str:
    return (
        f"The cache '{cache}' has no {name} that this user can read, and takes no files of theirs "
        f"(Permission denied). Have its owner make it (`FPGA_CACHE='{cache}' make up`) and share it "
        f"(`chmod -R a+rX '{cache}'`), or let FPGA_CACHE name a folder of your own.\n"
    )


def test_a_model_that_is_there_is_used_and_nothing_is_written(cache: Path) -> None:
    featurizers.build(cache / MODEL)
    (cache / f".{MODEL}.lock").unlink()
    take_write_rights(cache)
    before = sorted(cache.rglob("*"))
    done = run(cache, "-m", "fpga.cli", "model", "build")
    assert (done.returncode, done.stderr.partition(":")[0]) == (0, "model")
    assert (cache.with_name("local") / "model-package").resolve() == cache / MODEL / "package"
    assert sorted(cache.rglob("*")) == before


def test_a_model_that_is_not_there_is_told_with_the_remedy(cache: Path) -> None:
    take_write_rights(cache)
    done = run(cache, "-m", "fpga.cli", "model", "build")
    assert (done.returncode, done.stderr.splitlines(keepends=True)[1:]) == (
        1,
        [f"error: {refusal(cache, MODEL)}"],
    )


def test_a_model_that_may_not_be_read_is_told_with_the_remedy(cache: Path) -> None:
    featurizers.build(cache / MODEL)
    (cache / MODEL / "package" / "classifier.onnx").chmod(0)
    cache.chmod(0o555)
    done = run(cache, "-m", "fpga.cli", "model", "build")
    assert done.returncode == 1
    assert done.stderr.endswith(f"error: {refusal(cache, MODEL)}")


def test_a_part_that_is_there_is_used(cache: Path) -> None:
    (cache / "part-1").mkdir()
    take_write_rights(cache)
    done = run(cache, "-c", ENSURE)
    assert (done.returncode, done.stdout) == (0, f"{cache / 'part-1'}\n")


@pytest.mark.parametrize("mode", [0o555, 0])
def test_a_part_that_lacks_is_told_with_the_remedy(cache: Path, mode: int) -> None:
    cache.chmod(mode)
    done = run(cache, "-c", ENSURE)
    assert (done.returncode, waits.without(done.stderr)) == (1, refusal(cache, "part-1"))


def test_a_part_that_may_not_be_read_is_told_with_the_remedy(cache: Path) -> None:
    (cache / "part-1").mkdir(mode=0)
    cache.chmod(0o555)
    done = run(cache, "-c", ENSURE)
    assert (done.returncode, waits.without(done.stderr)) == (1, refusal(cache, "part-1"))


def test_a_file_in_the_place_of_the_cache_is_named(cache: Path) -> None:
    file = cache / "file"
    file.touch()
    done = run(file, "-m", "fpga.cli", "model", "build")
    assert done.returncode == 1
    assert str(file) in waits.without(done.stderr).splitlines()[-1]
    assert "Traceback" not in done.stderr
