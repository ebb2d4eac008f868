"""Rows on a terminal of any width, and where there is none."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from fpga.adoption import Finding, Standing, Survey
from fpga.commands import adopt, cloud
from fpga.console import show_rows, standard_output
from localcloud.status import ServiceStatus, Status
from localcloud.version import Version

LONG = "/a/place/" + "x" * 150 + "/ca.pem"
ROWS = [(Text("CA certificate", "dim"), Text(LONG, "bold")), (Text("service"), Text("name=a ssl=True"))]
CHECKOUT = Path(__file__).resolve().parents[3]


def shown(width: int, *, terminal: bool, headings: tuple[str, ...] = ()) -> str:
    out = io.StringIO()
    show_rows(Console(file=out, width=width, force_terminal=terminal, markup=False), ROWS, headings)
    return out.getvalue()


@pytest.mark.parametrize("width", [24, 40, 80])
def test_a_terminal_of_any_width_loses_no_value(width: int) -> None:
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown(width, terminal=True)).splitlines()

    assert all(len(line) <= width for line in lines)
    assert sum(line.count("x") for line in lines) == LONG.count("x")
    assert "…" not in "".join(lines)


def test_elsewhere_a_row_is_one_line() -> None:
    assert shown(40, terminal=False, headings=("NAME", "VALUE")).splitlines() == [
        "NAME            VALUE",
        f"CA certificate  {LONG}",
        "service         name=a ssl=True",
    ]


@pytest.mark.parametrize(("columns", "width"), [(None, 120), ("72", 72)])
def test_what_is_no_terminal_is_as_wide_as_it_says(
    columns: str | None, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    assert standard_output().width == width


def test_a_survey_reads_as_the_document_shows_it(capsys: pytest.CaptureFixture[str]) -> None:
    there, absent = Standing.ADOPTABLE, Standing.ABSENT
    findings = (
        Finding("resource-group", "fpga-production", there),
        Finding("account", "models", there),
        Finding("storage", "fpga0123456789abcdef0123", there),
        Finding("packages", "models", absent),
        Finding("zone", "contoso.com", there),
        Finding("record", "www", there),
        Finding("service", "resnet-service", there),
    )

    adopt.show(Survey(findings, (), ("4f1c… (resnet)",)))

    document = (CHECKOUT / "docs" / "adoption.md").read_text()
    block = re.search(r"```text\n( +RESOURCE.*?)```", document, re.DOTALL)
    assert block is not None
    assert capsys.readouterr().out == re.sub(r"(?m)^   ", "", block[1]).rstrip(" ")


def test_each_standing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    adopt.show(Survey(tuple(Finding("n", "c", one) for one in Standing), (), ()))

    assert [line.split(None, 2)[2] for line in capsys.readouterr().out.splitlines()[1:]] == list(Standing)


def test_a_status_is_told_row_by_row(capsys: pytest.CaptureFixture[str]) -> None:
    service = ServiceStatus("resnet", "Succeeded", "127.80.1.2", 50051, ssl=True)
    told = Status(
        https="https://127.0.0.1:5001",
        ca=Path(LONG),
        tenant="a",
        subscription="b",
        client_id="c",
        client_secret_file=Path("/x/client-secret"),
        dns="127.0.0.1:5053",
        blob=None,
        pid=12,
        services=(service,),
        version=Version("0.1.0", "abc"),
    )

    cloud.show(told)

    assert capsys.readouterr().out.splitlines() == [
        "HTTPS APIs        https://127.0.0.1:5001",
        f"CA certificate    {LONG}",
        "tenant            a",
        "subscription      b",
        "client id         c",
        "client secret in  /x/client-secret",
        "DNS server        127.0.0.1:5053",
        "blob service      none",
        "process id        12",
        "version           0.1.0",
        "commit            abc",
        "service           name=resnet state=Succeeded address=127.80.1.2 port=50051 ssl=True",
    ]
