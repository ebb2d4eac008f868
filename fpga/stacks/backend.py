"""A stack's backend: where the state is, and the variables with which `pulumi` reaches and decrypts it."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shlex
from pathlib import Path
from typing import Final

from engine import state_url
from fpga.errors import CommandError
from fpga.project import DEFAULT_STACK, PROJECT, Project
from fpga.stacks import apart, attributes, trusted_roots
from fpga.stacks.backend_settings import PASSPHRASE, Backend, parse
from surroundings.proxies import EXCEPTIONS
from surroundings.variables import misleads_pulumi

# the CLI takes a flag that is not given, such as --policy-pack, from a variable
POLICY_VARIABLE: Final = "PULUMI_OPTION_POLICY_PACK"
POLICY_CONFIG_VARIABLE: Final = "PULUMI_OPTION_POLICY_PACK_CONFIG"
STACK_VARIABLE: Final = "PULUMI_STACK"
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")  # what the CLI takes, and no option
_STATES: Final = f".pulumi/stacks/{PROJECT}"
NOTE: Final = "rotation.json"
"""The file in `rotation_folder` that says that a rotation is to be finished."""
_PASSPHRASE_VARIABLES: Final = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")


def is_name(text: str) -> bool:
    """Whether the CLI takes it for a stack's name, and it is no option."""
    return _NAME.fullmatch(text) is not None


def backend_file(project: Project, stack: str) -> Path:
    """The file that declares the stack's backend."""
    return project.stack_file(stack).with_name(f"Backend.{stack}.yaml")


def read(project: Project, stack: str) -> Backend:
    """The stack's backend, checked. That of the stack `local` is the checkout's own, and has no file.

    Raises:
        CommandError: there is no file, or what it says cannot be used; the message names it and the remedy.
    """
    if stack == DEFAULT_STACK:
        return own(project)
    if not is_name(stack):
        raise CommandError(
            f"No stack can be called '{stack}': its name takes letters, digits, hyphens, underscores and "
            f"periods. The stacks are {', '.join(_stacks(project))}."
        )
    file = backend_file(project, stack)
    try:
        text = file.read_bytes()
    except FileNotFoundError:
        raise CommandError(
            f"{file} is not there: it says where the state of the stack {stack} is. "
            f"`fpga stack new {stack}` writes one; the stacks are {', '.join(_stacks(project))}."
        ) from None
    return parse(project, text, str(file))


def own(project: Project) -> Backend:
    """The checkout's own: a folder and a passphrase in `.local`."""
    return Backend(state_url.url_of(project.local / "state"), PASSPHRASE, project.local / "passphrase", None)


def is_in(backend: Backend, stack: str) -> bool:
    """Whether a backend that is a folder has a stack of this name."""
    return (state_url.folder_of(backend.url) / _STATES / f"{stack}.json").is_file()


def names_in(backend: Backend) -> list[str]:
    """The names of this project's stacks in a backend that is a folder."""
    return sorted(file.stem for file in (state_url.folder_of(backend.url) / _STATES).glob("*.json"))


def rotation_folder(project: Project) -> Path:
    """The folder in which a rotation of a passphrase notes what it does; it is there as long as it does."""
    return project.local / "passphrase-rotation"


def rotation(project: Project) -> tuple[Path, list[str]] | None:
    """The file of the passphrase, and the stacks, of a rotation that was cut off; None: there is none."""
    try:
        noted = json.loads((rotation_folder(project) / NOTE).read_text())
    except FileNotFoundError:
        return None
    return Path(noted["file"]), list(noted["stacks"])


def environment(
    project: Project, stack: str, *, signed_in: bool = True, during_rotation: bool = False
) -> dict[str, str]:
    """All variables to run `pulumi … --stack STACK` with: those of the engine, and of the stack's backend.

    A passphrase of the caller's (PULUMI_CONFIG_PASSPHRASE, or PULUMI_CONFIG_PASSPHRASE_FILE) goes before the
    file that the backend names, except with the stack `local`. With azblob:// the key of the storage account
    is among them, where who deploys may ask for it (`fpga.stacks.state_account`).

    Args:
        signed_in: False: for who makes the backend: the passphrase may be missing, and nothing signs in.
        during_rotation: for who rotates the passphrase, which does not read everything meanwhile.

    Raises:
        CommandError: the backend's file cannot be used, there is no passphrase, no such storage account, the
            state is where an earlier version put it, or a rotation of the passphrase was cut off.
        SettingsError, ClientError: of azblob://: the stack's cloud cannot be signed in to, or refuses.
    """
    import engine

    backend = read(project, stack)
    if backend.url.startswith(state_url.SCHEME):
        _require_no_state_elsewhere(backend, stack)
        attributes.remove_torn(state_url.folder_of(backend.url), stack)
    cut_off = None if during_rotation else rotation(project)
    if cut_off is not None and stack in cut_off[1]:
        raise CommandError(
            f"A rotation of the passphrase in {cut_off[0]} was cut off: `fpga state rotate-passphrase -s "
            f"{stack}` ends it."
        )
    variables = engine.environment(project.local)
    variables["PULUMI_BACKEND_URL"] = backend.url
    variables["FPGA_LOCAL"] = str(project.local)  # where the program finds what settings name as `.local/…`
    for name in (*_PASSPHRASE_VARIABLES, POLICY_VARIABLE, POLICY_CONFIG_VARIABLE, STACK_VARIABLE):
        variables.pop(name, None)
    variables |= _passphrase(project, stack, backend, required=signed_in)
    if backend.policy_pack is not None:
        variables[POLICY_VARIABLE] = _as_list(backend.policy_pack)
    if backend.policy_pack_config is not None:
        variables[POLICY_CONFIG_VARIABLE] = _as_list(backend.policy_pack_config)
    trusted_roots.select(project, stack, variables)
    apart.keep(project, stack, variables)
    if signed_in and backend.url.startswith("azblob:"):
        _sign_in(project, stack, backend, variables)
    return variables


