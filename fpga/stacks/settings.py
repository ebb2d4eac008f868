"""The cloud that a stack's file names, read without the stack's backend: who reaches that needs it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clients.azure.settings import NAMESPACE
from engine.state_url import url_of
from fpga.cloud.connection import CLIENT_SECRET
from fpga.errors import CommandError
from fpga.project import Project
from fpga.stacks import pulumi_command, yaml_text


def azure(project: Project, stack: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The settings `azure-native:*`, in the clear.

    Args:
        environ: variables to run `pulumi` with, the passphrase among them: a client secret that is encrypted
            in the file is read by it. ARM_CLIENT_SECRET in them makes that needless.

    Raises:
        CommandError: there is no such file, it is not YAML, or the secret cannot be decrypted.
    """
    file = project.stack_file(stack)
    try:
        content = yaml_text.load(file.read_bytes(), str(file))
    except FileNotFoundError:
        raise CommandError(f"{file} is not there: `fpga stack new {stack}` writes one.") from None
    written: Any = content.get("config", {}) if isinstance(content, dict) else content
    if not isinstance(written or {}, dict):
        raise CommandError(f"{file} holds no settings: they stand below `config:`, each as `key: value`.")
    written = {str(key): value for key, value in (written or {}).items()}
    found = {
        key: str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in written.items()
        if key.startswith(NAMESPACE) and not isinstance(value, dict)
    }
    if isinstance(written.get(CLIENT_SECRET), dict) and not environ.get("ARM_CLIENT_SECRET"):
        found[CLIENT_SECRET] = _decrypted(project, stack, environ)
    return found


def _decrypted(project: Project, stack: str, environ: Mapping[str, str]) -> str:
    """The client secret, decrypted by the CLI itself: on a copy of the file, beside an empty backend."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "state").mkdir()
        (folder / "Pulumi.yaml").write_text("name: fpga-web-service\nruntime: python\n")
        shutil.copyfile(project.stack_file(stack), folder / f"Pulumi.{stack}.yaml")
        variables = {**environ, "PULUMI_BACKEND_URL": url_of(folder / "state")}
        for arguments in (("stack", "init", stack), ("config", "get", CLIENT_SECRET, "--stack", stack)):
            done = pulumi_command.run(project, variables, *arguments, folder=folder)
            if done.returncode != 0:
                raise CommandError(
                    f"{CLIENT_SECRET} of {project.stack_file(stack)} cannot be decrypted: "
                    f"{done.stderr.strip()}\n"
                    "The variable ARM_CLIENT_SECRET can stand in for it."
                )
    return done.stdout.strip()
