"""ImageNet's labels and the best of a set of scores."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from fpga.labels import Label, imagenet_labels, top


def test_a_thousand_labels_in_the_order_of_the_classes() -> None:
    labels = imagenet_labels()
    assert len(labels) == 1000
    assert (labels[0], labels[1]) == ("tench", "goldfish")


def test_the_labels_cost_no_import_of_their_package() -> None:
    code = "import sys, fpga.labels as l; l.imagenet_labels(); print('numpy' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "False"


def test_top_orders_by_score() -> None:
    scores = np.array([[0.1, 0.6, 0.3]], dtype=np.float64)
    assert top(scores, ["a", "b", "c"], 2) == [Label("b", 0.6), Label("c", 0.3)]


def test_scores_of_another_model_are_refused() -> None:
    with pytest.raises(ValueError, match="gave 3 scores, and there are 2 labels"):
        top(np.zeros((1, 3)), ["a", "b"])
