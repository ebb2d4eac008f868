"""`python -m tools.fuzz.mutator ATHERIS PARSER [OPTION ...]`: atheris on one parser, for a while.

It is a process of its own: atheris counts which branches of the modules that it imports are run.
"""

from __future__ import annotations

import sys
from typing import Final

INSTRUMENTED: Final = ["certs", "clients", "infra", "localcloud", "surroundings", "dns", "jwt"]


def main() -> None:
    """Never returns: libFuzzer ends the process.

    The arguments are the folder that atheris is installed in, the parser's name and libFuzzer's options.
    """
    folder, name, *options = sys.argv[1:]
    sys.path.append(folder)
    import atheris

    with atheris.instrument_imports(include=INSTRUMENTED):
        from tests.support.parsers import known
        from tests.support.parsers.parser import examine

    parser = known.named(name)
    atheris.Setup([sys.argv[0], *options], lambda data: examine(parser, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
