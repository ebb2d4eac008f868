"""The comment of a pull request: what each stack that it touches would become."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Final

from fpga.github.markers import BODY_LIMIT, marker

MARK: Final = marker("plans")
_LEFT_OUT: Final = "\n\n_There is more than a comment holds: the whole plan is in the run's artifact._"


def compose(plans: Mapping[str, str], missing: Sequence[str], commit: str | None, run_url: str | None) -> str:
    """The comment's body.

    Args:
        plans: stack -> its plan in Markdown, in the order in which they are shown.
        missing: stacks that are touched, and whose preview failed.
        commit: the head of the pull request.
        run_url: where the run's log is.
    """
    head = f"{MARK}\n" + ("" if plans or missing else "No stack is touched by this pull request.\n")
    failed = [
        f"### `{stack}`: the preview failed\n\nIts job says why{f': {run_url}' if run_url else ''}. "
        "Without a plan of this stack the pull request cannot be applied."
        for stack in missing
    ]
    of = f" of {commit}" if commit else ""
    foot = f"\n\n---\nPreview{of}" + (f" by [this run]({run_url})" if run_url else "")
    foot += "; the merge plans again, and stops where that differs from what stands here."
    room = BODY_LIMIT - len(head) - len(foot) - sum(len(text) + 2 for text in failed)
    return head + "\n\n".join([*_fit(list(plans.values()), room), *failed]) + foot


def run_url(environ: Mapping[str, str] = os.environ) -> str | None:
    """The page of the workflow's run that this is; None outside of GitHub Actions."""
    names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
    server, repository, run = (environ.get(name) for name in names)
    return f"{server}/{repository}/actions/runs/{run}" if server and repository and run else None


def _fit(texts: Sequence[str], room: int) -> list[str]:
    """The texts, the longest ones cut at a line's end so that all of them have a place."""
    fitted = {index: text.strip() for index, text in enumerate(texts)}
    left, rest = room - 2 * len(texts), len(texts)
    # the shortest first: what they leave is for the others
    for index in sorted(fitted, key=lambda index: len(fitted[index])):
        share = left // rest
        text = fitted[index]
        if len(text) > share:
            kept = text[: max(0, share - len(_LEFT_OUT) - len("\n</details>\n```"))]
            fitted[index] = _closed(kept[: kept.rfind("\n") + 1].rstrip()) + _LEFT_OUT
        left, rest = left - len(fitted[index]), rest - 1
    return [fitted[index] for index in range(len(texts))]


def _closed(text: str) -> str:
    """With a code block and a folded part that the cut left open closed."""
    fences = sum(line.lstrip().startswith("```") for line in text.splitlines())
    if fences % 2:
        text += "\n```"
    return text + "\n</details>" * (text.count("<details") - text.count("</details>"))
