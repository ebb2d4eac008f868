"""What contributors' tools are told agrees with the Makefile and the project file."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import yaml

from tests.support.documents.markdown import CHECKOUT
from tools import pythons

MAKEFILE = (CHECKOUT / "Makefile").read_text()


def hooks() -> list[dict[str, Any]]:
    configuration = yaml.safe_load((CHECKOUT / ".pre-commit-config.yaml").read_text())
    assert [repository["repo"] for repository in configuration["repos"]] == ["local"]
    return [hook for repository in configuration["repos"] for hook in repository["hooks"]]


def test_the_hooks_are_the_checks_of_make_lint() -> None:
    (checks,) = re.findall(r"^lint: (.*) ##", MAKEFILE, re.MULTILINE)
    assert [hook["id"] for hook in hooks()] == checks.split()
    for hook in hooks():
        assert hook["entry"] == f"make --silent {hook['id']}"
        assert hook["language"] == "system"


def test_each_hook_looks_at_files_that_there_are() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=CHECKOUT, check=True, capture_output=True, encoding="utf-8"
    ).stdout.splitlines()
    for hook in hooks():
        pattern = hook.get("files") or r"\.py$"
        assert any(re.search(pattern, name) for name in listed), hook["id"]


def test_the_devcontainer_is_of_a_supported_python_and_runs_a_target() -> None:
    told = json.loads((CHECKOUT / ".devcontainer/devcontainer.json").read_text())
    version = re.fullmatch(r"python:3\.(\d+)-\w+", told["image"])
    assert version is not None
    assert int(version[1]) in pythons.supported()
    program, target = told["postCreateCommand"].split()
    assert program == "make"
    assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)


def test_help_names_every_target() -> None:
    named = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE))
    phony = {name for line in re.findall(r"^\.PHONY: (.*)", MAKEFILE, re.MULTILINE) for name in line.split()}
    assert named == phony == set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
