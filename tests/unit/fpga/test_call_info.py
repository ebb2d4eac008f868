"""What callers are told: exports, JSON and snippets."""

from __future__ import annotations

import ast
import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from fpga.errors import CommandError
from fpga.predict.call_info import CallInfo
from fpga.predict.snippets import Language, snippet

INFO = CallInfo(
    stack="dev",
    service="classifier",
    host="www.contoso.test",
    address="127.80.1.2",
    port=50051,
    http_port=8501,
    tls=True,
    roots=Path("/home/o'neill/my roots/root.pem"),
    model="model-1",
)
PLAIN = replace(INFO, tls=False, roots=None)


def assigned(info: CallInfo) -> dict[str, str]:
    """The exports as a shell reads them."""
    words = [shlex.split(line) for line in info.exports().splitlines() if line.startswith("export FPGA")]
    return dict(word.split("=", 1) for _, word in words if "=" in word)


def test_exports_are_quoted_for_a_shell() -> None:
    assert assigned(INFO) == {
        "FPGA_SERVICE_NAME": "classifier",
        "FPGA_SERVICE_HOST": "www.contoso.test",
        "FPGA_SERVICE_ADDRESS": "127.80.1.2",
        "FPGA_SERVICE_PORT": "50051",
        "FPGA_SERVICE_HTTP_PORT": "8501",
        "FPGA_SERVICE_ROOTS": "/home/o'neill/my roots/root.pem",
        "FPGA_SERVICE_MODEL": "model-1",
    }


def test_the_key_is_filled_by_a_command_whose_failure_is_not_hidden() -> None:
    *_, filled, exported = INFO.exports().splitlines()
    assert filled == 'FPGA_SERVICE_KEY="$(fpga call-info --stack dev --format key)"'
    assert exported == "export FPGA_SERVICE_KEY"


def test_the_command_of_the_key_names_key_and_service_where_they_are_others() -> None:
    other = replace(INFO, service="another one", is_own=False, key="secondary")
    assert other.key_command == (
        "fpga call-info --stack dev --service 'another one' --key secondary --format key"
    )


def test_what_is_not_there_is_unset() -> None:
    lines = replace(PLAIN, http_port=None, model=None).exports().splitlines()
    unset = [line.removeprefix("unset ") for line in lines if line.startswith("unset ")]
    assert unset == [
        "FPGA_SERVICE_HTTP_PORT",
        "FPGA_SERVICE_ROOTS",
        "FPGA_SERVICE_MODEL",
        "FPGA_SERVICE_KEY",
    ]
    assert json.loads(json.dumps(PLAIN.to_json()))["key_command"] is None


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("info", [INFO, replace(INFO, roots=None), PLAIN], ids=["root", "public", "plain"])
def test_snippets_are_filled_in(language: Language, info: CallInfo) -> None:
    text = snippet(info, language)
    assert re.findall("@[A-Z_]+@", text) == []
    assert "127.80.1.2" in text
    assert ("FPGA_SERVICE_KEY" in text) is info.tls
    assert ("root.pem" in text) is (info.roots is not None)
    assert ("www.contoso.test" in text) is info.tls
    if language is Language.python:
        ast.parse(text)
    if language is Language.curl:
        shlex.split(text.partition("\nauthorization")[0])


def test_curl_wants_a_port_of_http() -> None:
    with pytest.raises(CommandError, match="It is not known that classifier answers HTTP, which curl speaks"):
        snippet(replace(INFO, http_port=None), Language.curl)
