"""The evidence of how a process ended."""

from __future__ import annotations

import pytest

from localcloud.modelmanagement import endings

HERE, OTHER = 0x7F0000000001, 0x7F0000000002
REPORT = """\
Fatal Python error: Segmentation fault

Thread 0x00007f0000000002 (most recent call first):
  File "loading.py", line 1 in load

Current thread 0x00007f0000000001 (most recent call first):
  File "main.py", line 1 in main
"""


def test_a_crash_is_of_the_thread_that_it_happened_in() -> None:
    assert endings.names_thread(REPORT, HERE)
    assert not endings.names_thread(REPORT, OTHER)


def test_a_crash_in_a_thread_of_native_code_is_anybody_s() -> None:
    assert endings.names_thread(REPORT.replace("Current thread", "Thread"), OTHER)


def test_no_report_names_nobody() -> None:
    assert not endings.names_thread("", HERE)


@pytest.mark.parametrize(
    ("before", "now", "blamed"),
    [(3, 3, False), (3, 4, True), (3, 0, False), (None, 3, True), (3, None, True)],
    ids=["none since", "one since", "the machine has started anew", "not told then", "not told now"],
)
def test_memory_is_to_blame_where_the_system_killed_since_or_does_not_tell(
    monkeypatch: pytest.MonkeyPatch, before: int | None, now: int | None, blamed: bool
) -> None:
    monkeypatch.setattr(endings, "memory_kills", lambda: now)
    assert endings.killed_for_memory(before) == blamed
