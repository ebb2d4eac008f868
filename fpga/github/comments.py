"""The comment of a pull request that is kept up to date."""

from __future__ import annotations

from fpga.github.client import Github
from fpga.github.markers import is_ours


def put(github: Github, number: int, mark: str, body: str, author: str, *, create: bool = True) -> str | None:
    """Updates this author's comment with the marker, or writes it where there is none.

    Args:
        number: the pull request's.
        body: begins with the marker.
        create: False: an existing comment is updated, and none is written.

    Returns:
        Its address; None if there is none, and none was written.

    Raises:
        GithubError: no answer, or a refusal.
    """
    assert body.startswith(mark)  # noqa: S101 - or it is not found the next time
    comments = github.pages(f"issues/{number}/comments", "pull-requests: read")
    found = next((comment for comment in comments if is_ours(comment, mark, author)), None)
    needs = "pull-requests: write"
    if found is None:
        if not create:
            return None
        return str(github.change("POST", f"issues/{number}/comments", needs, {"body": body})["html_url"])
    if found["body"] != body:
        found = github.change("PATCH", f"issues/comments/{found['id']}", needs, {"body": body})
    return str(found["html_url"])
