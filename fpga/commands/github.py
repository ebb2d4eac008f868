"""`fpga github comment|issues|reviewed-plan`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fpga.commands.stack_option import Stack as StackName
from fpga.errors import CommandError
from surroundings import json_text

if TYPE_CHECKING:
    from fpga.github.client import Github
    from fpga.plan.model import Plan

_COMMIT: Final = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_STACK: Final = re.compile(r"[A-Za-z0-9_-]+")

app = typer.Typer(
    help="Tell GitHub what is planned and what was found, and get what was reviewed. "
    "GITHUB_TOKEN, GITHUB_REPOSITORY and GITHUB_API_URL say where, as in a workflow.",
    no_args_is_help=True,
)

Repository = Annotated[
    str | None,
    typer.Option(metavar="OWNER/NAME", help="The repository.", show_default="GITHUB_REPOSITORY"),
]
Author = Annotated[
    str | None,
    typer.Option(metavar="LOGIN", help="Who the token writes as.", show_default="GitHub is asked"),
]


@app.command()
def comment(
    pull_request: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER", help="The pull request.", min=1, show_default="needed, but for --print"
        ),
    ] = None,
    plan: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH",
            help="What `fpga plan --out` wrote, or a folder of such (plan-*.json); may be repeated.",
        ),
    ] = None,
    touched: Annotated[
        str | None,
        typer.Option(
            metavar="JSON", help="What `fpga touched --json` says: stacks without a plan are told as failed."
        ),
    ] = None,
    commit: Annotated[str | None, typer.Option(metavar="SHA", help="The commit that was previewed.")] = None,
    only_print: Annotated[
        bool, typer.Option("--print", help="Print the comment, and tell GitHub nothing.")
    ] = False,
    repository: Repository = None,
    author: Author = None,
) -> None:
    """Put plans into the one comment of a pull request, which is updated the next time.

    Where nothing is touched an earlier comment says so, and none is written.
    """
    from fpga.github import comments, markers, plan_comment
    from fpga.stacks.touched import in_order

    plans = _plans(plan or [])
    if not plans and touched is None:
        raise CommandError(
            "There is no plan, and nothing says that no stack is touched: give --plan, or --touched '[]'."
        )
    missing = [stack for stack in _names(touched or "[]") if stack not in plans]
    ordered = [plans[stack] for stack in in_order(plans)]
    body = plan_comment.compose(ordered, missing, commit, plan_comment.run_url())
    if only_print:
        typer.echo(body, nl=False)
        return
    if pull_request is None:
        raise typer.BadParameter("Give --pull-request NUMBER, or --print.")
    with _answers(repository) as github:
        writer = markers.author(github, author)
        create = bool(plans or missing)
        url = comments.put(github, pull_request, plan_comment.MARK, body, writer, create=create)
    typer.echo(url or "No stack is touched, and there is no comment that says otherwise.")


@app.command()
def issues(
    found: Annotated[
        list[Path],
        typer.Argument(metavar="PATH", help="What `fpga watch --format json --out` wrote, or folders of it."),
    ],
    repository: Repository = None,
    author: Author = None,
) -> None:
    """Keep one open issue for each finding of a night watch: open, update, and close what is gone."""
    from fpga.github import markers, plan_comment
    from fpga.github.issues import settle
    from fpga.watch import report as watch_report

    watches = [watch_report.read(file) for file in _files(found, "watch-*.json")]
    if not watches:
        raise CommandError(
            f"No stack was watched: there is no watch-*.json in {', '.join(map(str, found))}. "
            "`fpga watch --out FILE` writes one."
        )
    stacks = [watch.stack for watch in watches]
    if len(set(stacks)) < len(stacks):
        raise CommandError(f"Two reports are of the same stack: {', '.join(sorted(stacks))}.")
    with _answers(repository) as github:
        done = settle(github, watches, markers.author(github, author), plan_comment.run_url())
    for one in done:
        typer.echo(f"{one.what:<8} #{one.number} {one.title}  {one.url}")
    if not done:
        typer.echo(f"Nothing was found, and no issue was open: {', '.join(stacks)}.")


@app.command()
def reviewed_plan(
    commit: Annotated[
        str, typer.Option(metavar="SHA", help="The commit that a merge made on the main branch.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the plan goes; it is overwritten.")],
    stack: StackName,
    repository: Repository = None,
) -> None:
    """Get the plan with which the pull request was reviewed whose merge made a commit."""
    from fpga.files import write_whole
    from fpga.github import reviewed_plan as reviewed

    if not _COMMIT.fullmatch(commit):
        raise typer.BadParameter(f"--commit: '{commit}' is not a whole commit hash (git rev-parse HEAD).")
    if not _STACK.fullmatch(stack):
        raise typer.BadParameter(f"--stack: '{stack}' is not the name of a stack.")
    with _answers(repository) as github:
        write_whole(out, reviewed.fetch(github, commit, stack))
    typer.echo(f"{out}: the plan of {stack} that was reviewed")


@contextmanager
def _answers(repository: str | None) -> Iterator[Github]:
    """GitHub, whose answers are waited for."""
    from fpga.console import told_when_long
    from fpga.github.client import Access, Github

    access = Access.read(repository)
    with told_when_long("GitHub", f"{access.url} is to answer"), Github(access) as github:
        yield github


def _plans(paths: list[Path]) -> dict[str, Plan]:
    """Plans by their stacks."""
    from fpga.plan.model import Plan

    plans: dict[str, Plan] = {}
    for file in _files(paths, "plan-*.json"):
        try:
            plan = Plan.from_json(json_text.loads(file.read_bytes()))
        except (ValueError, CommandError) as error:
            raise CommandError(f"{file}: {error}") from None
        if plan.stack in plans:
            raise CommandError(f"{file}: there are two plans of the stack {plan.stack}.")
        plans[plan.stack] = plan
    return plans


def _names(stacks: str) -> list[str]:
    try:
        names = json_text.loads(stacks)
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise typer.BadParameter('--touched takes a JSON list of names, such as ["dev", "prod"].')
    return names


def _files(paths: list[Path], pattern: str) -> list[Path]:
    """The files that are named, and those of the folders that are named, at any depth."""
    found: list[Path] = []
    for path in paths:
        found += sorted(path.rglob(pattern)) if path.is_dir() else [path]
    return found
