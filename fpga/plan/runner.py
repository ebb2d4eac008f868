"""Runs a preview with the engine, and gives its plan."""

from __future__ import annotations

import contextlib
import datetime as dt
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from fpga.plan.build import build
from fpga.plan.events import Event, Step, read
from fpga.plan.redaction import Redaction
from fpga.project import DEFAULT_STACK, PROJECT, Project
from fpga.stacks import pulumi_command
from fpga.stacks.state_container import NOBODY, SIGN_IN

if TYPE_CHECKING:
    from fpga.plan.model import Plan

_STREAMING: Final = "PULUMI_ENABLE_STREAMING_JSON_PREVIEW"
_TAIL_CHARACTERS: Final = 4_000
_REMEDIES: Final = {
    "no stack named": "`fpga stack init {stack}` makes the stack; stacks/Backend.{stack}.yaml says where.",
    "incorrect passphrase": "stacks/Backend.{stack}.yaml names the file of the stack's passphrase; the "
    "variable PULUMI_CONFIG_PASSPHRASE goes before it.",
    f"{NOBODY}: failed to acquire a token": SIGN_IN,
    pulumi_command.TORN: pulumi_command.RECOVER,
}
_OF_LOCAL: Final = {
    "no stack named": "`fpga up` makes the stack, and what it runs against.",
    "incorrect passphrase": "Its passphrase is in .local/passphrase; the stack was made with another one.",
}


def preview(
    project: Project,
    stack: str,
    *,
    refresh: bool = False,
    save_plan: Path | None = None,
    environment: Mapping[str, str] | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> Plan:
    """The plan of an update of the stack. Nothing is changed, in the cloud or in the state.

    Args:
        refresh: look at the cloud first, and tell what is not as the state has it.
        save_plan: file for the engine's own plan, for `pulumi up --plan`; readable by its owner alone.
        environment: variables to run `pulumi` with; None: those of the stack (`fpga.stacks.backend`).
        on_progress: takes a few words on where the preview stands, often.

    Raises:
        CommandError: there is no engine, or the stack's backend cannot be used. A preview that fails is a
            plan: `succeeded` is False, and `errors` say why.
    """
    from fpga.stacks import backend

    variables = dict(environment if environment is not None else backend.environment(project, stack))
    variables[_STREAMING] = "1"
    command = [
        pulumi_command.executable(project),
        "preview",
        "--json",
        "--stack",
        stack,
        *pulumi_command.PLAIN,
    ]
    if refresh:
        command.append("--refresh")
    if save_plan is not None:
        command += ["--save-plan", str(save_plan.absolute())]
    redaction = Redaction.of(project)
    with tempfile.TemporaryFile("w+", errors="replace") as complaints:
        with _running(command, project, variables, complaints) as child:
            events = list(_followed(read(child.stdout or (), redaction), on_progress))
        complaints.seek(0)
        said = complaints.read()
    if save_plan is not None and save_plan.exists():
        save_plan.chmod(0o600)
    return build(
        events,
        project=PROJECT,
        stack=stack,
        refreshed=refresh,
        now=dt.datetime.now(dt.UTC),
        failure=[] if child.returncode == 0 else [redaction.clean(_complaint(said, child.returncode, stack))],
    )


@contextlib.contextmanager
def _running(
    command: list[str], project: Project, variables: Mapping[str, str], complaints: IO[str]
) -> Iterator[subprocess.Popen[str]]:
    """The CLI while it runs. Interrupted, it ends orderly by itself, for it hears of that, too."""
    try:
        child = subprocess.Popen(
            command,
            cwd=project.checkout,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            errors="replace",
        )
    except FileNotFoundError:
        raise pulumi_command.not_installed(project) from None
    with child:
        try:
            yield child
        except KeyboardInterrupt:
            child.wait()
            raise
        except BaseException:
            child.terminate()
            raise


def _followed(events: Iterable[Event], on_progress: Callable[[str], None] | None) -> Iterator[Event]:
    seen: set[str] = set()
    for event in events:
        if on_progress is not None and isinstance(event, Step):
            seen.add(event.urn)
            on_progress(f"{event.name}, {len(seen)} looked at")
        yield event


def _complaint(said: str, code: int, stack: str) -> str:
    """The words of the CLI from before its engine ran, with the remedy."""
    words = said.strip().removeprefix("error: ")[-_TAIL_CHARACTERS:]
    if not words:
        return f"pulumi preview ended with exit code {code}, and said nothing."
    known = _REMEDIES | _OF_LOCAL if stack == DEFAULT_STACK else _REMEDIES
    remedies = [remedy for cause, remedy in known.items() if cause in words]
    return "\n".join([words, *(remedy.format(stack=stack) for remedy in remedies)])
