"""The errors of calls to GitHub."""

from __future__ import annotations

from fpga.errors import CommandError


class GithubError(CommandError):
    """GitHub did not do what it was asked for; the message says why, and what to do about it.

    Attributes:
        status: HTTP status; None where no answer came.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
