"""The azure-native plugin in a checkout's PULUMI_HOME: the official one, else the stand-in."""

from __future__ import annotations

import os
import shutil
from importlib.metadata import version
from pathlib import Path

from engine import activation, scripts
from engine.errors import EngineError
from engine.process import run
from engine.pulumi_cli import PulumiCli, Way
from engine.report import Report

NAME = "azure-native"
EXECUTABLE = f"pulumi-resource-{NAME}"
DOWNLOADS = "https://get.pulumi.com/releases/plugins"


def stand_in() -> str:
    """The text of the stand-in's executable."""
    return scripts.launcher("engine.azure_native")


def install(cli: PulumiCli, local: Path, report: Report) -> bool:
    """Sees to it that `local/pulumi-home` has the plugin; True if it is the stand-in.

    With a CLI that was built here the hosts of Pulumi are out of reach, and the stand-in is installed at
    once. With a person's own or the official CLI, the plugin that the person has or that the CLI can fetch
    goes before.
    """
    release = version("pulumi-azure-native")
    plugins = local / "pulumi-home" / "plugins"
    installed = plugins / f"resource-{NAME}-v{release}"
    executable = installed / EXECUTABLE
    if executable.exists() and not Path(f"{installed}.partial").exists():
        if not scripts.is_ours(executable):
            return False
        if cli.way is Way.BUILD and executable.read_text() == stand_in():
            return True
    if cli.way is not Way.BUILD:
        if _adopt(installed):
            report.note(f"azure-native {release}: yours, from your Pulumi home.")
            return False
        if _fetch(cli, local, release, report):
            report.note(f"azure-native {release}: the official plugin.")
            return False
    _install_stand_in(cli, local, release, report)
    return True


def _adopt(installed: Path) -> bool:
    """Takes over the plugin of the person's own Pulumi home, hard-linked where possible: it is large."""
    home = Path(os.environ.get("PULUMI_HOME", "~/.pulumi")).expanduser().absolute()
    theirs = home / "plugins" / installed.name
    if theirs == installed or not (theirs / EXECUTABLE).exists() or scripts.is_ours(theirs / EXECUTABLE):
        return False

    def link(source: str, target: str) -> None:
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)

    shutil.rmtree(installed, ignore_errors=True)
    installed.parent.mkdir(parents=True, exist_ok=True)
    copying = installed.with_name(f".{installed.name}")
    shutil.rmtree(copying, ignore_errors=True)
    shutil.copytree(theirs, copying, copy_function=link)
    copying.rename(installed)
    return True


def _fetch(cli: PulumiCli, local: Path, release: str, report: Report) -> bool:
    """Lets the CLI fetch the official plugin, if Pulumi's host answers at all (the CLI would try long)."""
    import requests

    from engine.release import CONNECT_TIMEOUT_S, READ_TIMEOUT_S
    from surroundings.https import session as https_session

    try:
        with https_session() as session:
            session.head(DOWNLOADS, timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S))
        with report.stage(f"Fetching the azure-native plugin {release}"):
            _plugin_install(cli, local, [release], report)
    except (requests.RequestException, EngineError) as error:
        report.note(
            f"No official azure-native plugin ({type(error).__name__}); the stand-in takes its place."
        )
        return False
    return True


def _install_stand_in(cli: PulumiCli, local: Path, release: str, report: Report) -> None:
    folder = local / "plugins" / NAME
    folder.mkdir(parents=True, exist_ok=True)
    scripts.write(folder / EXECUTABLE, stand_in())
    _plugin_install(cli, local, [release, "--file", str(folder), "--reinstall"], report)
    report.note(f"azure-native {release}: the stand-in of this project.")


def _plugin_install(cli: PulumiCli, local: Path, arguments: list[str], report: Report) -> None:
    run(
        [cli.folder / "pulumi", "plugin", "install", "resource", NAME, *arguments],
        what="Installing the azure-native plugin",
        env=activation.environment(local),
        cwd=local,
        on_line=report.progress,
    )
