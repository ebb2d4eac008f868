"""New stacks: their files, and their first `pulumi stack init`."""

from __future__ import annotations

import os
import re
import secrets
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fpga.cloud import connection
from fpga.errors import CommandError
from fpga.files import write_together
from fpga.project import DEFAULT_STACK, MODEL_PACKAGE, Project
from fpga.stacks import (
    backend,
    backend_settings,
    presets,
    pulumi_command,
    template,
    trusted_roots,
    yaml_text,
)
from fpga.stacks.stack_file import Standing, standing

if TYPE_CHECKING:
    from localcloud.status import Status

OWN_STATE: Final = "file://.local/state"
_OWN_PASSPHRASE: Final = ".local/passphrase"  # noqa: S105 - a file's name
_POLICY_PACK: Final = "policy"
_SECRETS: Final = {
    "ARM_CLIENT_SECRET": connection.CLIENT_SECRET,
    "FPGA_MANAGEMENT_CLIENT_SECRET": connection.MANAGEMENT_CLIENT_SECRET,
}
_ENCRYPTED: Final = re.compile(r"^encryptionsalt:\s*\S", re.MULTILINE)


@dataclass(frozen=True)
class NewStack:
    """The files that were written, and the next steps, a line each."""

    files: tuple[Path, ...]
    next_steps: tuple[str, ...]


def write(
    project: Project,
    name: str,
    kind: str | None,
    cloud: Path | None,
    management: Path | None,
    backend_url: str | None,
    secrets_provider: str | None,
) -> NewStack:
    """Writes the files of a stack, all that are missing or none; what is there stays. A file that
    `pulumi stack init` has made, without any setting, is completed.

    Args:
        kind: one of `presets.PRESETS`; None: the one that is called like the stack, else dev.
        cloud: data folder of the localcloud to run on; None: Azure.
        management: data folder of the localcloud that has account and service, apart from all else; None: a
            team's, or the one that has all.
        backend_url: None: the checkout's own state.
        secrets_provider: None: what the stack's file says, else a passphrase.

    Raises:
        CommandError: the stack cannot be called so, nothing is missing, or its backend is none.
    """
    if name == DEFAULT_STACK or not backend.is_name(name):
        _require_name(name)
    file, declared_in = project.stack_file(name), backend.backend_file(project, name)
    before = _standing(file)
    if before is None or not before.has_settings:
        _require_name(name)
        kind = _kind(name, kind)
    if before is not None and before.has_settings and declared_in.exists():
        raise CommandError(f"Nothing is missing: {file} is there already, and so is {declared_in}.")
    status = None if cloud is None else _status(cloud)
    connected = None if cloud is None or status is None else _connected(cloud, status)
    server = None if management is None else _as_server(project, management)
    files = {}
    if before is None or not before.has_settings:
        encryption = before.encryption if before else ""
        files[file] = (
            template.stack_text(name, presets.configuration(name, kind or "dev", connected, server))
            + encryption
        )
    is_made = before is not None and _is_in_own_state(project, name)
    if not declared_in.exists():
        if before and before.encryption and not is_made and backend_url is None:
            raise CommandError(
                f"{file} says that its stack was made, and it is not in {backend.own(project).url}: give "
                "--backend URL, where its state is."
            )
        provider = secrets_provider or (before.secrets_provider if before else None)
        values = presets.backend(
            name,
            backend_url or OWN_STATE,
            provider or backend_settings.PASSPHRASE,
            _policy_pack(project),
            # what a shell of this checkout encrypts with, unless it is activated for another stack
            _OWN_PASSPHRASE if is_made else None,
        )
        declared = template.backend_text(name, values)
        backend_settings.parse(project, declared, f"The backend of the stack {name}")
        files[declared_in] = declared
    file.parent.mkdir(exist_ok=True)
    write_together({path: text.encode() for path, text in files.items()}, overwrite=True)
    for path in files:
        path.chmod(0o644)
    secrets_of = {"ARM_CLIENT_SECRET": cloud, "FPGA_MANAGEMENT_CLIENT_SECRET": management}
    if cloud is not None and status is not None:
        from fpga.cloud import local_cloud

        local_cloud.write_bundle(project, local_cloud.roots_of(status), trusted_roots.own_file(project, name))
    url = backend.read(project, name).url
    return NewStack(tuple(files), tuple(_next_steps(name, secrets_of, url, is_made=is_made)))


def _standing(file: Path) -> Standing | None:
    """The standing of the stack's file; None: there is none."""
    try:
        return yaml_text.read(standing, file.read_bytes(), str(file))
    except FileNotFoundError:
        return None


def _is_in_own_state(project: Project, name: str) -> bool:
    """Whether plain `pulumi stack init`, in a shell of this checkout, has made the stack."""
    own = backend.own(project)
    return backend.is_in(own, name) and own.passphrase_file is not None and own.passphrase_file.exists()


