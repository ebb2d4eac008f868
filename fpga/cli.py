"""The `fpga` command: its sub-commands, and the one place where errors become words."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer

from fpga.caller import settled
from fpga.commands import (
    adopt,
    apply,
    call_info,
    certs,
    clean,
    cloud,
    cloud_join,
    cloud_list,
    cloud_manifests,
    cloud_principal,
    cloud_unit,
    completion,
    doctor,
    down,
    github,
    logs,
    model,
    model_account,
    plan,
    predict,
    stack,
    state,
    touched,
    up,
    watch,
)
from fpga.commands.open import open_page
from fpga.help_page import Commands

# Errors that are meant for a person, as (module, class). A class whose module was not imported cannot have
# been raised, and importing it here would slow every command down.
_FORESEEN: Final = (
    ("fpga.errors", "CommandError"),
    ("clients.prediction.errors", "PredictionError"),
    ("certs.errors", "CertificateError"),
    ("engine.errors", "EngineError"),
    ("clients.azure.errors", "ClientError"),
    ("infra.settings.reader", "SettingsError"),
    ("localcloud.errors", "LocalcloudError"),
    ("localcloud.featurizers.builder", "ModelSourceError"),
)

app = typer.Typer(
    help="A model served over TLS on Azure's 2018 FPGA web service: bring it up, call it, look at it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(up.up)
app.command()(predict.predict)
app.command()(call_info.call_info)
cloud.app.command()(cloud_join.credentials)
cloud.app.command()(cloud_join.join)
cloud.app.command()(cloud_join.leave)
cloud.app.command("list")(cloud_list.list_)
cloud.app.command()(cloud_unit.install)
cloud.app.command()(cloud_unit.uninstall)
cloud.app.command()(cloud_manifests.manifests)
cloud.app.add_typer(cloud_principal.app, name="principal", cls=Commands)
app.add_typer(cloud.app, name="cloud", cls=Commands)
app.add_typer(certs.app, name="certs", cls=Commands)
app.add_typer(stack.app, name="stack", cls=Commands)
app.add_typer(state.app, name="state", cls=Commands)
model.app.command()(model_account.push)
model.app.command("list")(model_account.list_models)
model.app.command()(model_account.delete)
app.add_typer(model.app, name="model", cls=Commands)
app.command()(plan.plan)
app.command()(apply.apply)
app.command()(watch.watch)
app.command()(touched.touched)
app.add_typer(github.app, name="github", cls=Commands)
app.command()(adopt.adopt)
app.command()(doctor.doctor)
app.command()(logs.logs)
app.command("open")(open_page)
app.command()(completion.completion)
app.command()(down.down)
app.command()(clean.clean)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"fpga {version('fpga-web-service')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Options of all commands; typer calls it before them."""


def main() -> None:
    """Runs the command line. Exit codes: 0 done, 1 refused or failed, 2 bad usage, 130 interrupted."""
    caller = settled()
    completion.prepare()
    try:
        app(obj=caller)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if not isinstance(error, (OSError, *_foreseen())):
            raise
        from clients.prediction.labels import printable

        # what a file, a model or a server brought into them is obeyed by no terminal
        words = "\n".join(map(printable, _words(error).split("\n")))
        typer.echo(f"error: {words}", err=True)
        sys.exit(1)


def _foreseen() -> list[type[BaseException]]:
    loaded = [(sys.modules[module], name) for module, name in _FORESEEN if module in sys.modules]
    return [getattr(module, name) for module, name in loaded]


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


if __name__ == "__main__":
    main()
