"""What leaves a localcloud that deploys and scores: no lookup, no packet, no file elsewhere."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from localcloud import control
from localcloud.settings import PID
from tests.support.localcloud.data_plane import DataPlane, PackageHost, endpoint, opens, settings
from tests.support.localcloud.parts import built_model
from tests.support.localcloud.scoring_parts import package

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")

_TRACED = "network,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat"
_LOOPBACK = re.compile(r"127(\.\d+){3}|::1|::ffff:127(\.\d+){3}|0\.0\.0\.0|::")
_ADDRESS = re.compile(r'sin_addr=inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')
_WRITES = re.compile(r"openat\(.*(?:O_CREAT|O_WRONLY|O_RDWR)|^\d+ +(?:creat|mkdir|rename|link|symlink)")
_PATH = re.compile(r'"(/[^"]*)"')


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A folder with a home, one for what passes, and one for localcloud."""
    for name in ("home", "tmp", "data"):
        (tmp_path / name).mkdir()
    return tmp_path


def variables(scratch: Path) -> dict[str, str]:
    """The variables of a person who has a home of their own, and had onnxruntime tell."""
    places = {"HOME": str(scratch / "home"), "TMPDIR": str(scratch / "tmp")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    return kept | places | {"ORT_DISABLE_TELEMETRY": "0", "PYTHONDONTWRITEBYTECODE": "1"}


def deploy_and_score(scratch: Path, trace: list[str]) -> None:
    """Runs a localcloud as a process, deploys a model and has it score a photo."""
    wanted = settings(scratch / "data")
    command = [*trace, sys.executable, "-m", "localcloud", "serve", "--data", str(wanted.data)]
    command += ["--featurizers", str(wanted.featurizers), "--scoring-network", wanted.scoring_network]
    command += ["--package-host", "127.0.0.1"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables(scratch)) as process,
        PackageHost().running() as packages,
    ):
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("localcloud is ready at https://127.0.0.1:")
            plane = DataPlane(control.status(wanted.data))
            plane.make_account()
            service = plane.deploy(plane.register(packages.put("/model.zip", package())))
            assert opens(endpoint(service), None, None)
            plane.close()
        finally:
            # itself, not the one that traces it, which ends with it
            pid = wanted.data / PID
            if pid.exists():
                os.kill(int(pid.read_text()), signal.SIGTERM)
                assert process.wait(30) == 0
            else:
                process.kill()


@needs_strace
def test_a_localcloud_that_scores_reaches_loopback_and_its_own_folders_alone(scratch: Path) -> None:
    record = scratch / "trace"
    deploy_and_score(scratch, ["strace", "-f", "-qq", "-e", f"trace={_TRACED}", "-o", str(record)])

    lines = record.read_text(errors="replace").splitlines()
    addresses = {a or b for line in lines for a, b in _ADDRESS.findall(line)}
    assert "127.0.0.1" in addresses, "the trace saw its sockets"
    assert {one for one in addresses if not _LOOPBACK.fullmatch(one)} == set()

    done = [line for line in lines if _WRITES.search(line) and " = -1 " not in line]
    paths = {path for line in done for path in _PATH.findall(line)}
    own = (str(scratch / "data"), str(scratch / "tmp"), "/dev/", "/proc/")
    assert any(path.startswith(own[0]) for path in paths), "the trace saw its files"
    assert {path for path in paths if not path.startswith(own)} == set()
    assert list((scratch / "home").rglob("*")) == []


def test_a_localcloud_that_scores_leaves_nothing_at_home(scratch: Path) -> None:
    deploy_and_score(scratch, [])
    assert list((scratch / "home").rglob("*")) == []


def test_a_process_that_settled_nothing_leaves_nothing_at_home(scratch: Path) -> None:
    featurizer = next(built_model().featurizers.rglob("featurizer.onnx"))
    code = "import sys, pathlib; from clients.wire.onnx_model import Model; Model(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", code, str(featurizer)], env=variables(scratch), check=True)
    assert list((scratch / "home").rglob("*")) == []
