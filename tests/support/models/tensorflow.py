"""A Python that has TensorFlow beside all that is installed here: some 1.5 GB, in the user's cache, once."""

from __future__ import annotations

import platform
import subprocess
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path

from engine import cache
from engine.bootstrap import pip_environment
from engine.report import Report
from infra.settings.reader import PROJECT_ROOT

VERSION = "2.20.0"
TF2ONNX = "1.17.0"
TIMEOUT_S = 900.0
_SHARED = ("protobuf", "numpy", "grpcio", "requests", "onnx")


class NoTensorFlow(Exception):
    """It cannot be had here; the text says why."""


def python(folder: Path, report: Report) -> str:
    """The executable of a virtual environment in `folder`; of what both have, it uses what is installed here.

    Raises:
        NoTensorFlow: there is no wheel of it for this Python and machine, or none can be fetched.
    """
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}-{platform.machine()}"

    def install(building: Path) -> None:
        pins = folder.parent / "pins.txt"
        pins.write_text("".join(f"{name}=={version(name)}\n" for name in _SHARED))
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--only-binary", ":all:"]
        command += ["--target", str(building), "--constraint", str(pins)]
        command += [f"tensorflow-cpu=={VERSION}", f"tf2onnx=={TF2ONNX}"]
        try:
            done = subprocess.run(
                command,
                env=pip_environment(Path(sys.executable)),
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S,
            )
        except subprocess.TimeoutExpired:
            raise NoTensorFlow(f"tensorflow-cpu {VERSION} was not there in {TIMEOUT_S:g} s") from None
        if done.returncode != 0:
            raise NoTensorFlow(f"no tensorflow-cpu {VERSION} for {tag}: {done.stderr.strip()[-300:]}")

    installed = cache.ensure(f"tensorflow-{VERSION}-{tag}", install, report)
    base = getattr(sys, "_base_executable", sys.executable)
    subprocess.run([base, "-m", "venv", "--without-pip", folder], check=True)
    packages = folder.joinpath(*Path(sysconfig.get_path("purelib")).parts[-3:])
    found = (sysconfig.get_path("purelib"), installed, PROJECT_ROOT)  # what stands first is imported
    (packages / "installed.pth").write_text("".join(f"{path}\n" for path in found))
    return str(folder / "bin" / "python")
