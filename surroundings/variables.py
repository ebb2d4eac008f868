"""The variables of the project's processes: those of whoever called, without what leads astray.

| variables | what they would do |
|---|---|
| `PYTHONPATH`, `PYTHONHOME`, `PYTHONPLATLIBDIR` | other modules than those of the virtual environment |
| `PYTHONWARNINGS`, `PYTHONDEVMODE`, `PYTHONOPTIMIZE`, … | other rules than the code was checked under |
| `PYTHONSTARTUP`, `PYTHONINSPECT`, … | a person's own prompt, which no program is |
| `PYTHONIOENCODING`, `PYTHONUTF8`, a locale of `C` | other letters: text is UTF-8 here, whatever the locale |
| `GIT_DIR`, `GIT_WORK_TREE`, … | another repository than the one that is asked |
| `PULUMI_OPTION_STACK`, `PULUMI_*` | flags that nobody typed, another backend, no checkpoints |
| `HOME` that is none, `TMPDIR` that is none | tools that keep their files nowhere |
| `ORT_DISABLE_TELEMETRY`, not set or not 1 | onnxruntime tells Microsoft of each run |

What tells where packages come from, whom to trust and by which proxy (`PIP_INDEX_URL`, `GOPROXY`,
`SSL_CERT_FILE`, `NODE_EXTRA_CA_CERTS`, `HTTPS_PROXY`) is the person's, and stays: `surroundings.proxies` adds
to it. What leads one tool alone astray is taken away where that tool is run.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, MutableMapping
from typing import Final

from surroundings import proxies

PYTHON_KEPT: Final = frozenset(
    {
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONFAULTHANDLER",
        "PYTHONHASHSEED",
        "PYTHONPYCACHEPREFIX",
        "PYTHONUNBUFFERED",
        "PYTHONUTF8",  # which is set here
    }
)
PULUMI_KEPT: Final = frozenset(
    {
        "PULUMI_CONFIG_PASSPHRASE",
        "PULUMI_CONFIG_PASSPHRASE_FILE",
        "PULUMI_DEBUG_COMMANDS",  # lists more of the CLI, and changes nothing
        "PULUMI_ENABLE_STREAMING_JSON_PREVIEW",
        "PULUMI_HOME",
        "PULUMI_PLUGIN_DOWNLOAD_URL_OVERRIDES",  # a company's mirror
    }
)
REPOSITORY: Final = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_NAMESPACE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_REPLACE_REF_BASE",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    }
)
"""Of what `git rev-parse --local-env-vars` lists, the places: a hook's, or a repository's elsewhere."""
NO_TELEMETRY: Final = {"ORT_DISABLE_TELEMETRY": "1"}
"""What keeps onnxruntime from looking up a host of Microsoft's and from a device id under `~/.cache`.

It is read once, while the library loads; its call `disable_telemetry_events` comes too late for both.
"""
# Those that CPython reads; names such as PYTHON_VERSION are of others.
_PYTHON: Final = re.compile(r"PYTHON[A-Z0-9]+")


def made(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that a process of the project runs with, of those that its caller had."""
    found = {name: value for name, value in environ.items() if not _leads_astray(name)}
    found["PYTHONUTF8"] = "1"
    found |= NO_TELEMETRY
    if not os.path.isabs(found.get("HOME", "")):  # noqa: PTH117 - started often, and needs no pathlib
        found.pop("HOME", None)
        if home := _home_of_the_user():
            found["HOME"] = home
    if "TMPDIR" in found and not _can_hold_files(found["TMPDIR"]):
        del found["TMPDIR"]
    return found | proxies.exceptions(found)


def without_pulumi(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables without those that tell the Pulumi CLI something else than its command line does."""
    return {name: value for name, value in environ.items() if not misleads_pulumi(name)}


def misleads_pulumi(name: str) -> bool:
    """Whether the variable is the CLI's, and neither this project nor its user means it."""
    return name.startswith("PULUMI_") and name not in PULUMI_KEPT


def apply(environ: MutableMapping[str, str]) -> None:
    """Changes `environ`, such as `os.environ`, into what `made` gives."""
    wanted = made(environ)
    for name in environ.keys() - wanted.keys():
        del environ[name]
    for name, value in wanted.items():
        if environ.get(name) != value:
            environ[name] = value


def _leads_astray(name: str) -> bool:
    return name in REPOSITORY or (bool(_PYTHON.fullmatch(name)) and name not in PYTHON_KEPT)


def _can_hold_files(folder: str) -> bool:
    return os.path.isabs(folder) and os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)  # noqa: PTH112, PTH117


def _home_of_the_user() -> str | None:
    """The home folder that the system knows; None where it knows none, as of a container's made-up user."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_dir or None
    except KeyError:
        return None
