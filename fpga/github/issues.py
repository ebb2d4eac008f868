"""One open issue for each finding of a night watch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from fpga.github.client import Github
from fpga.github.markers import BODY_LIMIT, is_ours, marker
from fpga.watch.report import Finding, Watch

LABEL: Final = "night-watch"
NEEDS: Final = "issues: write"
_TITLE_LIMIT: Final = 256


@dataclass(frozen=True)
class Done:
    """The outcome for one finding's issue: `opened`, `updated`, `open` (as it was) or `closed`."""

    what: str
    number: int
    url: str
    title: str


def settle(github: Github, watches: Iterable[Watch], author: str, run_url: str | None) -> list[Done]:
    """Opens an issue for each finding that has none, updates the others, closes those of findings now gone.

    Nothing is closed in stacks that no watch speaks of, nor where a watch failed: it says nothing about what
    was found the night before. For a finding whose issue a person closed the next watch opens another one:
    it is still there.

    Raises:
        GithubError: no answer, or a refusal.
    """
    # not by label: people take labels away, and GitHub drops those that a token may not set
    found = github.pages("issues", "issues: read", {"state": "open"})
    listed = [issue for issue in found if "pull_request" not in issue]
    done: list[Done] = []
    for watch in watches:
        whole_stack = marker("finding", watch.stack, "")[: -len(" -->")]
        ours = [issue for issue in listed if is_ours(issue, whole_stack, author)]
        for finding in watch.findings:
            mark = marker("finding", watch.stack, finding.key)
            known = [issue for issue in ours if is_ours(issue, mark, author)]
            ours = [issue for issue in ours if issue not in known]
            wanted = _issue(finding, mark)
            done.append(_keep(github, known[0], wanted) if known else _open(github, wanted))
            # two runs at once may both have opened one
            done.extend(_close(github, issue, "There is another issue for this.") for issue in known[1:])
        said = f"The night watch no longer finds this{f': {run_url}' if run_url else ''}."
        if watch.is_whole:
            done.extend(_close(github, issue, said) for issue in ours)
    return done


def _issue(finding: Finding, mark: str) -> dict[str, Any]:
    title = finding.title
    if len(title) > _TITLE_LIMIT:
        title = f"{title[: _TITLE_LIMIT - 1]}…"
    return {"title": title, "body": f"{mark}\n{finding.detail}"[:BODY_LIMIT], "labels": [LABEL, finding.kind]}


def _open(github: Github, wanted: dict[str, Any]) -> Done:
    return _done("opened", github.change("POST", "issues", NEEDS, wanted))


def _keep(github: Github, issue: dict[str, Any], wanted: dict[str, Any]) -> Done:
    """Labels are left as they are: people sort by them."""
    changed = {name: wanted[name] for name in ("title", "body") if issue[name] != wanted[name]}
    if not changed:
        return _done("open", issue)
    return _done("updated", github.change("PATCH", f"issues/{issue['number']}", NEEDS, changed))


def _close(github: Github, issue: dict[str, Any], why: str) -> Done:
    """Closes, then says why: a run that dies between the two leaves no second comment for the next."""
    at = f"issues/{issue['number']}"
    closed = github.change("PATCH", at, NEEDS, {"state": "closed", "state_reason": "completed"})
    github.change("POST", f"{at}/comments", NEEDS, {"body": why})
    return _done("closed", closed)


def _done(what: str, issue: dict[str, Any]) -> Done:
    return Done(what, int(issue["number"]), str(issue["html_url"]), str(issue["title"]))
