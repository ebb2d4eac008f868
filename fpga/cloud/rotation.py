"""The rotations of a localcloud, and what is to be renewed behind them: told to who asked for one."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fpga.cloud.connection import (
    CLIENT_SECRET,
    MANAGEMENT_CLIENT_SECRET,
    MANAGEMENT_HOST,
    METADATA_HOST,
    NeverStarted,
    management_settings,
    settings,
)
from fpga.cloud.local_cloud import follow_ca
from fpga.project import DEFAULT_STACK, Project

if TYPE_CHECKING:
    from localcloud.status import Status

_VARIABLES: Final = {
    CLIENT_SECRET: "ARM_CLIENT_SECRET",
    MANAGEMENT_CLIENT_SECRET: "FPGA_MANAGEMENT_CLIENT_SECRET",
}


def sign_in(project: Project, data: Path, *, at_once: bool, key_file: Path | None = None) -> Iterator[str]:
    """Rotates the client's secret and the key that signs tokens.

    Raises:
        StartError: localcloud cannot.
    """
    from localcloud import control, rotation

    until = rotation.sign_in(data, at_once=at_once, key_file=key_file)
    status = control.status(data)
    secret = shlex.quote(str(status.client_secret_file))
    yield f"The client's secret is new, in {status.client_secret_file}, and so is the key that signs tokens."
    if at_once:
        yield "The secret of before opens nothing any more, and no token of before does."
    else:
        end = datetime.fromtimestamp(until, UTC)
        yield f"The secret of before opens until {end:%Y-%m-%d %H:%M} UTC, and no token of before longer."
    uses = list(_uses(project, status))
    yield "What signs in with it needs the new one:" + ("" if uses else " no stack of this checkout does.")
    for stack, key in uses:
        if stack == DEFAULT_STACK and data == project.cloud and key == CLIENT_SECRET:
            other = "`fpga up`"
        else:
            other = f'`export {_VARIABLES[key]}="$(cat {secret})"`'
        yield f"  {stack}: {other}, or `pulumi config set -s {stack} --secret {key} < {secret}`"


def ca(project: Project, data: Path, *, at_once: bool, key_file: Path | None = None) -> Iterator[str]:
    """Rotates the CA by one step, or all the way; the bundles of this checkout follow.

    Raises:
        StartError: localcloud cannot.
    """
    from localcloud import control, rotation

    roots = rotation.ca(data, at_once=at_once, key_file=key_file)
    file = control.status(data).ca
    changed = follow_ca(project, roots.before, roots.after)
    if roots.is_over:
        yield f"The new CA, alone in {file}, has issued the certificate that is shown from now on."
    elif roots.before == roots.after:
        yield f"The new CA is in {file} beside the one of before already, which still issues."
    else:
        yield f"The new CA is in {file} beside the one of before, which still issues."
    yield "These follow: " + (", ".join(map(str, changed)) or "no bundle of this checkout had to.")
    yield f"Callers elsewhere, and processes that run, trust it once they have read {file}."
    if not roots.is_over:
        yield "When they have: `fpga cloud rotate ca --now`."


def encryption_key(data: Path, new_file: Path, key_file: Path | None) -> Iterator[str]:
    """Rotates the operator's key that a localcloud's secrets are encrypted with.

    Raises:
        StartError: localcloud cannot.
    """
    from localcloud import rotation

    key_id = rotation.encryption_key(data, new_file, key_file)
    yield f"The secrets of {data} are encrypted with the key {key_id}, in {new_file}, from now on."
    yield "Its next start needs that one: have encryptionKeyFile, or the credential, be it before."
    yield "Keep the key of before as long as backups of before."


def _uses(project: Project, status: Status) -> Iterator[tuple[str, str]]:
    """The stacks of the checkout that are on a localcloud, and the settings by which they sign in to it."""
    import yaml

    try:
        hosts = {CLIENT_SECRET: settings(status), MANAGEMENT_CLIENT_SECRET: management_settings(status)}
    except NeverStarted:
        return
    for file in sorted(project.stack_file(DEFAULT_STACK).parent.glob("Pulumi.*.yaml")):
        try:
            content = yaml.safe_load(file.read_text())
        except (OSError, ValueError, RecursionError, yaml.YAMLError):
            continue  # commands on that stack say so
        config = content.get("config") if isinstance(content, dict) else None
        for key, wanted in hosts.items():
            host = METADATA_HOST if key == CLIENT_SECRET else MANAGEMENT_HOST
            if isinstance(config, dict) and config.get(host) == wanted[host]:
                yield file.name.removeprefix("Pulumi.").removesuffix(".yaml"), key
