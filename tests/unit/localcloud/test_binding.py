"""Why a port cannot be bound, in words."""

from __future__ import annotations

import errno
import os
import sys

import pytest

from localcloud import binding


@pytest.mark.parametrize(
    ("number", "port", "reason"),
    [
        (errno.EADDRINUSE, 53, "is taken by another process: stop that"),
        (errno.EACCES, 1023, "needs the right to bind ports under 1024: "),
        (errno.EPERM, 53, "needs the right to bind ports under 1024: "),
        (errno.EACCES, 1024, "may not be bound by this user (Permission denied): "),
        (errno.EADDRNOTAVAIL, 53, "cannot be bound, for this machine has no address 127.0.0.2: "),
        (errno.ENOBUFS, 53, f"cannot be bound ({os.strerror(errno.ENOBUFS)}): "),
    ],
)
def test_each_error_has_words_of_its_own(number: int, port: int, reason: str) -> None:
    error = OSError(number, os.strerror(number))
    assert binding.reason(error, "127.0.0.2", port).startswith(reason)
    assert binding.is_taken(error) == (number == errno.EADDRINUSE)


@pytest.mark.parametrize(
    ("platform", "remedy"), [("linux", "port_start=53`, gives it"), ("darwin", "as a user who has it")]
)
def test_the_remedy_is_the_system_s(platform: str, remedy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert binding.reason(PermissionError(errno.EACCES, "no"), "127.0.0.1", 53).endswith(remedy)


def test_errors_that_another_program_names_are_known() -> None:
    for name in ("EADDRINUSE", "EADDRNOTAVAIL", "EACCES", "EPERM"):
        found = binding.error_of(f"listen {name}: words 127.0.0.1:53")
        assert found is not None
        assert found.errno == getattr(errno, name)
    assert binding.error_of("exit code 1") is None
