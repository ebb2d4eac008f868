"""Ones in a shape are no difference between what a stage gives and what the next one takes."""

from __future__ import annotations

import numpy as np
import pytest

from clients.wire.model_package import ClassLabels, PackageError
from clients.wire.stages import arranged, check_scores

N = None


@pytest.mark.parametrize(
    "taken",
    [
        (N, 1, 1, 1280),
        (N, 1280),
        (N, 1280, 1, 1),
        (N, 1, 1280),
        (1, 1280),
        (N, N),
        (N, N, N, N),
        (N, 1280, N, N),
        (N, N, 1280),
        (),
    ],
)
def test_features_are_arranged_as_the_next_stage_takes_them(taken: tuple[int | None, ...]) -> None:
    features = np.arange(1280, dtype=np.float32).reshape(1, 1, 1, 1280)
    found = arranged(features, taken)
    assert found is not None
    assert found.reshape(-1).tolist() == list(range(1280))
    assert not taken or found.ndim == len(taken)
    assert all(size in (N, given) for size, given in zip(taken, found.shape, strict=False))


@pytest.mark.parametrize(
    "taken",
    [(N, 2048), (N, 2048, 1, 1), (1280,), (N,), (32, 1280), (N, 128, 10), (N, 1280, 3), (N, N, N), (N, 1, 1)],
)
def test_what_would_be_a_guess_or_another_size_does_not_fit(taken: tuple[int | None, ...]) -> None:
    assert arranged(np.zeros((1, 1, 1, 1280), dtype=np.float32), taken) is None


def test_sizes_keep_their_order() -> None:
    grid = np.arange(6, dtype=np.float32).reshape(1, 2, 3, 1)
    found = arranged(grid, (N, 1, 2, 3))
    assert found is not None
    assert found[0, 0].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert arranged(grid, (N, 3, 2)) is None


@pytest.mark.parametrize("shape", [(1, 3), (1, 1, 1, 3), (1, 3, 1, 1)])
def test_scores_are_of_as_many_classes_as_have_labels(shape: tuple[int, ...]) -> None:
    scores = np.zeros(shape, dtype=np.float32)
    check_scores("m", scores, ClassLabels("l.txt", ("a", "b", "c")))
    with pytest.raises(
        PackageError, match=r"l\.txt has 4 labels, but m gives 3 scores: write one label a line"
    ):
        check_scores("m", scores, ClassLabels("l.txt", ("a", "b", "c", "d")))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((), r"shape \[\] for one image; the first size must be the number of images"),
        ((3,), r"shape \[3\] for one image; the first size must be"),
        ((2, 3), r"shape \[2, 3\] for one image; the first size must be"),
        ((1, 0), r"m gives no numbers: an output of shape \[1, 0\] for one image"),
    ],
)
def test_what_is_no_output_of_one_image_is_refused(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(PackageError, match=message):
        check_scores("m", np.zeros(shape, dtype=np.float32), None)
    check_scores("m", np.zeros(1, dtype=np.float32), None)  # a number for each image
