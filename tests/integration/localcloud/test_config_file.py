"""A localcloud that runs by a file of settings: started, found, restarted in place."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fpga.cloud import upgrade
from localcloud import command_line, control
from localcloud.configuration import reading
from localcloud.errors import StartError
from localcloud.settings import PID, REFUSAL, Settings
from tests.support.localcloud import data_plane


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "etc" / "cloud.yaml"


def write(file: Path, content: str) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(content)


def read(file: Path, **options: list[str]) -> Settings:
    featurizers = data_plane.settings(file).featurizers
    return reading.read(options, file).settings(featurizers=featurizers)


def test_it_is_restarted_in_place_by_what_the_file_says_then(file: Path, tmp_path: Path) -> None:
    write(file, "data: ../data\nscoringNetwork: [127.91.0.0/29, 127.91.0.9]\nhttpsPort: 0\n")
    wanted = read(file, drain_timeout=["2"])
    first = control.start(wanted)
    try:
        assert first.pid is not None
        line = command_line.of_process(first.pid)
        assert line is not None
        assert line.config == file
        assert line.options == {
            "featurizers": [str(wanted.featurizers)],
            "drain_timeout": ["2"],
        }, "what the file says is left to the file"
        found = control.settings_of(wanted.data)
        assert found is not None
        assert replace(found, config=wanted.config) == wanted
        assert upgrade.left(wanted, first) == []

        # one that cannot be used is refused before anything is stopped
        write(file, "data: ../data\nscoringNetwrk: 127.91.0.0/29\n")
        with pytest.raises(StartError, match=r"scoringNetwrk \(.*cloud\.yaml, line 2\) is no setting"):
            control.settings_of(wanted.data)
        assert control.status(wanted.data).pid == first.pid

        write(file, "data: ../data\nscoringNetwork: 127.92.0.0/29\ndrainTimeout: 9\n")
        os.utime(file, ((wanted.data / PID).stat().st_mtime + 5,) * 2)
        (told,) = upgrade.left(read(file, drain_timeout=["2"]), first)
        assert told.startswith(f"{file} was changed since it started, and it is left as it is: ")
        (told,) = upgrade.left(read(file), first)
        assert told.startswith("It runs with other settings already (drainTimeout), and is left as it is: ")

        defaults = Settings(wanted.data, wanted.featurizers)
        kept = upgrade.kept_options(defaults, control.settings_of(wanted.data))
        control.stop(wanted.data)
        again = control.start(kept)
        assert (again.https, again.dns, again.tenant) == (first.https, first.dns, first.tenant)
        services = {one.name: one.listens for one in again.listeners}["services"]
        assert services == "127.92.0.0/29:50051"
        assert kept.drain_timeout == 2, "the option that stood beside the file"
    finally:
        control.stop(tmp_path / "data")


def test_a_relative_file_goes_from_where_it_was_started(file: Path, tmp_path: Path) -> None:
    write(file, "data: ../data\nscoringNetwork: 127.91.0.0/29\n")
    featurizers = data_plane.settings(tmp_path).featurizers
    command = [sys.executable, "-m", "localcloud", "serve", "--config", "cloud.yaml"]
    command += ["--featurizers", os.path.relpath(featurizers, file.parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=file.parent) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("localcloud is ready at https://127.0.0.1:")
            found = control.settings_of(tmp_path / "data")
            assert found is not None
            assert found.config is not None
            assert (found.data.resolve(), found.config.path) == (tmp_path / "data", file)
            assert found.featurizers.resolve() == featurizers.resolve()
        finally:
            process.terminate()


def test_what_cannot_be_used_is_told_in_one_go(file: Path) -> None:
    write(file, "data: data\nhttpsPrt: 443\npublic: 1\n")
    command = [sys.executable, "-m", "localcloud", "serve", "--config", str(file), "--dns-port", "x"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        f"{REFUSAL}3 settings cannot be used:",
        f"- httpsPrt ({file}, line 2) is no setting: httpsPort is the nearest there is.",
        f"- public: 1 ({file}, line 3) is neither: give true or false.",
        "- --dns-port x is no port: give 1 to 65535, or 0 for any.",
    ]
    assert not (file.parent / "data").exists()
