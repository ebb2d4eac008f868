"""The comment of a pull request: what each stack that it touches would become."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from fpga.github.markers import BODY_LIMIT, marker
from fpga.plan.markdown import render
from fpga.plan.model import Plan

MARK: Final = marker("plans")


def compose(plans: Sequence[Plan], missing: Sequence[str], commit: str | None, run_url: str | None) -> str:
    """The comment's body.

    Args:
        plans: in the order in which they are shown.
        missing: stacks that are touched, and have no plan.
        commit: the head of the pull request.
        run_url: where the run's log is.
    """
    head = f"{MARK}\n" + ("" if plans or missing else "No stack is touched by this pull request.\n")
    where = f": {run_url}" if run_url else ""
    failed = [
        f"### `{stack}`: there is no preview\n\nIts job failed, and says why{where}. "
        "Without a plan of this stack the pull request cannot be applied."
        for stack in missing
    ]
    of = f" of {commit}" if commit else ""
    foot = f"\n\n---\nPreview{of}" + (f" by [this run]({run_url})" if run_url else "")
    foot += "; the merge plans again, and stops where that differs from what stands here.\n"
    room = BODY_LIMIT - len(head) - len(foot) - sum(len(text) + 2 for text in failed)
    return head + "\n\n".join([*_fit(plans, room), *failed]) + foot


def run_url() -> str | None:
    """The page of the workflow's run that this is; None outside of GitHub Actions."""
    names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
    server, repository, run = (os.environ.get(name) for name in names)
    return f"{server}/{repository}/actions/runs/{run}" if server and repository and run else None


def _fit(plans: Sequence[Plan], room: int) -> list[str]:
    """The plans in Markdown, the longest ones shortened so that all of them have a place."""
    texts = [render(plan).strip() for plan in plans]
    left, rest = room - 2 * len(texts), len(texts)
    # the shortest first: what they leave is for the others
    for index in sorted(range(len(texts)), key=lambda index: len(texts[index])):
        share = left // rest
        if len(texts[index]) > share:
            texts[index] = render(plans[index], share).strip()
        left, rest = left - len(texts[index]), rest - 1
    return texts
