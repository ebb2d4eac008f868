"""docs/compatibility.md: it tells of the clients, steps and versions that there are."""

from __future__ import annotations

import re

import pytest

from tools.compatibility.client import CLIENTS, Client
from tools.compatibility.page import PAGE, page


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_the_page_has_each_step_and_version(client: Client) -> None:
    text = PAGE.read_text("utf-8")
    assert f"| {client.title} | {', '.join(client.versions)} |" in text, "run `make compatibility`"
    section = text.partition(f"## {client.title}\n")[2].partition("\n## ")[0]
    assert tuple(re.findall(r"^\| (.+) \| [^|]+ \|$", section, re.MULTILINE)) == client.steps
    assert client.steps


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_a_lock_file_has_hashes_and_no_address(client: Client) -> None:
    locked = client.lock.with_name("go.sum") if client.is_go else client.lock
    text = locked.read_text("utf-8")
    assert "://" not in text
    if client.is_go:
        assert all(" h1:" in line for line in text.splitlines())
    else:
        assert len(re.findall(r"^\S+==", text, re.MULTILINE)) <= text.count("--hash=sha256:")


def test_what_went_wrong_is_counted_and_told() -> None:
    found = {client.name: dict.fromkeys(client.steps) for client in CLIENTS}
    first = CLIENTS[0]
    found[first.name] = dict.fromkeys(first.steps) | {first.steps[0]: "KeyError: it was not there"}
    total = sum(len(client.steps) for client in CLIENTS)
    written = page(found, CLIENTS)
    assert f"**{total - 1} of {total} steps pass.**" in written
    assert f"| {first.steps[0]} | KeyError: it was not there |" in written
