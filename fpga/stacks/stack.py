"""One Pulumi stack through the `pulumi` command: made, configured, deployed, read."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fpga.errors import CommandError
from fpga.files import write_whole
from fpga.project import Project
from fpga.stacks import pulumi_command, yaml_text
from fpga.stacks.lock import is_half_taken, locks

_TAIL_LINES: Final = 40
_ANSI: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|<\{%[a-z]*%\}>")


@dataclass(frozen=True)
class Ensured:
    """A stack that is there.

    Attributes:
        lost: the settings that its file held encrypted for an earlier stack, with a passphrase that is gone.
        kept: where that file is as it was; None: nothing was taken out of it.
    """

    lost: tuple[str, ...] = ()
    kept: Path | None = None


class Stack:
    """A stack of this project, in the checkout's own backend.

    Args:
        name: the stack's.
        environment: variables of the engine (`engine.environment`).
    """

    def __init__(self, project: Project, name: str, environment: Mapping[str, str]) -> None:
        self._project = project
        self._name = name
        self._environment = dict(environment)

    def ensure(self) -> Ensured:
        """Selects the stack, and makes it where it is not there yet.

        A new stack starts from the committed template, or from the file of an earlier one: what a person has
        set there stays. What that file holds encrypted is lost where its passphrase is; then a copy of the
        file as it was is kept in `.local`.

        Raises:
            CommandError: there is no making it; the message is pulumi's own.
        """
        file = self._project.stack_file(self._name)
        selected = self._run("stack", "select", self._name, check=False)
        if selected.returncode == 0:
            if not file.exists():
                self._copy_template()
            return Ensured()
        if "no stack named" not in selected.stderr:
            raise self._failed(f"selecting the stack {self._name}", selected.stderr or selected.stdout)
        if not file.exists():
            self._copy_template()
        made = self._run("stack", "init", self._name, check=False)
        lost: tuple[str, ...] = ()
        kept: Path | None = None
        if made.returncode != 0 and "incorrect passphrase" in made.stderr:
            lost, kept = self._let_go_of_secrets(file)
            made = self._run("stack", "init", self._name, check=False)
        if made.returncode != 0:
            raise self._failed(f"making the stack {self._name}", made.stderr or made.stdout)
        return Ensured(lost, kept)

    def configure(self, plain: Mapping[str, str], secret: Mapping[str, str]) -> list[str]:
        """Sets what differs: the keys that were set. Secrets go through standard input.

        Args:
            plain: a key may lead into a list, `fpga-web-service:services[0].adopt`: a whole number there, or
                true or false, is written as that, and all else in the list stays as it is.
        """
        told = self._run("config", "--json", "--show-secrets", *self._which())
        present = {key: entry.get("value") for key, entry in json.loads(told.stdout or "{}").items()}
        changed = [key for key, value in plain.items() if present.get(key) != value]
        for inside in (False, True):
            keys = [key for key in changed if ("[" in key) is inside]
            pairs = [part for key in keys for part in ("--plaintext", f"{key}={plain[key]}")]
            if pairs:
                self._run("config", "set-all", *(["--path"] if inside else []), *pairs, *self._which())
        for key, value in secret.items():
            if present.get(key) != value:
                self._run("config", "set", "--secret", key, *self._which(), stdin=value)
                changed.append(key)
        return changed

    def configuration(self) -> dict[str, str]:
        """The stack's settings, those in plain alone: namespace and key -> value, lists as JSON."""
        told = self._run("config", "--json", *self._which())
        return {
            key: str(entry["value"])
            for key, entry in json.loads(told.stdout or "{}").items()
            if "value" in entry and not entry.get("secret")
        }

    def decrypted(self) -> tuple[dict[str, str], frozenset[str]]:
        """All settings as the program gets them, lists as JSON, and the keys of the secret ones; of the list
        of services the places in it that are secret.
        """
        from infra.settings import encrypted

        told = json.loads(self._run("config", "--json", "--show-secrets", *self._which()).stdout or "{}")
        secret = frozenset(key for key, entry in told.items() if entry.get("secret"))
        if encrypted.SERVICES in secret:
            secret = encrypted.keys(secret, encrypted.written(self._project.checkout, self._name))
        return {key: str(entry.get("value", "")) for key, entry in told.items()}, secret

    def deployment(self) -> dict[str, Any]:
        """The stack's state, secrets encrypted: `resources`; after a run that died `pending_operations`."""
        deployment: dict[str, Any] = self.exported()["deployment"]
        return deployment

    def exported(self) -> dict[str, Any]:
        """The stack's state as `pulumi stack export` writes it: `version` and `deployment`."""
        told = self._run("stack", "export", *self._which())
        exported: dict[str, Any] = json.loads(told.stdout)
        return {**exported, "deployment": exported.get("deployment") or {}}

    def replace_state(self, exported: Mapping[str, Any]) -> None:
        """Puts a changed export in the place of the state; the engine checks that it hangs together."""
        self._run("stack", "import", *self._which(), stdin=json.dumps(exported))

    def resources(self) -> list[dict[str, Any]]:
        """The resources of the stack's state, secrets encrypted."""
        return list(self.deployment().get("resources") or [])

    def take_in(self, file: Path) -> None:
        """Brings what an import file names into the state; in the cloud nothing changes.

        What comes in is protected until the next update, which brings the program's own options: before
        that, a `pulumi destroy` does not delete it.
        """
        options = ("--generate-code=false", "--skip-preview", "--suppress-outputs", "--yes")
        self._run("import", "--file", str(file), *options, *self._which())

    def release_dead_lock(self) -> bool:
        """Gives back the lock of an update whose process was killed: whether there was one."""
        url = self._environment["PULUMI_BACKEND_URL"]
        held = locks(url, self._name, self._environment)
        if not all(lock.is_dead for lock in held) or not (held or is_half_taken(url, self._name)):
            return False
        self._run("cancel", "--yes", *self._which())
        return True

    def up(self, on_line: Callable[[str], None] | None, plan: Path | None = None) -> None:
        """Deploys what was previewed before.

        Args:
            on_line: takes the engine's output line by line; None: the engine writes to the terminal itself.
            plan: what `preview --save-plan` wrote: whatever goes beyond it is refused.
        """
        command = [pulumi_command.executable(self._project), "up", "--yes", "--skip-preview", *self._which()]
        if plan is not None:
            command += ["--plan", str(plan)]
        if on_line is None:
            code = self._wait(subprocess.Popen(command, **self._where()))
            if code != 0:
                raise CommandError(f"pulumi up ended with exit code {code}; what it says stands above.")
            return
        tail: list[str] = []
        child = subprocess.Popen(
            [*command, *pulumi_command.PLAIN],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            **self._where(),
        )
        with child:
            try:
                for line in child.stdout or ():
                    if line.strip():
                        tail = [*tail[1 - _TAIL_LINES :], line.rstrip()]
                        on_line(line.strip())
            except KeyboardInterrupt:
                self._wait(child)
                raise
        if child.returncode != 0:
            raise self._failed("pulumi up", "\n".join(tail))

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, secrets among them in the clear.

        Raises:
            CommandError: there is no such stack.
        """
        told = self._run("stack", "output", "--json", "--show-secrets", *self._which())
        outputs: dict[str, Any] = json.loads(told.stdout)
        return outputs

    def _which(self) -> tuple[str, str]:
        return ("--stack", self._name)

    def _copy_template(self) -> None:
        file = self._project.stack_file(self._name)
        shutil.copyfile(self._project.stack_template, file)
        file.chmod(0o600)

    def _let_go_of_secrets(self, file: Path) -> tuple[tuple[str, ...], Path]:
        """Takes what is encrypted out of the stack's file: the keys, and where the file is as it was."""
        from fpga.stacks.stack_file import without_encryption

        content = file.read_bytes()
        rest, lost = yaml_text.read(without_encryption, content, str(file))
        kept = self._project.local / f"{file.name}.before"
        write_whole(kept, content)
        file.write_text(rest)  # in place: it may be a link
        return tuple(lost), kept

    def _where(self) -> dict[str, Any]:
        return {"cwd": self._project.checkout, "env": self._environment}

    def _run(
        self, *arguments: str, stdin: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        done = pulumi_command.run(self._project, self._environment, *arguments, stdin=stdin)
        if check and done.returncode != 0:
            raise self._failed(f"pulumi {arguments[0]}", done.stderr or done.stdout)
        return done

    def _failed(self, what: str, told: str) -> CommandError:
        words = _ANSI.sub("", told).strip()
        remedies = "".join(
            f"\n{remedy.format(stack=self._name)}" for sign, remedy in _REMEDIES if sign in words
        )
        return CommandError(f"{what} failed:\n{words}{remedies}")

    @staticmethod
    def _wait(child: subprocess.Popen[Any]) -> int:
        """Waits for a child that sees an interrupt itself, and ends orderly on it."""
        while True:
            try:
                return child.wait()
            except KeyboardInterrupt:
                continue


_REMEDIES: Final = (
    (pulumi_command.TORN, pulumi_command.RECOVER),
    (
        "currently locked",
        "If no other update runs, `fpga state unlock -s {stack}` gives the lock back.",
    ),
    # the words of the azure-native provider
    (
        "cannot create already existing resource",
        "`fpga adopt -s {stack}` brings what exists under the stack.",
    ),
)
