"""The plan that a merged pull request was reviewed with: an artifact of its last run."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from typing import Any, Final

from clients.wire.model_package import UNREADABLE_ZIP
from fpga.github.client import Github
from fpga.github.errors import GithubError
from surroundings import json_text

WORKFLOW: Final = "pull-request.yml"
LARGEST_PLAN: Final = 16 * 1024 * 1024
"""Bytes: a plan is some kilobytes; what unpacks to more is none."""
ANEW: Final = "Bring the change in by a new pull request, which is planned and reviewed anew."


def name(stack: str) -> str:
    """The artifact's name; the file in it has it, too, with `.json`."""
    return f"plan-{stack}"


def fetch(github: Github, commit: str, stack: str) -> bytes:
    """The plan of a stack that the pull request, whose merge made this commit, was reviewed with.

    Raises:
        GithubError: the commit was not merged by a pull request of this repository, its last run did not
            succeed, or has no plan of the stack (any more).
    """
    pull = _pull_request(github, commit)
    run = _last_run(github, pull)
    artifact = _artifact(github, run, pull, stack)
    archive = github.download(f"actions/artifacts/{artifact['id']}/zip", "actions: read")
    digest = artifact.get("digest")
    if digest and digest != f"sha256:{hashlib.sha256(archive).hexdigest()}":
        raise GithubError(f"The artifact {name(stack)} of {run['html_url']} arrived damaged: run this again.")
    return _plan(archive, stack, run)


def _pull_request(github: Github, commit: str) -> dict[str, Any]:
    listed = github.pages(f"commits/{commit}/pulls", "pull-requests: read")
    merged = [pull for pull in listed if pull.get("merged_at") and pull.get("merge_commit_sha") == commit]
    if not merged:
        raise GithubError(
            f"The commit {commit} was not made by the merge of a pull request, so nobody reviewed a plan of "
            f"it. {ANEW}"
        )
    pull = merged[-1]
    head = (pull["head"].get("repo") or {}).get("full_name")
    if head != github.repository:
        raise GithubError(
            f"{pull['html_url']} came from {head or 'a deleted fork'}, and what a fork runs is not planned. "
            "Bring the change in by a branch of this repository."
        )
    return pull


def _last_run(github: Github, pull: Mapping[str, Any]) -> dict[str, Any]:
    head = pull["head"]
    query = {"event": "pull_request", "head_sha": head["sha"], "branch": head["ref"]}
    listed = github.pages(f"actions/workflows/{WORKFLOW}/runs", "actions: read", query, "workflow_runs")
    runs = [
        run
        for run in listed
        if run["head_sha"] == head["sha"]
        and (run.get("head_repository") or {}).get("full_name") == github.repository
    ]
    if not runs:
        raise GithubError(f"{pull['html_url']} has no run of {WORKFLOW} at {head['sha']}. {ANEW}")
    last: dict[str, Any] = max(runs, key=lambda run: int(run["run_number"]))
    if last["status"] != "completed" or last["conclusion"] != "success":
        said = last["conclusion"] if last["status"] == "completed" else last["status"]
        raise GithubError(
            f"The last run of {pull['html_url']} did not succeed ({said}): {last['html_url']}. "
            "Run it again, then this."
        )
    return last


def _artifact(github: Github, run: Mapping[str, Any], pull: Mapping[str, Any], stack: str) -> dict[str, Any]:
    listed = github.pages(
        f"actions/runs/{run['id']}/artifacts", "actions: read", {"name": name(stack)}, "artifacts"
    )
    # each attempt of a run leaves one
    found = [artifact for artifact in listed if artifact["name"] == name(stack)]
    if not found:
        raise GithubError(
            f"{pull['html_url']} was reviewed without a plan of {stack}: {run['html_url']}. {ANEW}"
        )
    last: dict[str, Any] = max(found, key=lambda artifact: int(artifact["id"]))
    if last["expired"]:
        raise GithubError(f"The plan of {stack} that {pull['html_url']} was reviewed with is expired. {ANEW}")
    return last


def _plan(archive: bytes, stack: str, run: Mapping[str, Any]) -> bytes:
    member = f"{name(stack)}.json"
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened, opened.open(member) as file:
            plan = file.read(LARGEST_PLAN + 1)
        if len(plan) > LARGEST_PLAN or not isinstance(json_text.loads(plan), dict):
            raise ValueError(member)
    except (*UNREADABLE_ZIP, KeyError, RuntimeError):
        raise GithubError(f"The artifact {name(stack)} of {run['html_url']} holds no plan. {ANEW}") from None
    return plan
