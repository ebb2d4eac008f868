"""`fpga model new` and `check`, as they are typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from onnx import TensorProto, helper

from tests.support.models import onnx_files

FPGA = Path(sys.executable).parent / "fpga"


def run(folder: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [FPGA, "model", *arguments],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith("FPGA_LOCAL")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def files(tmp_path: Path) -> Path:
    onnx_files.mean_colour(tmp_path / "own.onnx")
    (tmp_path / "names.txt").write_text("red\ngreen\nblue\n")
    return tmp_path


def test_a_file_becomes_a_package_and_a_photo_its_labels(files: Path) -> None:
    new = ["new", "made", "--onnx", "own.onnx", "--labels", "names.txt", "--pixels", "-1:1", "--softmax"]
    made = run(files, *new)
    assert "pipeline[0] prepare.onnx: photos as own.onnx takes them: NCHW, RGB, 64 x 64 pixels" in made.stdout
    assert "pipeline[1] model.onnx: x [n, 3, 64, 64] to y" in made.stdout
    assert "labels.txt: 3 classes, red, green, blue" in made.stdout
    assert sorted(path.name for path in (files / "made").iterdir()) == [
        *("labels.txt", "model.onnx", "prepare.onnx", "service_def.json", "softmax.onnx")
    ]
    assert (files / "made" / "model.onnx").read_bytes() == (files / "own.onnx").read_bytes()

    assert "made is there already:" in run(files, *new).stdout

    shown = run(files, "check", "made").stdout
    assert shown.splitlines()[0].split()[:2] == ["1.", "red"]
    assert "64 x 64 pixels: " in shown
    told = json.loads(run(files, "check", "made", "--json").stdout)
    assert [one["label"] for one in told["labels"]] == ["red", "green", "blue"]
    assert sum(one["score"] for one in told["labels"]) == pytest.approx(1)
    assert told["score_ms"] > 0


def test_refusals_are_one_error_and_write_nothing(files: Path) -> None:
    new = ["new", "made", "--onnx", "own.onnx"]
    for arguments, words in (
        ([], "Say what it was trained with, by --pixels:\n  0:255"),
        (["--pixels", "0:1", "--size", "big"], "--size big is no size: give HEIGHTxWIDTH"),
        (["--std", "0,0,0"], "--std 0,0,0: pixels are divided by them; give numbers above 0."),
        (["--mean", "a"], "--mean a are no numbers"),
        (["--pixels", "0:1", "--labels", "none.txt"], "--labels none.txt: there is no such file."),
        (["--pixels", "0:1", "--featurizer-output", "y"], "--featurizer-output goes with --featurizer."),
    ):
        refused = run(files, *new, *arguments, code=1)
        assert words in refused.stderr
        assert not (files / "made").exists()
    (files / "empty").mkdir()
    assert "has no service_def.json at its root" in run(files, "check", "empty", code=1).stderr
    assert "none: there is no such folder or zip" in run(files, "check", "none", code=1).stderr


def test_what_a_file_holds_is_obeyed_by_no_terminal(files: Path) -> None:
    hostile = "\x1b]0;owned\x07"
    nodes = [helper.make_node(f"Magic{hostile}", ["x"], ["y"], domain="evil")]
    onnx_files.saved(files / "op.onnx", nodes, ["n", 8, 8, 3], ["n", 3], domains=["evil"])
    graph = helper.make_graph(
        [helper.make_node("Identity", [f"x{hostile}"], ["y"])],
        "own",
        [helper.make_tensor_value_info(f"x{hostile}", TensorProto.FLOAT, ["n", 8, 8, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 8, 8, 3])],
    )
    (files / "name.onnx").write_bytes(helper.make_model(graph).SerializeToString())
    for name, words in (
        ("op.onnx", "pipeline[0] (model.onnx): onnxruntime cannot load the model"),
        ("name.onnx", "has an input or output whose name holds control characters: rename it."),
    ):
        told = run(files, "new", "made", "--onnx", name, "--pixels", "0:255", code=1).stderr
        assert words in told
        assert "\x1b" not in told
        assert "\x07" not in told
        assert not (files / "made").exists()
