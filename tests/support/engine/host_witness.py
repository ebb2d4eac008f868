"""A witness of how each language host ended that a run of the engine started.

The engine interrupts the group of the host at the end, and kills it where it does not leave within five
seconds. How long that took tells of the machine's load as well; how it ended does not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from engine.install import Engine
from tests.support import python_script

# Stands before the language host, in a group with it: it would be killed, too, and writes down no end then.
WITNESS = """\
import json, os, pathlib, signal, subprocess, sys
signal.signal(signal.SIGINT, lambda *_: None)
seen = pathlib.Path({seen!r}, str(os.getpid()))
seen.write_text(json.dumps("running"))
code = subprocess.Popen([{host!r}, *sys.argv[1:]]).wait()
seen.write_text(json.dumps(code))
sys.exit(code)
"""


class HostWitness:
    """A language host that is found on PATH before the engine's own.

    Args:
        folder: where it is put, and what it saw; made here.

    Attributes:
        environment: the variables by which the engine finds it.
    """

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._seen = folder / "seen"
        self._seen.mkdir(parents=True)
        witness = folder / "bin" / "pulumi-language-python"
        witness.parent.mkdir()
        host = Path(engine.pulumi).with_name(witness.name)
        python_script.write(witness, WITNESS.format(host=str(host), seen=str(self._seen)))
        self.environment: Mapping[str, str] = {"PATH": f"{witness.parent}:{engine.environment['PATH']}"}

    def ends(self) -> list[int | str]:
        """The exit code of each host so far; `running` for one that was killed, or runs."""
        return [json.loads(file.read_text()) for file in self._seen.iterdir()]
