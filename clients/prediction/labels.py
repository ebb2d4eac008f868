"""A model's scores of one image in words: its best classes by their labels, else what the numbers are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clients.wire.labels import is_control

if TYPE_CHECKING:
    import numpy.typing as npt

# How far the sum of float32 probabilities may be from 1.
_SUM_TOLERANCE = 1e-2
_VALUES_SHOWN = 8


@dataclass(frozen=True)
class Label:
    """One class with its score.

    Attributes:
        name: the package's label; `class N` where there is none.
        number: of the class, from 0.
    """

    name: str
    score: float
    number: int


@dataclass(frozen=True)
class Scores:
    """A model's scores for one image.

    Attributes:
        labels: the best classes, best first; empty where the numbers are none of classes.
        probabilities: whether the scores of all classes are such.
        shape: of the output, the number of images first.
        values: all numbers, where they are none of classes.
        note: why labels that there are were not used; empty: they were, or there are none.
    """

    labels: list[Label]
    probabilities: bool
    shape: list[int]
    values: list[float]
    note: str = ""


def read_scores(scores: npt.NDArray[Any], names: Sequence[str], count: int = 5) -> Scores:
    """The highest scores of one image, highest first.

    Args:
        scores: the output: [1, classes], or of another shape.
        names: label of each class; empty: there are none.
        count: how many at most.
    """
    shape = [int(size) for size in scores.shape]
    sizes = [size for size in shape[1:] if size != 1]
    values = scores.reshape(-1)
    note = ""
    if names and len(names) != len(values):
        note = f"The model has {len(names)} labels and gives {len(values)} numbers: they are left out."
        names = ()
    if len(sizes) > 1 or (len(values) < 2 and not names):
        return Scores([], False, shape, [float(value) for value in values], note)
    best = (-values).argsort(kind="stable")[:count]
    labels = [
        Label(names[number] if names else f"class {number}", float(values[number]), int(number))
        for number in best
    ]
    return Scores(labels, _are_probabilities(values), shape, [], note)


def _are_probabilities(values: npt.NDArray[Any]) -> bool:
    return bool(
        len(values) > 1
        and values.min() >= 0
        and values.max() <= 1 + _SUM_TOLERANCE
        and abs(float(values.sum(dtype="float64")) - 1) <= _SUM_TOLERANCE
    )


def lines(scores: Scores) -> list[str]:
    """The scores as lines for a terminal: probabilities in percent, others as they are."""
    if not scores.labels:
        return [*_noted(scores), f"  {_numbers(scores)}"]
    names = [printable(label.name) for label in scores.labels]
    width = max(map(len, names))
    told = [
        f"{label.score:7.2%}" if scores.probabilities else f"{label.score:10.4g}" for label in scores.labels
    ]
    best = zip(names, told, strict=True)
    return [
        *_noted(scores),
        *(f"  {place}. {name:<{width}}  {score}" for place, (name, score) in enumerate(best, 1)),
    ]


def _numbers(scores: Scores) -> str:
    if len(scores.values) == 1:
        return f"value {scores.values[0]:.6g}"
    some = ", ".join(f"{value:.6g}" for value in scores.values[:_VALUES_SHOWN])
    more = ", …" if len(scores.values) > _VALUES_SHOWN else ""
    return f"a tensor of shape {scores.shape}, no scores of classes: {some}{more}"


def _noted(scores: Scores) -> list[str]:
    return [scores.note] if scores.note else []


def printable(text: str) -> str:
    """The text without what a terminal obeys: a service may be anybody's."""
    return "".join("\ufffd" if is_control(character) else character for character in text).replace("\t", " ")
