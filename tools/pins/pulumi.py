"""Pulumi brought to another release everywhere it is pinned: `python -m tools.pins.pulumi VERSION`.

It is pinned as the Python package (`pyproject.toml`, `requirements.lock`), and as the Go modules that the CLI
is built from (`engine/cli/go.mod`, `go.sum`). All four change, or none.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any, Final

from engine import go
from engine.bootstrap import BootstrapError
from engine.errors import EngineError
from engine.report import ConsoleReport, Report
from surroundings import settle
from tools.pins import lock
from tools.pins.staged import staged

CLI: Final = "engine/cli"
_PIN: Final = re.compile(r'(?<="pulumi==)[^"]+(?=")')


def pin(folder: Path, version: str, report: Report) -> None:
    """Pins a release in the files of `files`, which are in a folder.

    Args:
        version: without a leading `v`, such as `3.250.0`.

    Raises:
        EngineError: there is no such release, or it does not fit with what else is pinned.
    """
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise EngineError(f"{version!r} is not a release of Pulumi: give it as 3.250.0.")
    project = folder / lock.PROJECT
    text, count = _PIN.subn(version, project.read_text())
    if count != 1:
        raise EngineError(f"{lock.PROJECT} pins pulumi {count} times, not once: bring it in order first.")
    project.write_text(text)
    lock.renew(folder, report)
    with report.stage("Resolving the CLI's Go modules"), go.toolchain(report) as found:
        module = folder / CLI
        _write_module(module, version, _replacements(found, module, version))
        found.run(module, "mod", "tidy", what="go mod tidy", on_line=report.progress)


def files(checkout: Path = lock.CHECKOUT) -> list[str]:
    """The files that pin Pulumi, or follow from the pin, by their paths from the checkout's root."""
    return [*lock.files(checkout), f"{CLI}/go.mod", f"{CLI}/go.sum"]


def _write_module(module: Path, version: str, replacements: list[tuple[str, str]]) -> None:
    """Writes go.mod anew: what the CLI needs follows from its release alone, and `go mod tidy` adds it.

    Args:
        replacements: module -> what stands in for it, as `PATH VERSION`.
    """
    (oldest,) = re.findall(r"^go .+$", (module / "go.mod").read_text(), re.MULTILINE)
    required = "\n".join(f"\t{name} v{version}" for name in (go.CLI, go.SDK))
    lines = ["module fpga-web-service/engine/cli", oldest, f"require (\n{required}\n)"]
    lines += [f"replace {old} => {new}" for old, new in replacements]
    (module / "go.mod").write_text("\n\n".join([*lines, f"tool {go.CLI_PACKAGE}"]) + "\n")
    (module / "go.sum").write_text("")


def _replacements(found: go.Go, module: Path, version: str) -> list[tuple[str, str]]:
    """The modules that Pulumi builds its CLI with in place of others: Go takes that of the main module alone.

    Those that stand for a folder of Pulumi's own repository are none.
    """
    told: dict[str, Any] = json.loads(found.ask(module, "mod", "download", "-json", f"{go.CLI}@v{version}"))
    edited: dict[str, Any] = json.loads(found.ask(module, "mod", "edit", "-json", told["GoMod"]))
    return [
        (one["Old"]["Path"], f"{one['New']['Path']} {one['New']['Version']}")
        for one in edited.get("Replace") or []
        if "Version" in one["New"]
    ]


def main() -> int:
    """Returns the exit code: 1 where nothing was pinned."""
    settle()
    parser = argparse.ArgumentParser(
        prog="python -m tools.pins.pulumi", description="Pin another release of Pulumi."
    )
    parser.add_argument("version", help="such as 3.250.0")
    version = parser.parse_args().version.removeprefix("v")
    try:
        with staged(lock.CHECKOUT, files()) as folder:
            pin(folder, version, ConsoleReport())
    except (EngineError, BootstrapError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"Pulumi {version} is pinned. Next: `make engine` builds its CLI, `make test` tries it.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
