"""A Python that has TensorFlow beside all that is installed here: some 1.5 GB, in the user's cache, once."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from engine.report import Report
from tests.support.models import other_python

VERSION = "2.20.0"
TF2ONNX = "1.17.0"
_SHARED = ("protobuf", "numpy", "grpcio", "requests", "onnx")


def python(folder: Path, report: Report) -> str:
    """The executable of a virtual environment in `folder`; of what both have, it uses what is installed here.

    Raises:
        CannotBeHad: there is no wheel of it for this Python and machine, or none can be fetched.
    """
    pins = folder.parent / "pins.txt"
    pins.write_text("".join(f"{name}=={version(name)}\n" for name in _SHARED))
    wanted = [f"tensorflow-cpu=={VERSION}", f"tf2onnx=={TF2ONNX}"]
    return other_python.python(folder, f"tensorflow-{VERSION}", wanted, report, "--constraint", str(pins))
