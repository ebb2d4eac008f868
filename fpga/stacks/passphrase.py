"""The rotation of a passphrase: all that it encrypts is encrypted with a new one, and nobody is locked out.

A stack's file and its state are encrypted anew in a place of their own first, by the CLI, and read again.
Only then the three that must fit, passphrase, file and state, are replaced. What this takes is noted in
`.local` before: a rotation that was cut off is finished by the next one.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from engine import state_url
from fpga.errors import CommandError
from fpga.files import write_whole
from fpga.project import DEFAULT_STACK, Project
from fpga.stacks import backend, pulumi_command
from fpga.stacks.lock import locks

_MANIFEST: Final = "Pulumi.yaml"
_NEW, _OLD = "new", "old"

Tell = Callable[[str], object]


@dataclass(frozen=True)
class _Encrypted:
    """All of a stack that is encrypted: its file, and its state as `pulumi stack export` writes it."""

    file: str
    state: dict[str, Any]

    @property
    def salt(self) -> str:
        """What the state was encrypted with."""
        return salt(self.state)


def rotate(project: Project, stack: str, tell: Tell) -> None:
    """Gives a stack, and all that share its passphrase, a new one; or ends a rotation that was cut off.

    Args:
        tell: takes each line of what was done.

    Raises:
        CommandError: it cannot; where the message does not say otherwise nothing was changed.
    """
    folder = backend.rotation_folder(project)
    with _alone(folder):
        if backend.rotation(project) is None:
            try:
                _prepare(project, stack, folder, tell)
            except BaseException:
                shutil.rmtree(folder)
                raise
        noted = backend.rotation(project)
        assert noted is not None  # noqa: S101 - it was just prepared, or found
        file, stacks = noted
        kept = _replace(project, folder, file, stacks, tell)
        (folder / backend.NOTE).unlink()  # before what it is about
        shutil.rmtree(folder)
    tell(f"The passphrase in {file} is new. Whoever else has the old one needs it: commit the stacks' files.")
    tell(
        f"The old one is in {kept}: backups of before, and old commits, need it. Delete it when they do not."
    )


def salt(exported: Mapping[str, Any]) -> str:
    """The salt of the passphrase that a state is encrypted with; empty: none."""
    provider = (exported.get("deployment") or {}).get("secrets_providers") or {}
    return str((provider.get("state") or {}).get("salt", ""))


def _prepare(project: Project, stack: str, folder: Path, tell: Tell) -> None:
    """Encrypts everything anew, beside what is there, and notes it: whole, or not at all."""
    file = backend.read(project, stack).passphrase_file
    if file is None:
        raise CommandError(
            f"The stack {stack} has no passphrase: a key vault encrypts it, and rotates its key."
        )
    if stack != DEFAULT_STACK and backend.callers_passphrase(project):
        raise CommandError(
            "The passphrase comes from PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE, which "
            f"this command cannot change: put it into {file} (mode 0600), unset the variable, and try again. "
            "Then set the variable to the new one wherever it is."
        )
    if not file.is_file():
        raise CommandError(
            f"The passphrase of the stack {stack} is missing: put it into {file} (mode 0600), then try again."
        )
    stacks = _that_share(project, file, stack)
    write_whole(folder / _OLD, file.read_bytes())
    write_whole(folder / _NEW, secrets.token_urlsafe(32).encode())
    for one in stacks:
        _require_free(project, one)
        before = _read(project, one)
        tell(f"{one}: encrypting anew")
        _keep(folder, one, before, _encrypted_anew(project, one, folder, before))
    # The note last: while it is missing nothing has begun.
    write_whole(folder / backend.NOTE, json.dumps({"file": str(file), "stacks": stacks}).encode())


def _replace(project: Project, folder: Path, file: Path, stacks: list[str], tell: Tell) -> Path:
    """Puts what was prepared in its place; where something has changed since, that is encrypted anew."""
    old, new = ((folder / name).read_bytes() for name in (_OLD, _NEW))
    began = datetime.fromtimestamp((folder / backend.NOTE).stat().st_mtime, UTC)
    kept = file.with_name(f"{file.name}.until-{began:%Y%m%dT%H%M%SZ}")
    write_whole(kept, old)
    write_whole(file, new)
    for one in stacks:
        _require_free(project, one)
        now = _read(project, one)
        after = _kept(folder, one, _NEW)
        if now.salt != after.salt:
            before = _kept(folder, one, _OLD)
            if now.state != before.state or now.file not in (before.file, after.file):
                file_before = before.file if now.file == after.file else now.file
                before = _Encrypted(file_before, now.state)
                after = _encrypted_anew(project, one, folder, before)
                _keep(folder, one, before, after)
            _write(project.stack_file(one), after.file)
            environment = backend.environment(project, one, during_rotation=True)
            _run(project, environment, "stack", "import", "--stack", one, stdin=json.dumps(after.state))
        elif now.file == _kept(folder, one, _OLD).file:
            _write(project.stack_file(one), after.file)
        environment = backend.environment(project, one, during_rotation=True)
        _plain(project, environment, one)
        tell(f"{one}: encrypted with the new passphrase")
    return kept


def _encrypted_anew(project: Project, stack: str, folder: Path, before: _Encrypted) -> _Encrypted:
    """What a stack has encrypted, encrypted with the new passphrase, in a project and a state of its own.

    Raises:
        CommandError: it cannot be read, or reads otherwise afterwards.
    """
    scratch = folder / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    file = scratch / project.stack_file(stack).relative_to(project.checkout)
    file.parent.mkdir(parents=True)
    (scratch / "state").mkdir()
    shutil.copyfile(project.checkout / _MANIFEST, scratch / _MANIFEST)
    write_whole(file, before.file.encode())
    old = backend.environment(project, stack, during_rotation=True) | {
        "PULUMI_BACKEND_URL": state_url.url_of(scratch / "state"),
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(folder / _OLD),
    }
    new = old | {"PULUMI_CONFIG_PASSPHRASE_FILE": str(folder / _NEW)}
    which = ("--stack", stack)
    _run(project, old, "stack", "init", stack, "--no-select", folder=scratch)
    _run(project, old, "stack", "import", *which, stdin=json.dumps(before.state), folder=scratch)
    plain = _plain(project, old, stack, scratch)
    word = (folder / _NEW).read_text()
    _run(
        project,
        old,
        *("stack", "change-secrets-provider", "passphrase", *which),
        stdin=f"{word}\n{word}\n",  # it asks twice
        folder=scratch,
    )
    if _plain(project, new, stack, scratch) != plain:
        raise CommandError(f"The stack {stack} reads otherwise with a new passphrase. Nothing was changed.")
    exported = json.loads(_run(project, new, "stack", "export", *which, folder=scratch))
    after = _Encrypted(file.read_text(), exported)
    shutil.rmtree(scratch)
    return after


def _plain(
    project: Project, environment: Mapping[str, str], stack: str, folder: Path | None = None
) -> tuple[Any, Any]:
    """What a stack has encrypted, in the clear: its settings and its state's resources.

    Raises:
        CommandError: the passphrase does not read it.
    """
    which = ("--show-secrets", "--stack", stack)
    settings = json.loads(_run(project, environment, "config", "--json", *which, folder=folder) or "{}")
    exported = json.loads(_run(project, environment, "stack", "export", *which, folder=folder))
    deployment = exported.get("deployment") or {}
    return settings, [deployment.get(part) or [] for part in ("resources", "pending_operations")]


def _read(project: Project, stack: str) -> _Encrypted:
    environment = backend.environment(project, stack, during_rotation=True)
    exported = json.loads(_run(project, environment, "stack", "export", "--stack", stack))
    return _Encrypted(project.stack_file(stack).read_text(), exported)


def _keep(folder: Path, stack: str, before: _Encrypted, after: _Encrypted) -> None:
    for name, one in ((_OLD, before), (_NEW, after)):
        content = json.dumps({"file": one.file, "state": one.state})
        write_whole(folder / f"{stack}.{name}.json", content.encode())


def _kept(folder: Path, stack: str, name: str) -> _Encrypted:
    told = json.loads((folder / f"{stack}.{name}.json").read_text())
    return _Encrypted(told["file"], told["state"])


def _that_share(project: Project, file: Path, stack: str) -> list[str]:
    """The stacks, made already, whose passphrase is in this file."""
    own = backend.own(project)
    declared = [path.name.split(".")[1] for path in project.stack_file(stack).parent.glob("Backend.*.yaml")]
    if file == own.passphrase_file:
        declared += backend.names_in(own)
    others = {
        one
        for one in declared
        if project.stack_file(one).is_file()
        and "encryptionsalt:" in project.stack_file(one).read_text()
        and (not backend.backend_file(project, one).is_file() or _passphrase_file(project, one) == file)
    }
    return sorted(others | {stack})


def _passphrase_file(project: Project, stack: str) -> Path | None:
    return backend.read(project, stack).passphrase_file


def _write(file: Path, text: str) -> None:
    """Replaces a stack's file in one step, where it lies, and as readable as it was."""
    target = file.resolve()
    mode = target.stat().st_mode & 0o777
    write_whole(target, text.encode())
    target.chmod(mode)


def _require_free(project: Project, stack: str) -> None:
    environment = backend.environment(project, stack, during_rotation=True)
    held = locks(environment["PULUMI_BACKEND_URL"], stack, environment)
    if held:
        raise CommandError(
            f"The stack {stack} is locked by {held[0]}: wait for its end, or `fpga state unlock -s {stack}`, "
            "then try again."
        )


def _run(
    project: Project,
    environment: Mapping[str, str],
    *arguments: str,
    stdin: str | None = None,
    folder: Path | None = None,
) -> str:
    done = pulumi_command.run(project, environment, *arguments, stdin=stdin, folder=folder)
    if done.returncode != 0:
        told = (done.stderr or done.stdout).strip()
        raise CommandError(f"pulumi {' '.join(arguments[:2])} failed:\n{told}")
    return done.stdout


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """The one rotation of the checkout."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(
                "Another rotation of a passphrase runs in this checkout: wait for it."
            ) from None
        folder.mkdir(mode=0o700, exist_ok=True)
        yield
