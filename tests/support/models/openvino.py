"""A Python whose onnxruntime has Intel's OpenVINO: another build, which takes the usual one's place.

Its wheel, of some 80 MiB, is installed into the user's cache, once.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import sysconfig
from pathlib import Path

from engine import cache
from engine.bootstrap import pip_environment
from engine.report import Report
from infra.settings.reader import PROJECT_ROOT

VERSION = "1.24.1"
TIMEOUT_S = 600.0


class NoOpenVino(Exception):
    """This build cannot be had here; the text says why."""


def python(folder: Path, report: Report) -> str:
    """The executable of a virtual environment in `folder`, with all that is installed here beside it.

    Raises:
        NoOpenVino: there is no wheel of it for this Python and machine, or none can be fetched.
    """
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}-{platform.machine()}"

    def install(building: Path) -> None:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"]
        command += ["--target", str(building), f"onnxruntime-openvino=={VERSION}"]
        try:
            done = subprocess.run(
                command,
                env=pip_environment(Path(sys.executable)),
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S,
            )
        except subprocess.TimeoutExpired:
            raise NoOpenVino(f"onnxruntime-openvino {VERSION} was not there in {TIMEOUT_S:g} s") from None
        if done.returncode != 0:
            raise NoOpenVino(f"no onnxruntime-openvino {VERSION} for {tag}: {done.stderr.strip()[-300:]}")

    installed = cache.ensure(f"onnxruntime-openvino-{VERSION}-{tag}", install, report)
    base = getattr(sys, "_base_executable", sys.executable)
    subprocess.run([base, "-m", "venv", "--without-pip", folder], check=True)
    packages = folder.joinpath(*Path(sysconfig.get_path("purelib")).parts[-3:])
    # in this order: what stands first is imported
    found = (installed, sysconfig.get_path("purelib"), PROJECT_ROOT)
    (packages / "installed.pth").write_text("".join(f"{path}\n" for path in found))
    return str(folder / "bin" / "python")
