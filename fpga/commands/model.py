"""`fpga model build|new|convert|check`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fpga.errors import CommandError
from fpga.models.preparation import RANGES, Layout, Order
from fpga.project import Project

if TYPE_CHECKING:
    from fpga.models.new_package import NewPackage, Wanted
    from fpga.models.onnx_file import OnnxFile
    from localcloud.scoring.trial_process import Measured

app = typer.Typer(
    help="Model packages of your own ONNX models, the default one, and the models of a stack's account.",
    no_args_is_help=True,
)

Package = Annotated[Path, typer.Argument(metavar="DIR", help="Package: a folder, or a zip.")]


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


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make.")],
    onnx: Annotated[Path, typer.Option(metavar="FILE", help="Model, from photos or features to scores.")],
    labels: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Names of its classes, UTF-8, one a line, in their order."),
    ] = None,
    featurizer: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="ONNX model of your own whose features it takes, as a ResNet-50."),
    ] = None,
    pixels: Annotated[
        str | None,
        typer.Option(
            metavar="RANGE",
            help=f"Numbers that it takes for a pixel: {', '.join(RANGES)}.",
            show_default="asked for where it takes photos",
        ),
    ] = None,
    mean: Annotated[
        str | None,
        typer.Option(metavar="NUMBERS", help="In place of --pixels: what is taken off pixels of 0 to 1."),
    ] = None,
    std: Annotated[
        str | None,
        typer.Option(metavar="NUMBERS", help="What they are then divided by, such as 0.2,0.2,0.2."),
    ] = None,
    layout: Annotated[
        Layout | None, typer.Option(help="Order of its input's sizes.", show_default="by its shape")
    ] = None,
    order: Annotated[
        Order | None, typer.Option(help="Order of a pixel's channels.", show_default="by its shape, or rgb")
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="HEIGHTxWIDTH", help="Size of its photos, in pixels.", show_default="by its shape"
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Output that has the scores.", show_default="the only one that can be"
        ),
    ] = None,
    featurizer_output: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Output of the featurizer that has the features.",
            show_default="the only one that can be",
        ),
    ] = None,
    softmax: Annotated[
        bool, typer.Option("--softmax", help="Make probabilities of its scores (logits).")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a package that is there.")] = False,
) -> None:
    """Make a package of your own ONNX model.

    Names and shapes of its tensors are read from the file. Between a photo and what the model takes comes
    what is needed: the built-in featurizer, or a stage that brings pixels into their order and range. The
    package is tried before it is written.
    """
    from fpga.models import folder as on_disk
    from fpga.models import onnx_file

    model = onnx_file.read(onnx, output)
    if featurizer is None and featurizer_output is not None:
        raise CommandError("--featurizer-output goes with --featurizer.")
    before = None if featurizer is None else onnx_file.read(featurizer, featurizer_output)
    wanted = _wanted(pixels, mean, std, layout, order, size)
    made = _made(model, wanted, before, labels, softmax=softmax)
    is_new = on_disk.require(folder, made.files, force=force)
    _try(folder, made.files)
    if is_new:
        on_disk.write(folder, made.files)
    typer.echo(f"{folder}{'' if is_new else ' is there already'}:")
    for number, line in enumerate(made.stages):
        typer.echo(f"  pipeline[{number}] {line}")
    if made.labels:
        typer.echo(f"  labels.txt: {len(made.labels)} classes, {_some(made.labels)}")
    else:
        typer.echo("  no labels: callers see class numbers (--labels FILE gives them names)")
    typer.echo(f"Next: `fpga model check {folder} PHOTO`")


@app.command()
def convert(
    package: Annotated[Path, typer.Argument(metavar="PACKAGE", help="Package of 2018: a folder, or a zip.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make.")],
    memory: Annotated[
        int | None,
        typer.Option(
            "--memory-limit",
            metavar="MIB",
            help="Memory that converting a stage may take, beside TensorFlow itself.",
            min=1,
            show_default="half of what is free, at most 4096",
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="Time that converting a stage may take.", min=1)
    ] = 600.0,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a package that is there.")] = False,
) -> None:
    """Make ONNX stages of a package's tensorflow and keras stages, where TensorFlow is installed.

    It may run what such a stage holds: convert what you trust.
    """
    from fpga.console import told_when_long
    from fpga.models import conversion, trial
    from fpga.models import folder as on_disk
    from localcloud.scoring.trial_process import memory_limit

    limits = conversion.Limits(memory_limit() if memory is None else memory << 20, timeout)
    with told_when_long("convert", f"TensorFlow converts {package}"):
        made = conversion.converted(trial.files_of(package), limits)
    if not made.stages:
        raise CommandError(f"{package} has no stage of type tensorflow or keras: it needs no conversion.")
    is_new = on_disk.require(folder, made.files, force=force)
    _try(folder, made.files)
    if is_new:
        on_disk.write(folder, made.files)
    typer.echo(f"{folder}{'' if is_new else ' is there already'}:")
    for line in made.stages:
        typer.echo(f"  {line}")
    typer.echo(f"Next: `fpga model check {folder} PHOTO`")


@app.command()
def check(
    package: Package,
    photo: Annotated[
        Path | None,
        typer.Argument(metavar="PHOTO", help="Image file to score.", show_default="samples/espresso.jpg"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Score a photo with a package, on this machine, as localcloud does: five best labels, times, memory.

    It runs in a process of its own, with the limits that localcloud sets one.
    """
    from clients.prediction.labels import lines, read_scores
    from fpga.console import told_when_long
    from fpga.models import trial

    found = trial.read(package)
    photo = photo or Project.here().sample
    if not photo.is_file():
        raise CommandError(f"{photo}: there is no such image file.")
    featurizers = _featurizers()
    with told_when_long("check", f"{package} is loaded, and scores {photo}"):
        measured = trial.run(found, featurizers, photo)
    assert measured is not None  # noqa: S101 - a photo was given
    import numpy as np

    names = found.definition.labels.names if found.definition.labels else ()
    scores = read_scores(np.asarray(measured.scores, dtype=np.float32).reshape(measured.shape), names)
    for warning in found.warnings():
        typer.echo(f"warning: {warning}", err=True)
    if as_json:
        told = [{"label": one.name, "class": one.number, "score": one.score} for one in scores.labels]
        values = {"values": scores.values} if scores.values else {}
        told_all = {"photo": str(photo), "labels": told, **values, **_figures(measured)}
        typer.echo(json.dumps(told_all, indent=2))
        return
    for line in lines(scores):
        typer.echo(line)
    typer.echo(_summary(measured))


