"""The surroundings of a process, put in order: variables, proxies, standard streams.

Every process of the project calls `settle` before anything else, and so do those that it starts: how they
run must not depend on what happened to be set in the shell. A leaf: standard library alone, no other room.
"""

from __future__ import annotations


def settle() -> None:
    """Makes this process's environment: standard streams that can be written to, variables that mislead
    nobody.
    """
    import os

    from surroundings import streams, variables

    streams.settle()
    variables.apply(os.environ)
