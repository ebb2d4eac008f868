"""The language host and the plugin start with each run: what they do not need they do not import."""

from __future__ import annotations

import json
import subprocess
import sys

SCRIPT = "import json, sys, engine.language_host; print(json.dumps(sorted(sys.modules)))"


def test_language_host_does_not_import_the_whole_sdk() -> None:
    done = subprocess.run([sys.executable, "-P", "-c", SCRIPT], capture_output=True, text=True, check=True)
    modules = set(json.loads(done.stdout))
    assert "pulumi.runtime.proto.language_pb2" in modules
    assert not modules & {
        "pulumi.resource",
        "pulumi.runtime.settings",
        "importlib.metadata",
        "requests",
        "pathlib",
    }