def _made(
    model: OnnxFile, wanted: Wanted, featurizer: OnnxFile | None, labels: Path | None, *, softmax: bool
) -> NewPackage:
    """The package; who sits at a terminal is asked for what the file does not tell."""
    from dataclasses import replace

    import click

    from fpga.models.new_package import PixelsUnsaid, made

    try:
        return made(model, wanted, featurizer, labels, softmax=softmax)
    except PixelsUnsaid as error:
        if not sys.stdin.isatty():
            raise
        typer.echo(str(error), err=True)
    chosen = typer.prompt("--pixels", type=click.Choice(list(RANGES)), err=True)
    return made(model, replace(wanted, pixels=chosen), featurizer, labels, softmax=softmax)


def _wanted(
    pixels: str | None,
    mean: str | None,
    std: str | None,
    layout: Layout | None,
    order: Order | None,
    size: str | None,
) -> Wanted:
    from fpga.models.new_package import Wanted

    return Wanted(pixels, layout, order, _size(size), _numbers("--mean", mean), _numbers("--std", std))


def _size(written: str | None) -> tuple[int, int] | None:
    if written is None:
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,4})[xX]([1-9][0-9]{0,4})", written)
    if not found:
        raise CommandError(f"--size {written} is no size: give HEIGHTxWIDTH in pixels, such as 224x224.")
    return int(found[1]), int(found[2])


def _numbers(option: str, written: str | None) -> tuple[float, ...] | None:
    if written is None:
        return None
    try:
        numbers = tuple(float(one) for one in written.split(","))
    except ValueError:
        numbers = ()
    if not numbers or any(abs(one) > 1e6 or one != one for one in numbers):
        raise CommandError(
            f"{option} {written} are no numbers: give one for each channel, such as 0.5,0.5,0.5."
        )
    if option == "--std" and any(one <= 0 for one in numbers):
        raise CommandError(f"{option} {written}: pixels are divided by them; give numbers above 0.")
    return numbers


def _try(folder: Path, files: Mapping[str, bytes]) -> None:
    """Tries the package that is to be in a folder, before it is written."""
    from fpga.console import told_when_long
    from fpga.models import trial

    package, featurizers = trial.of_files(folder, files), _featurizers()
    with told_when_long("trial", f"{folder} is tried, as localcloud tries it"):
        trial.run(package, featurizers)


def _featurizers() -> Path:
    """The folder of the built-in featurizers, made where it is missing."""
    from engine.report import ConsoleReport
    from fpga.cloud import local_cloud

    report = ConsoleReport()
    with report.wait("featurizers"):
        return local_cloud.build_model(report)[0]


def _some(labels: Sequence[str]) -> str:
    from clients.prediction.labels import printable

    shown = ", ".join(printable(one) for one in labels[:5])
    return f"{shown}, …" if len(labels) > 5 else shown


def _figures(measured: Measured) -> dict[str, object]:
    return {
        "height": measured.height,
        "width": measured.width,
        "shape": list(measured.shape),
        "load_ms": round(1000 * measured.load_s, 1),
        "decode_ms": round(1000 * measured.decode_s, 1),
        "score_ms": round(1000 * measured.score_s, 1),
        "memory_bytes": measured.memory,
    }


def _summary(measured: Measured) -> str:
    memory = f"; {measured.memory / (1 << 20):.0f} MiB of memory" if measured.memory is not None else ""
    return (
        f"{measured.height} x {measured.width} pixels: {1000 * measured.load_s:.0f} ms to load and try, "
        f"{1000 * measured.decode_s:.0f} ms to decode the photo, {1000 * measured.score_s:.0f} ms to score "
        f"it{memory}"
    )
