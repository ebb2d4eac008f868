"""The notebook as people run it, in a kernel of its own, beside the real engine and localcloud."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.settings.reader import PROJECT_ROOT
from localcloud.datafolder import lock
from tests.support.stacks.earlier_version import TIMEOUT_S, Checkout

NOTEBOOK = Path("notebooks") / "quickstart.ipynb"


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    found = Checkout(tmp_path / "checkout")
    found.lay_this_version()
    yield found
    found.fpga("down")


def executed(checkout: Checkout, folder: Path) -> tuple[str, list[dict[str, object]]]:
    """The whole notebook as a text, and the outputs of its cells, behind a run of all of them."""
    kernel = folder / "kernels" / "checkout"
    kernel.mkdir(parents=True)
    command = [str(checkout.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(
        json.dumps({"argv": command, "display_name": "checkout", "language": "python"})
    )
    command = [
        str(Path(sys.executable).with_name("jupyter-execute")),
        "--kernel_name=checkout",
        f"--output={folder / 'run.ipynb'}",
        f"--timeout={TIMEOUT_S:.0f}",
        str(checkout.folder / NOTEBOOK),
    ]
    done = subprocess.run(
        command,
        env=checkout.environment | {"JUPYTER_PATH": str(folder), "JUPYTER_RUNTIME_DIR": str(folder / "run")},
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * TIMEOUT_S,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    text = (folder / "run.ipynb").read_text()
    cells = json.loads(text)["cells"]
    return text, [output for cell in cells for output in cell.get("outputs", ())]


def test_every_cell_runs_and_nothing_is_left(checkout: Checkout, tmp_path: Path) -> None:
    text, outputs = executed(checkout, tmp_path / "jupyter")
    said = "".join("".join(one["text"]) for one in outputs if one["output_type"] == "stream")  # type: ignore[arg-type]
    assert "Deployed (" in said
    assert "primaryKey       [secret]" in said
    assert "MissingKey: " in said
    assert "0 resources are left.\nlocalcloud is stopped." in said
    kinds = {kind for one in outputs for kind in one.get("data", {})}  # type: ignore[attr-defined]
    assert {"image/jpeg", "image/svg+xml"} <= kinds
    assert "espresso" in text.partition("image/svg+xml")[2]
    assert not lock.is_held(checkout.local / "cloud")
    # what was run is a copy; what is committed holds nothing of a run
    assert (checkout.folder / NOTEBOOK).read_text() == (PROJECT_ROOT / NOTEBOOK).read_text()
    assert [one.name for one in (checkout.folder / "notebooks").iterdir()] == [NOTEBOOK.name]