def init(project: Project, name: str) -> Path | None:
    """Makes the stack in its backend, with what encrypts its secrets.

    Returns:
        The file of the passphrase that was made for it; None: it had one, or needs none.

    Raises:
        CommandError: there is no such configuration, or pulumi refuses: then the message is its own.
    """
    made = _make_passphrase(project, name)
    try:
        _init(project, name)
    except BaseException:
        if made is not None:
            made.unlink()  # the stack may be there, with another one
        raise
    return made


def _init(project: Project, name: str) -> None:
    provider = backend.read(project, name).secrets_provider
    arguments = ("stack", "init", name, "--no-select", "--secrets-provider", provider)
    done = pulumi_command.run(project, backend.environment(project, name), *arguments)
    if done.returncode != 0:
        raise CommandError(f"pulumi stack init failed:\n{(done.stderr or done.stdout).strip()}")


def _make_passphrase(project: Project, name: str) -> Path | None:
    """Makes the stack's passphrase, where there is none and none is known of: its file, or None.

    Raises:
        CommandError: something is encrypted already, with a passphrase that is not here.
    """
    text = _required_text(project, name)
    file = backend.read(project, name).passphrase_file
    if file is None or file.exists() or backend.callers_passphrase(project):
        return None
    if _ENCRYPTED.search(text):
        raise CommandError(
            f"The secrets of the stack {name} are encrypted already, and its passphrase is not here: put it "
            f"into {file} (mode 0600), or into the variable PULUMI_CONFIG_PASSPHRASE. A new one could not "
            "read them."
        )
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as passphrase:
        passphrase.write(secrets.token_urlsafe(32))
    return file


def _require_name(name: str) -> None:
    problem = presets.name_problem(name)
    if problem:
        raise CommandError(f"A stack cannot be called '{name}': its name {problem}.")
    if name == DEFAULT_STACK:
        raise CommandError(f"The stack {name} is made by `fpga up`.")


def _kind(name: str, kind: str | None) -> str:
    if kind is None:
        return name if name in presets.PRESETS else "dev"
    if kind not in presets.PRESETS:
        raise CommandError(f"--from is '{kind}': choose one of {', '.join(presets.PRESETS)}.")
    return kind


def _status(data: Path) -> Status:
    """The status of the localcloud of a data folder: it need not run."""
    from localcloud import control

    return control.status(data.expanduser().absolute())


def _as_server(project: Project, data: Path) -> dict[str, str]:
    """The settings by which a stack has its account and service on the localcloud of a data folder."""
    status = _status(data)
    made = _connected(data, status, connection.management_settings)
    if not status.needs_roots:
        return made
    ca = status.ca
    inside = project.local in ca.parents
    roots = f".local/{ca.relative_to(project.local).as_posix()}" if inside else str(ca)
    return made | {connection.MANAGEMENT_ROOTS: roots}


def _connected(
    data: Path, status: Status, settings: Callable[[Status], dict[str, str]] = connection.settings
) -> dict[str, str]:
    """The settings that connect a stack to that localcloud."""
    try:
        return settings(status)
    except connection.NeverStarted:
        starts = shlex.join(["fpga", "cloud", "up", "--data", str(data)])
        raise CommandError(f"No localcloud has run on {data} yet: `{starts}` starts one.") from None


def _policy_pack(project: Project) -> str | None:
    return _POLICY_PACK if (project.checkout / _POLICY_PACK / "PulumiPolicy.yaml").is_file() else None


def _next_steps(
    name: str, clouds: Mapping[str, Path | None], backend_url: str, *, is_made: bool
) -> list[str]:
    """The next steps.

    Args:
        clouds: for each variable of a client's secret the data folder of its localcloud, as it was named.
    """
    steps = [f"look through both files; `fpga model build` makes {MODEL_PACKAGE}"]
    for variable, data in clouds.items():
        if data is not None:
            secret = shlex.quote(str(data / _status(data).client_secret_file.name))
            steps.append(
                f'`export {variable}="$(cat {secret})"`, or, once the stack is made, in its file, '
                f"`pulumi config set -s {name} --secret {_SECRETS[variable]}`, which asks for it"
            )
    if is_made:
        steps.append(f"the stack {name} is there already, in {backend_url}")
    elif backend_url.startswith("azblob:"):
        steps.append(f"`fpga state init -s {name}` makes the place of its state, and the stack there")
    else:
        steps.append(f"`fpga stack init {name}` makes the stack, and a passphrase where it needs one")
    steps.append(f"`FPGA_STACK={name} . .local/activate`, then `pulumi preview`")
    return steps


def _required_text(project: Project, name: str) -> str:
    file = project.stack_file(name)
    try:
        return file.read_text()
    except FileNotFoundError:
        writes = "fpga up" if name == DEFAULT_STACK else f"fpga stack new {name}"
        raise CommandError(f"{file} is not there: `{writes}` writes it.") from None
