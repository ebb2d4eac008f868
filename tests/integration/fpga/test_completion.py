"""Completion in real shells, as somebody who presses the tabulator has it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup
from typer.main import get_command

from fpga.cli import app
from tests.support import waits
from tests.support.waiting import PATIENCE_S

CHECKOUT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent


def shell(name: str, script: str, checkout: Path = CHECKOUT, **variables: str) -> str:
    done = subprocess.run(
        [name, *(["--norc", "--noprofile"] if name == "bash" else []), "-c", script],
        cwd=checkout,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert (done.returncode, waits.without(done.stderr)) == (0, "")
    return done.stdout


def completed(*words: str, checkout: Path = CHECKOUT, **variables: str) -> list[str]:
    """What bash offers for the last of the words."""
    quoted = " ".join(f"'{word}'" for word in words)
    script = (
        'source <(fpga completion bash); function=$(complete -p fpga | sed "s/.*-F \\([^ ]*\\).*/\\1/")\n'
        f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}\n"
        '"$function" fpga; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    return shell("bash", script, checkout, **variables).split()


def test_bash_completes_commands_options_values_and_stacks() -> None:
    assert completed("fpga", "do") == ["doctor", "down"]
    assert completed("fpga", "cloud", "st") == ["status"]
    assert completed("fpga", "predict", "--sta") == ["--stack"]
    assert completed("fpga", "predict", "--stack", "pr") == ["prod"]
    assert completed("fpga", "plan", "-s", "") == ["dev", "local", "prod", "staging"]
    assert completed("fpga", "stack", "init", "p") == ["prod"]
    assert completed("fpga", "stack", "environment", "s") == ["staging"]
    assert completed("fpga", "stack", "new", "mine", "--from", "") == ["dev", "staging", "prod"]
    assert completed("fpga", "doctor", "--format", "") == ["text", "json"]
    assert completed("fpga", "completion", "") == ["bash", "zsh", "fish"]


def test_services_are_completed_from_the_stack_s_file(tmp_path: Path) -> None:
    """Those of the stack that is named, or that the shell is activated for, of which nothing is told then."""
    (tmp_path / "Pulumi.yaml").write_text("name: fpga-web-service\n")
    (tmp_path / "stacks").mkdir()
    listed = "config:\n  fpga-web-service:services:\n" + "".join(
        f"    - name: {name}\n      certificateKey:\n        secure: v1:abc\n"
        for name in ("dogs", "cats", "cows")
    )
    for stack, text in (("dev", listed), ("flat", "config: {}\n"), ("torn", "config: [")):
        (tmp_path / "stacks" / f"Pulumi.{stack}.yaml").write_text(text)

    def services(*words: str, **variables: str) -> list[str]:
        return completed("fpga", *words, checkout=tmp_path, **variables)

    assert services("predict", "-s", "dev", "--service", "") == ["cats", "cows", "dogs"]
    assert services("call-info", "--service", "c", PULUMI_STACK="dev") == ["cats", "cows"]
    assert services("certs", "renew", "--stack", "dev", "--service", "d") == ["dogs"]
    for stack in ("flat", "torn", "none"):
        assert services("predict", "-s", stack, "--service", "") == []


def commands(group: TyperGroup, *before: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, *before, name)
        else:
            yield (*before, name), command


def test_wherever_a_stack_is_named_its_name_is_completed() -> None:
    root = get_command(app)
    assert isinstance(root, TyperGroup)
    asked = 0
    for path, command in commands(root):
        for parameter in command.params:
            if "STACK" not in (parameter.metavar or "") or path == ("stack", "new"):
                continue
            context = typer.Context(command)
            offered = [one.value for one in parameter.shell_complete(context, "sta")]
            assert offered == ["staging"], f"fpga {' '.join(path)} does not complete {parameter.name}"
            asked += 1
    assert asked > 15


def test_what_a_command_does_is_told_whole_beside_it() -> None:
    told = shell(
        "bash",
        "fpga",
        _TYPER_COMPLETE_ARGS="fpga stack ",
        _FPGA_COMPLETE="complete_fish",
        _TYPER_COMPLETE_FISH_ACTION="get-args",
    )
    assert "environment\tPrint what `. .local/activate` sets for a stack, as commands of a POSIX shell." in (
        told.splitlines()
    )


@pytest.mark.parametrize("name", ["zsh", "fish"])
def test_other_shells_take_theirs(name: str) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    words = {
        "zsh": 'autoload -U compinit; compinit -D; source <(fpga completion zsh); echo "${_comps[fpga]}"',
        "fish": "fpga completion fish | source; complete --do-complete 'fpga do'",
    }
    told = shell(name, words[name])
    assert {"zsh": "_fpga_completion", "fish": "doctor"}[name] in told


def test_an_answer_imports_no_more_than_it_needs() -> None:
    code = (
        "import sys; sys.argv = ['fpga']\n"
        "from fpga.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "costly = {'grpc', 'numpy', 'pulumi', 'requests', 'cryptography', 'rich', 'onnx', 'yaml', 'dns'}\n"
        "print('imported:', sorted(costly & set(sys.modules)))"
    )
    asked = {"_FPGA_COMPLETE": "complete_bash", "COMP_WORDS": "fpga plan -s d", "COMP_CWORD": "3"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | asked,
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    assert done.stdout.splitlines() == ["dev", "imported: []"]
