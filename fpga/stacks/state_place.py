"""The place of a stack's state: made where it is missing, and its lock given back."""

from __future__ import annotations

import os
from collections.abc import Callable

from engine.state_url import folder_of
from fpga.errors import CommandError
from fpga.project import Project
from fpga.stacks import backend, new_stack, pulumi_command, state_account, state_container
from fpga.stacks import settings as stack_settings
from fpga.stacks.lock import is_half_taken, locks
from fpga.stacks.state_container import StateContainer


def make(
    project: Project, stack: str, resource_group: str, location: str, tell: Callable[[str], object]
) -> None:
    """Makes what the stack's Backend file names, and the stack in it; what is there stays.

    Args:
        resource_group, location: of a storage account that has to be made.
        tell: takes each line for a person.

    Raises:
        CommandError: it cannot be made, or the stack cannot; the message tells the remedy.
    """
    declared = backend.read(project, stack)
    container = StateContainer.parse(declared.url, os.environ)
    if container is None:
        folder = folder_of(declared.url)
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True)
            tell(f"Made: the folder {folder}")
    else:
        _make_container(project, stack, container, resource_group, location, tell)
    _make_stack(project, stack, tell)
    if container is not None:
        _tell_sign_in(backend.environment(project, stack), container, stack, tell)


def unlock(project: Project, stack: str, tell: Callable[[str], object], *, force: bool) -> None:
    """Gives back the locks of a stack whose holders have ended.

    Args:
        force: also those of other machines, of whose processes nothing is known from here.

    Raises:
        CommandError: a holder lives, or may live; the message names each.
    """
    variables = backend.environment(project, stack)
    url = variables["PULUMI_BACKEND_URL"]
    held, is_half = locks(url, stack, variables), is_half_taken(url, stack)
    if not held and not is_half:
        tell(f"The stack {stack} is not locked.")
        return
    living = [lock for lock in held if lock.is_of_this_host and not lock.is_dead]
    elsewhere = [lock for lock in held if not lock.is_of_this_host]
    if living:
        raise CommandError(
            f"The stack {stack} is locked by a run that lives: {', '.join(map(str, living))}. Wait for its "
            "end, or end it with Ctrl-C (SIGINT), which gives the lock back."
        )
    if elsewhere and not force:
        raise CommandError(
            f"The stack {stack} is locked from another machine: {', '.join(map(str, elsewhere))}. Whether "
            "that run lives is to be seen there alone. If it has surely ended, "
            f"`fpga state unlock -s {stack} --force` gives the lock back."
        )
    done = pulumi_command.run(project, variables, "cancel", "--yes", stack)
    if done.returncode != 0:
        raise CommandError(f"pulumi cancel failed:\n{(done.stderr or done.stdout).strip()}")
    for lock in held:
        tell(f"Given back: the lock of {lock}")
    if is_half:
        tell("Given back: the lock of a run that was killed while it took it")
    tell(
        f"`fpga state settle -s {stack}` reads what the run had under way; then `pulumi up -s {stack}` goes "
        "on where it stopped."
    )


def _make_container(
    project: Project,
    stack: str,
    container: StateContainer,
    resource_group: str,
    location: str,
    tell: Callable[[str], object],
) -> None:
    variables = backend.environment(project, stack, signed_in=False)
    config = stack_settings.azure(project, stack, variables)
    cloud = state_account.connect(config, os.environ, ca_file=variables.get("SSL_CERT_FILE"))
    try:
        subscription = state_account.subscription(config, os.environ)
        state_account.make(cloud, container, subscription, resource_group, location, tell)
    finally:
        cloud.close()


def _make_stack(project: Project, stack: str, tell: Callable[[str], object]) -> None:
    try:
        passphrase = new_stack.init(project, stack)
    except CommandError as error:
        if "already exists" not in str(error):
            raise
        tell(f"The stack {stack} is there.")
        return
    tell(
        f"Made: the stack {stack}. Commit {project.stack_file(stack)}: it says what secrets are encrypted "
        "with."
    )
    if passphrase is not None:
        tell(f"Made: its passphrase, {passphrase}. Whoever works on the stack needs it: keep it safe.")


def _tell_sign_in(
    variables: dict[str, str], container: StateContainer, stack: str, tell: Callable[[str], object]
) -> None:
    tell(f"The state is at {container.endpoint(variables)}/{container.name}.")
    if state_container.KEY_VARIABLE in variables:
        tell(
            "fpga signs in with the account's key, which Resource Manager gives it, and hands it to a shell "
            f"that is activated (`FPGA_STACK={stack} . .local/activate`). Without it, pulumi signs in with "
            "Entra ID (`az login`, with the role Storage Blob Data Contributor)."
        )
    else:
        tell("fpga and pulumi sign in with Entra ID; the role is Storage Blob Data Contributor.")
