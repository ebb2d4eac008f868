"""`fpga model build`."""

from __future__ import annotations

import typer

from fpga.project import Project

app = typer.Typer(help="The default model package, which the stacks deploy.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """A group of one command: without this, typer would take it for the command itself."""


@app.command()
def build() -> None:
    """Make the default model package, where it is missing, and have .local/model-package lead to it."""
    from engine.report import ConsoleReport
    from fpga.cloud import local_cloud, model_link

    project = Project.here()
    report = ConsoleReport()
    with report.stage("model"):
        _, package = local_cloud.build_model(report)
    typer.echo(f"{project.path(model_link.link(project, package))} -> {package}")
