"""Finding again what these commands wrote: a hidden marker in its first line, and who wrote it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

from fpga.errors import CommandError
from fpga.github.client import Github

ACTIONS_LOGIN: Final = "github-actions[bot]"
"""Who a workflow's own token writes as."""

BODY_LIMIT: Final = 65_536
"""Characters of a comment's or an issue's body that GitHub takes."""


def marker(*parts: str) -> str:
    """An HTML comment, which GitHub does not show."""
    return f"<!-- {' '.join(('fpga-web-service', *parts))} -->"


def is_ours(item: Mapping[str, Any], mark: str, author: str) -> bool:
    """Whether a comment or an issue is of this author and begins with the marker: anyone can write one."""
    user = item.get("user") or {}
    return user.get("login") == author and str(item.get("body") or "").startswith(mark)


def author(github: Github, given: str | None) -> str:
    """The login that the token writes as.

    Args:
        given: as a person says; None: ask GitHub, which tells apps nothing.

    Raises:
        CommandError: it cannot be known.
    """
    login = given or github.login()
    if login:
        return login
    if os.environ.get("GITHUB_ACTIONS") == "true":
        return ACTIONS_LOGIN
    raise CommandError("GitHub does not tell whose GITHUB_TOKEN this is: give --author LOGIN.")
