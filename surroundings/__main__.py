"""`python -m surroundings`: the commands that make a POSIX shell's variables those of the project.

A person's own git repository stays theirs: the shell is theirs, too.
"""

from __future__ import annotations

import os
import shlex

from surroundings.variables import REPOSITORY, made, without_pulumi


def main() -> None:
    """Prints an `unset` or an `export` for each variable that is to be another one."""
    wanted = without_pulumi(made(os.environ))
    for name in sorted(os.environ.keys() - wanted.keys() - REPOSITORY):
        print(f"unset {name}")
    for name, value in sorted(wanted.items()):
        if os.environ.get(name) != value:
            print(f"export {name}={shlex.quote(value)}")


if __name__ == "__main__":
    main()
