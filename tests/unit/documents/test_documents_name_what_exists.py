"""Every block of the documents is marked, and what they name is there: files, targets, commands, settings."""

from __future__ import annotations

import json
import pkgutil
import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from fpga.cli import app
from infra import settings
from localcloud.configuration import reading
from policy.rules import RESOURCE_RULES, STACK_RULES
from tests.support.documents.markdown import CHECKOUT, FILES, README, Block, anchors, blocks, inline

KINDS = ("sh", "console", "text", "json", "yaml")
NAMES = [str(file.relative_to(CHECKOUT)) for file in FILES]
TARGETS = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
SETTINGS = {setting.key for setting in settings.known()}
ROOM = re.compile(r"^(\.github|\.ci|[a-z]+)/[\w./-]+$")

ROOMS = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
DOTTED = re.compile(rf"(?<![\w./-])(?:{'|'.join(ROOMS)}|tests)(?:\.[A-Za-z_]\w*)+(?![\w/-]|\.\w)")


def of(name: str) -> Path:
    return CHECKOUT / name


def shell(file: Path) -> list[Block]:
    return [block for block in blocks(file) if block.kind in ("sh", "console", "hidden")]


def commands(file: Path, program: str) -> list[str]:
    """Each command line of this program, in the blocks and in the text."""
    lines = [line for block in shell(file) for line in block.text.replace("\\\n", " ").splitlines()]
    lines += [text for kind, text in inline(file) if kind == "code"]
    found = []
    for line in lines:
        line = line.strip().removeprefix("$ ")
        if line == program or line.startswith(f"{program} "):
            found.append(line)
    return found


def complaint(line: str) -> str | None:
    """Why this is no command line of ours; None: it is one, or the beginning of one."""
    command: Any = typer.main.get_command(app)
    words = shlex.split(line.replace("…", ""), comments=True)[1:]
    known = {"-h", "--help"}
    for word in words:
        if re.match(r"[|&;<>]", word):
            break
        if word.startswith("-"):
            known |= {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
            if word.split("=")[0] not in known:
                return f"{word} is no option"
        elif hasattr(command, "commands"):
            if "|" in word:
                return None if set(word.split("|")) <= set(command.commands) else f"{word} are no commands"
            if word not in command.commands:
                return f"there is no command {word}"
            command = command.commands[word]
    return None


@pytest.mark.parametrize("name", NAMES)
def test_every_block_is_marked(name: str) -> None:
    for block in blocks(of(name)):
        where = f"{name}:{block.line}"
        assert block.kind in (*KINDS, "hidden", "answers"), f"{where}: what is it? one of {KINDS}"
        if block.kind == "console":
            assert block.text.startswith("# example: "), f"{where}: the first line says for what it is one"
            commands = [line for line in block.text.splitlines() if line and not line.startswith("#")]
            assert commands, where
        if block.kind in ("sh", "hidden"):
            assert "&&" not in block.text, f"{where}: a failure on the left of it goes unnoticed"
        if block.kind == "json":
            json.loads(block.text)
        if block.kind == "yaml":
            yaml.safe_load(block.text)


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    for kind, address in inline(of(name)):
        if kind == "link" and not address.startswith("https://"):
            path, _, anchor = address.partition("#")
            target = of(name).parent / path if path else of(name)
            assert target.exists(), address
            assert not anchor or anchor in anchors(target), address


@pytest.mark.parametrize("name", NAMES)
def test_files_that_are_named_are_there(name: str) -> None:
    made = (CHECKOUT / ".gitignore").read_text().splitlines()  # by a command, where they are wanted
    for kind, text in inline(of(name)):
        path = text.replace("STACK", "prod")
        if kind == "code" and ROOM.match(path) and (CHECKOUT / path.split("/")[0]).is_dir():
            assert path in made or (CHECKOUT / path).exists(), text


def test_the_readme_lists_every_folder() -> None:
    (layout,) = [block.text for block in blocks(README) if block.text.startswith("infra/")]
    listed = subprocess.run(
        ["git", "ls-files"], cwd=CHECKOUT, check=True, capture_output=True, encoding="utf-8"
    ).stdout.splitlines()
    folders = {name.split("/")[0] for name in listed if "/" in name and not name.startswith(".")}
    assert sorted(re.findall(r"^(\w+)/ ", layout, re.MULTILINE)) == sorted(folders)


@pytest.mark.parametrize("name", NAMES)
def test_modules_that_are_named_are_there(name: str) -> None:
    for kind, text in inline(of(name)):
        if kind == "code":
            for dotted in DOTTED.findall(text):
                assert is_there(dotted), dotted


def is_there(dotted: str) -> bool:
    """Whether a dotted path leads to a module, or to something in one."""
    try:
        pkgutil.resolve_name(dotted)
    except (ImportError, AttributeError):
        return False
    return True


@pytest.mark.parametrize("dotted", ["certs.judge", "certs.checks.judged", "certs.checks.judge.it"])
def test_a_module_that_is_none_is_found(dotted: str) -> None:
    assert not is_there(dotted)


@pytest.mark.parametrize("name", NAMES)
def test_targets_and_commands_exist_with_their_options(name: str) -> None:
    for line in commands(of(name), "make"):
        words = [word for word in shlex.split(line, comments=True)[1:] if "=" not in word]
        assert set(words) <= TARGETS, line
    wrong = [f"{line}: {why}" for line in commands(of(name), "fpga") if (why := complaint(line))]
    assert wrong == []


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_the_programs(name: str) -> None:
    named = set(re.findall(r"fpga-web-service:([a-z]\w+)", of(name).read_text()))
    assert named <= SETTINGS


@pytest.mark.parametrize("name", NAMES)
def test_files_of_settings_can_be_read(name: str, tmp_path: Path) -> None:
    """Each YAML block that is a file of a localcloud's settings, by its first line."""
    for block in blocks(of(name)):
        if block.kind == "yaml" and re.match(r"# (\S*/)?cloud\.yaml\n", block.text):
            file = tmp_path / "cloud.yaml"
            file.write_text(block.text)
            assert reading.read({}, file).values, f"{name}:{block.line}"


def test_the_page_on_policy_has_a_row_for_each_rule() -> None:
    rows = re.findall(r"^\| `([a-z0-9-]+)` \|", of("docs/policy.md").read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(
        [rule.name for rule in RESOURCE_RULES] + [rule.name for rule in STACK_RULES]
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("fpga certs check --cert chain.pem --fqdn a.test  # --json", None),
        ("fpga stack new|init", None),
        ("fpga plan -s dev --out plan.json > log", None),
        ("fpga stock new", "there is no command stock"),
        ("fpga plan --outs plan.json", "--outs is no option"),
        ("fpga cloud up|away", "up|away are no commands"),
    ],
)
def test_a_command_that_is_none_is_found(line: str, why: str | None) -> None:
    assert complaint(line) == why