def _require_no_state_elsewhere(backend: Backend, stack: str) -> None:
    """Names a state that an earlier version has put where the CLI read the folder's name to lead."""
    folder = state_url.folder_of(backend.url)
    other = state_url.read_unencoded(folder)
    if other is None or not (other / _STATES / f"{stack}.json").is_file():
        return
    if not (folder / _STATES / f"{stack}.json").exists():
        found, wanted = (shlex.quote(f"{one}/.pulumi") for one in (other, folder))
        raise CommandError(
            f"The state of the stack {stack} is in {other}: there an earlier version took the name of "
            f"{folder} to lead. Copy it: `mkdir -p {wanted} && cp -R {found}/. {wanted}`. If it is another "
            f"checkout's, have that one copy it, and remove {other / _STATES / stack}.json there."
        )


def _sign_in(project: Project, stack: str, backend: Backend, variables: dict[str, str]) -> None:
    from fpga.stacks import settings as stack_settings
    from fpga.stacks import state_account, state_container

    for name in state_container.VARIABLES:
        variables.pop(name, None)
    variables |= state_account.sign_in(
        backend.url,
        lambda: stack_settings.azure(project, stack, variables),
        os.environ,
        ca_file=variables.get("SSL_CERT_FILE"),
    )


def shell(project: Project, stack: str, *, signed_in: bool = False) -> str:
    """The commands that select the stack in a POSIX shell, to be evaluated: the same variables.

    Args:
        signed_in: with what signs in to the state, a secret, and only if there is a passphrase.

    Raises:
        CommandError, SettingsError, ClientError: as with `environment`.
    """
    from engine import activation
    from fpga.stacks import state_container

    variables = environment(project, stack, signed_in=signed_in)
    names = [*activation.settings(project.local), POLICY_VARIABLE, POLICY_CONFIG_VARIABLE, "SSL_CERT_FILE"]
    if signed_in and variables["PULUMI_BACKEND_URL"].startswith("azblob:"):
        names += [name for name in state_container.VARIABLES if name in {*variables, *os.environ}]
    names += sorted(name for name in EXCEPTIONS if name in variables)
    names += [apart.VARIABLE] if variables.get(apart.VARIABLE) == "" else []  # else it is a secret, and set
    names += sorted(name for name in os.environ.keys() - {*names, STACK_VARIABLE} if misleads_pulumi(name))
    lines = [_assignment(name, variables.get(name)) for name in names]
    if stack == DEFAULT_STACK:
        # a passphrase of the caller's stays for the others
        lines.append(_assignment("PULUMI_CONFIG_PASSPHRASE", None))
    lines.append(_assignment(STACK_VARIABLE, None if stack == DEFAULT_STACK else stack))
    return "".join(f"{line}\n" for line in lines)


def callers_passphrase(project: Project) -> dict[str, str]:
    """The variable with which the caller gives a passphrase; none: they give none.

    A file in `.local` is not theirs: an activated shell names that of the stack that it was activated for.
    """
    word, file = (os.environ.get(name) for name in _PASSPHRASE_VARIABLES)
    if word is not None:
        return {"PULUMI_CONFIG_PASSPHRASE": word}
    if file and project.local not in Path(file).parents:
        return {"PULUMI_CONFIG_PASSPHRASE_FILE": file}
    return {}


def _as_list(path: Path) -> str:
    """A path for the variable of a flag that takes a list: a line of CSV (RFC 4180), of lines of CSV.

    With a comma in it the CLI would look for two packs, and with a lone quote it would run none, in silence.
    """
    return _csv(_csv(str(path)))


def _csv(value: str) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([value])
    return line.getvalue()


def _assignment(name: str, value: str | None) -> str:
    return f"unset {name}" if value is None else f"export {name}={shlex.quote(value)}"


def _passphrase(project: Project, stack: str, backend: Backend, *, required: bool) -> dict[str, str]:
    """The variable that has, or leads to, the passphrase."""
    if backend.passphrase_file is None:
        return {}
    if stack != DEFAULT_STACK:
        given = callers_passphrase(project)
        if given:
            return given
        if not backend.passphrase_file.is_file():
            if not required:
                return {}
            raise CommandError(
                f"The passphrase of the stack {stack} is missing: put it into {backend.passphrase_file} "
                "(mode 0600), or into the variable PULUMI_CONFIG_PASSPHRASE. For a stack that is not there "
                f"yet, `fpga stack init {stack}` makes one."
            )
    return {"PULUMI_CONFIG_PASSPHRASE_FILE": str(backend.passphrase_file)}


def _stacks(project: Project) -> list[str]:
    files = project.stack_file(DEFAULT_STACK).parent.glob("Backend.*.yaml")
    return sorted({DEFAULT_STACK, *(file.name.split(".")[1] for file in files)})
