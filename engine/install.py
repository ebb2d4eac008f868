"""The engine in a checkout's `.local`: the CLI and its plugins, its home and state, the way to use it."""

from __future__ import annotations

import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from engine import activation, azure_native_plugin, pulumi_cli, scripts
from engine.pulumi_cli import HOST, PulumiCli, Way
from engine.report import Report

LAUNCHER = "pulumi-language-python-exec"
DYNAMIC = "pulumi-resource-pulumi-python"


@dataclass(frozen=True)
class Engine:
    """An installed engine.

    Attributes:
        local: the folder that it is installed in.
        pulumi: the CLI, to be run with `environment`.
        version: the CLI's, without the leading `v`.
        way: where the CLI came from.
        stand_in: whether azure-native is this project's stand-in instead of the official plugin.
    """

    local: Path
    pulumi: Path
    version: str
    way: Way
    stand_in: bool

    @property
    def environment(self) -> dict[str, str]:
        """The variables to run `pulumi` and the program with."""
        return activation.environment(self.local)


def install(local: Path, report: Report) -> Engine:
    """Installs the engine into the folder `local`, or brings it up to date.

    Takes minutes only where a CLI must be downloaded or built; a second run changes nothing.

    Raises:
        EngineError: no CLI can be had, or it refuses the plugin.
    """
    local = local.absolute()
    local.mkdir(mode=0o700, parents=True, exist_ok=True)
    local.chmod(0o700)  # the file backend writes states that anyone may read
    for name in ("bin", "pulumi-home", "state"):
        (local / name).mkdir(mode=0o700, exist_ok=True)
    _passphrase(local / "passphrase")
    cli = pulumi_cli.locate(local, report)
    _place(cli, local / "bin")
    scripts.write(local / "activate", activation.script(local), mode=0o600)
    stand_in = azure_native_plugin.install(cli, local, report)
    return Engine(local, local / "bin" / "pulumi", cli.version, cli.way, stand_in)


def _passphrase(path: Path) -> None:
    """Makes the passphrase of this checkout's stacks, once: their secrets are lost without it."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(32))


def _place(cli: PulumiCli, bin_folder: Path) -> None:
    """Puts the CLI and its plugins into `bin_folder`, and takes away those of an earlier install.

    The official CLI finds its language host and launchers beside itself, wherever a link to it lies. One
    that was built here gets this project's host, and has to lie in the same folder as a file of its own:
    the CLI warns at each run of a host that it finds elsewhere than beside its own executable.
    """
    pulumi = bin_folder / "pulumi"
    if cli.way is Way.BUILD:
        _share(cli.folder / "pulumi", pulumi)
        scripts.write(bin_folder / LAUNCHER, (cli.folder / LAUNCHER).read_text())
        scripts.write(bin_folder / DYNAMIC, scripts.launcher("engine.dynamic_provider"))
        scripts.write(bin_folder / HOST, scripts.launcher("engine.language_host", bin_folder / LAUNCHER))
        return
    for name in (HOST, LAUNCHER, DYNAMIC):
        (bin_folder / name).unlink(missing_ok=True)
    target = cli.folder / "pulumi"
    if not (pulumi.is_symlink() and pulumi.readlink() == target):
        beside = pulumi.with_name(f".pulumi.{os.getpid()}")
        beside.symlink_to(target)
        beside.replace(pulumi)


def _share(source: Path, place: Path) -> None:
    """Makes `place` the same file as `source`, or a copy where they are on different file systems."""
    if place.exists() and not place.is_symlink():
        there, here = source.stat(), place.stat()
        if os.path.samestat(there, here) or (there.st_size, there.st_mtime_ns) == (
            here.st_size,
            here.st_mtime_ns,
        ):
            return
    beside = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        beside.hardlink_to(source)
    except OSError:
        shutil.copy2(source, beside)
    beside.replace(place)
