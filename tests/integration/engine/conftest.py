"""What the engine's integration tests share: a cache of their own, and a CLI in miniature."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.engine.heard import Heard

# Answers as the CLI does to what the engine asks of it, and installs a plugin where the CLI would.
CLI_IN_MINIATURE = """\
#!/bin/sh
case "$1" in
    version) echo "v{version}" ;;
    plugin)
        echo "$@" >> "$PULUMI_HOME/asked"
        while [ "$1" != "--file" ]; do shift; done
        place="$PULUMI_HOME/plugins/resource-azure-native-v3.29.0"
        mkdir -p "$place" && cp "$2/pulumi-resource-azure-native" "$place/"
        ;;
esac
"""


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache in place of the user's."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("FPGA_CACHE", str(folder))
    return folder


@pytest.fixture
def bare_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH without pulumi, go or node: a few shell tools, and a folder for what a test puts there."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "mkdir", "cp", "cat"):
        (tools / name).symlink_to(
            next(at for at in (Path("/bin") / name, Path("/usr/bin") / name) if at.exists())
        )
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setenv("PATH", f"{own}:{tools}")
    return own


@pytest.fixture
def write_executable() -> Callable[[Path, str], Path]:
    def write(path: Path, text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o700)
        return path

    return write


@pytest.fixture
def cli_in_miniature(write_executable: Callable[[Path, str], Path]) -> Callable[..., Path]:
    """Puts a CLI in miniature, with what stands beside it, into a folder."""

    def write(folder: Path, *, version: str = "3.250.0", host: bool = True) -> Path:
        executable = write_executable(folder / "pulumi", CLI_IN_MINIATURE.format(version=version))
        for name in ("pulumi-language-python-exec", "pulumi-resource-pulumi-python"):
            write_executable(folder / name, f"#!/bin/sh\n# {name}\n")
        if host:
            write_executable(folder / "pulumi-language-python", "#!/bin/sh\n# the official host\n")
        return executable

    return write
