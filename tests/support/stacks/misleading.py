"""Variables as people have them set, each of which once kept the whole flow from working."""

from __future__ import annotations

import socket
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.settings.reader import PROJECT_ROOT

_PROJECT = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())
PACKAGES = tuple(_PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
PROXIES = ("http_proxy", "https_proxy", "grpc_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@contextmanager
def closed_proxy() -> Iterator[dict[str, str]]:
    """All names of a proxy, which refuses every connection: whatever is sent there fails."""
    with socket.socket() as bound:  # taken, and not listening
        bound.bind(("127.0.0.1", 0))
        yield dict.fromkeys(PROXIES, f"http://127.0.0.1:{bound.getsockname()[1]}")


def of_python(folder: Path) -> dict[str, str]:
    """Another project's packages by this one's names, warnings as errors, letters of a locale of C."""
    for name in PACKAGES:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text("raise SystemExit(f'{__name__} of another project')\n")
    return {
        "PYTHONPATH": str(folder),
        "PYTHONWARNINGS": "error",
        "PYTHONOPTIMIZE": "2",
        "PYTHONSTARTUP": str(folder / "nowhere.py"),
        "PYTHONUTF8": "0",
        "PYTHONIOENCODING": "ascii",
        "LC_ALL": "C",
    }


OF_TOOLS = {
    "GIT_DIR": "/nowhere/.git",
    "GOFLAGS": "-mod=vendor",
    "GOPATH": "relative",
    "GOROOT": "/nowhere",
    "HOME": "",
    "NODE_OPTIONS": "--require /nowhere.js",
    "PIP_REQUIRE_HASHES": "1",
    "PIP_TARGET": "/nowhere",
    "PIP_USER": "1",
    "TMPDIR": "/nowhere",
    "VIRTUAL_ENV": "/nowhere",
    "npm_config_global": "true",
}
OF_PULUMI = {
    "PULUMI_ACCESS_TOKEN": "nobody-s",
    "PULUMI_BACKEND_URL": "file:///nowhere",
    "PULUMI_CONFIG": "{}",
    "PULUMI_OPTION_STACK": "other",
    "PULUMI_OPTION_CWD": "/nowhere",
    "PULUMI_SKIP_CHECKPOINTS": "true",
}
