"""A Python whose onnxruntime has OpenVINO: another build, of some 80 MiB, in the usual one's place."""

from __future__ import annotations

from pathlib import Path

from engine.report import Report
from tests.support.models import other_python

VERSION = "1.24.1"


def python(folder: Path, report: Report) -> str:
    """The executable of a virtual environment in `folder`.

    Raises:
        CannotBeHad: there is no such build for this Python and machine, or none can be fetched.
    """
    name = f"onnxruntime-openvino-{VERSION}"
    return other_python.python(
        folder, name, [f"onnxruntime-openvino=={VERSION}"], report, "--no-deps", wins=True
    )
