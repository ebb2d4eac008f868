"""Files of labels as people save them."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from clients.wire.labels import LabelsError, is_control, read_labels
from clients.wire.model_package import ClassLabels, PackageError, read_files, read_package

ONNX = {"type": "onnx", "model_path": "m.onnx", "input_tensor": "x", "output_tensor": "y"}


@pytest.mark.parametrize(
    "content",
    [
        b"cat\ndog\nfox",
        b"cat\ndog\nfox\n",
        b"cat\r\ndog\r\nfox\r\n",
        b"cat\rdog\rfox\r",
        b"\xef\xbb\xbfcat\ndog\nfox\n",
        b"cat\ndog\nfox\n\n \n",
        b" cat \ndog\t\nfox",
    ],
)
def test_one_label_a_line_however_the_lines_end(content: bytes) -> None:
    assert read_labels(content) == ("cat", "dog", "fox")


def test_labels_are_taken_as_they_are_written() -> None:
    lines = [
        "n02112018 Pomeranian",
        "0: cat",
        "crane",
        "crane",
        "café 咖啡 ☕",
        "👩‍🔬",
        "a\tb",
        '"quoted", or not',
    ]
    assert read_labels("\n".join(lines).encode()) == tuple(lines)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty: write one label a line"),
        (b"\xef\xbb\xbf\r\n\n", "is empty: write one label a line"),
        (b"cat\n\nfox", "has no label in line 2: write one label a line"),
        ("cat\ncafé".encode("latin-1"), r"is not UTF-8 \(line 2\): save it as UTF-8"),
        ("cat\ndog".encode("utf-16"), r"is not UTF-8 \(line 1\): save it as UTF-8"),
        (b"cat\n\x1b[2Jdog", r"has the control character U\+001B in line 2: take it out"),
        (b"cat\x00dog", r"has the control character U\+0000 in line 1"),
        ("a\u202eb".encode(), r"has the control character U\+202E in line 1"),
        ("a\u2028b".encode(), r"has the control character U\+2028 in line 1"),
        ("a\x85b".encode(), r"has the control character U\+0085 in line 1"),
        (b"a" * 1001, "has 1001 characters in line 1; at most 1000 are taken"),
        (b"a\n" * (2 * 1024 * 1024 + 1), "has 4194306 bytes; at most 4194304 are taken"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_line(content: bytes, message: str) -> None:
    with pytest.raises(LabelsError, match=message):
        read_labels(content)


def test_what_a_terminal_obeys_is_a_control_character_and_a_tab_is_none() -> None:
    assert [c for c in "a\tb é\u200d\x07\x7f\x9b\u2066" if is_control(c)] == [
        "\x07",
        "\x7f",
        "\x9b",
        "\u2066",
    ]


def _files(labels: object, **files: bytes) -> dict[str, bytes]:
    definition = {"aml_runtime_version": "1.1", "pipeline": [ONNX], "labels": labels}
    return {"service_def.json": json.dumps(definition).encode(), "m.onnx": b"model", **files}


def test_the_definition_names_the_file() -> None:
    files = _files("names.txt", **{"names.txt": b"cat\ndog\n"})
    assert read_files(files).labels == ClassLabels("names.txt", ("cat", "dog"))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    assert read_package(packed.getvalue()) == read_files(files)


def test_labels_that_are_not_named_are_none() -> None:
    assert read_files(_files(None, **{"labels.txt": b"cat\n"})).labels is None


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("labels.txt", r"labels 'labels.txt' is not in the package; it has m.onnx, service_def.json"),
        ("../labels.txt", r"labels '../labels.txt' is not in the package"),
        ("", r'labels is ""; it must be the name of a file, e.g. "labels.txt"'),
        (["cat", "dog"], r'labels is \["cat", "dog"\]; it must be the name of a file'),
        (3, r"labels is 3; it must be the name of a file"),
    ],
)
def test_a_name_of_labels_that_is_wrong_is_refused(labels: object, message: str) -> None:
    with pytest.raises(PackageError, match=message):
        read_files(_files(labels))


def test_labels_that_cannot_be_used_are_refused_by_their_file() -> None:
    with pytest.raises(PackageError, match=r"^labels\.txt has no label in line 1: .*\.$"):
        read_files(_files("labels.txt", **{"labels.txt": b"\ncat"}))
    with pytest.raises(PackageError, match=r"^labels\.txt has 4194305 bytes; of labels at most 4194304"):
        read_files(_files("labels.txt", **{"labels.txt": b"a" * (4 * 1024 * 1024 + 1)}))
