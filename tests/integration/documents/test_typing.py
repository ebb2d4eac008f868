"""What types the documents finds what fails in them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.documents.session import DocumentError, play

PAGE = """\
# A page

<!-- sh
place=made-before
-->

<!-- not here
rm # nobody wants that
-->

```sh
test -t 0
test -t 1
echo "$place" > note
rm -r .
```

<!-- answers
Really? => of course
-->

```sh
printf 'Really? '
read -r answer
echo "answer: $answer"
```

```console
# example: nothing
false
```

```sh
cat note
```
"""


def written(folder: Path, text: str) -> Path:
    page = folder / "page.md"
    page.write_text(text)
    return page


def test_blocks_are_typed_in_one_shell_on_a_terminal(tmp_path: Path) -> None:
    printed = play(written(tmp_path, PAGE), tmp_path, os.environ)
    assert "answer: of course\n" in printed
    assert printed.splitlines()[-2:] == ["made-before", "@@ end"]


@pytest.mark.parametrize(
    "failing", ["false", "cat there-is-none", "exit 3", "(exit 3)", "for one in 1 2; do false; done"]
)
def test_a_command_that_fails_is_told_with_its_place(failing: str, tmp_path: Path) -> None:
    page = written(tmp_path, PAGE.replace("cat note", f"echo before\n{failing}\necho after"))
    with pytest.raises(DocumentError, match=r"exit code \d at \S*page\.md:34\.\nbefore\n") as refused:
        play(page, tmp_path, os.environ)
    assert "after" not in str(refused.value)


def test_a_page_that_ends_its_shell_is_not_typed_to_its_end(tmp_path: Path) -> None:
    page = written(tmp_path, PAGE.replace("cat note", "exit 0"))
    with pytest.raises(DocumentError, match="exit code 0 at"):
        play(page, tmp_path, os.environ)


def test_a_command_to_be_left_out_is_there(tmp_path: Path) -> None:
    page = written(tmp_path, PAGE.replace("rm -r .", "ls"))
    with pytest.raises(AssertionError, match="no line of the next block begins with 'rm'"):
        play(page, tmp_path, os.environ)
