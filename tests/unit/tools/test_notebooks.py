"""What a run leaves in a notebook, taken out."""

from __future__ import annotations

import json

import pytest

from tools import notebooks


def test_outputs_counts_and_editors_notes_are_taken_out_and_nothing_else() -> None:
    kept = {"cell_type": "markdown", "id": "a", "metadata": {}, "source": ["# Ünï"]}
    code = {"cell_type": "code", "id": "b", "source": ["print(1)"]}
    ran = {
        **code,
        "execution_count": 7,
        "metadata": {"tags": ["x"], "execution": {"iopub.status.busy": "2026"}},
        "outputs": [{"name": "stdout", "output_type": "stream", "text": ["a secret"]}],
    }
    text = json.dumps(
        {
            "cells": [kept, ran],
            "metadata": {"kernelspec": {"name": "fpga"}, "language_info": {"version": "3.11.7"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )
    found = notebooks.stripped(text)
    assert "secret" not in found
    assert json.loads(found)["cells"] == [
        kept,
        {**code, "execution_count": None, "metadata": {}, "outputs": []},
    ]
    assert "3.11.7" not in found
    assert notebooks.stripped(found) == found


@pytest.mark.parametrize("text", ["[]", '{"nbformat": 3, "cells": []}', "nothing"])
def test_what_is_no_notebook_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no notebook of format 4|Expecting value"):
        notebooks.stripped(text)


def test_those_of_the_checkout_have_nothing_of_a_run_in_them() -> None:
    assert notebooks.main(["--check"]) == 0
