"""A plan as others read it: escaped, short enough, without this machine."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from fpga.plan import table
from fpga.plan.markdown import LIMIT, code, escape, render
from fpga.plan.redaction import Redaction
from fpga.plan.wording import reason, sides
from fpga.plan.wording import summary as headline
from tests.support.odd_folders import ODD
from tests.support.plan.samples import (
    RECORD,
    REDACTION,
    SECRET,
    SERVICE,
    diagnostic,
    plan_of,
    sample,
    step,
    summary,
    urn,
    violation,
)

SAMPLES = ("certificate", "replace", "due", "generation", "ssl-off", "check-failure", "failing")
EVIL = "a|b `c` </details><script>alert(1)</script> **x** [l](http://evil.test) @octocat #1 \\"


def html(markdown: str) -> str:
    return str(MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown))


def on_terminal(name: str, width: int) -> str:
    out = io.StringIO()
    table.show(sample(name), Console(file=out, width=width, highlight=False, markup=False))
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("certificate", "dev: 2 to update, 9 unchanged"),
        ("replace", "dev: 2 to update, 3 to replace, 6 unchanged"),
        ("failing", "dev: the preview failed, 1 error"),
    ],
)
def test_one_line_sums_it_up(name: str, said: str) -> None:
    assert headline(sample(name)) == said
    assert render(sample(name)).startswith(f"### {said}\n")
    assert on_terminal(name, 100).endswith(f"{said}\n")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (None, {"ssl_key": SECRET}, ("not set", "(secret)")),
        ({"n": 1}, {"n": 1, "ssl_key": SECRET}, ("not set", "(secret)")),
        ({"n": 1, "ssl_key": SECRET}, {"n": 1}, ("(secret)", "not set")),
        ({"ssl_key": "one"}, {"ssl_key": "other"}, ("", "changed (secret)")),
    ],
)
def test_a_secret_has_changed_where_there_was_another_one(
    old: dict[str, object] | None, new: dict[str, object], said: tuple[str, str]
) -> None:
    plan = plan_of([step("update" if old else "create", SERVICE, "service", old, new), summary()])
    (difference,) = plan.changes[0].differences
    assert sides(difference) == said
    assert ("changed (secret)" in render(plan)) == (said[1] == "changed (secret)")


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("width", [30, 80])
def test_a_terminal_of_any_width_loses_no_value(name: str, width: int) -> None:
    shown = on_terminal(name, width)

    assert all(len(line) <= width for line in shown.splitlines())
    # folded, and nowhere cut: a fingerprint is to be compared
    assert shown.count("…") == on_terminal(name, 300).count("…")


@pytest.mark.parametrize("name", SAMPLES)
def test_markdown_is_whole(name: str) -> None:
    text = render(sample(name))
    shown = html(text)

    assert "\x1b" not in text
    assert shown.count("<details>") == shown.count("</details>")
    assert "BEGIN CERTIFICATE" not in text
    assert "/home/dev" not in text


def test_values_of_a_pull_request_are_text() -> None:
    events = [
        step("update", SERVICE, f"x{EVIL}", {"name": EVIL}, {"name": "y"}),
        violation("rule", "mandatory", EVIL, urn(SERVICE, "service")),
        diagnostic("error", f"{EVIL}\n```\n<b>out</b>\n````"),
        summary("failed"),
    ]

    shown = html(render(plan_of(events)))

    assert "<script" not in shown
    assert "<b>" not in shown
    assert "<strong>x</strong>" not in shown
    assert "<a " not in shown
    assert shown.count("</details>") == shown.count("<details>") == 1
    rows = re.findall(r"<tr>(.*?)</tr>", shown, re.DOTALL)
    assert {len(re.findall("<t[dh]", row)) for row in rows} == {3, 4}
    # outside of code, where GitHub looks for them, nobody is mentioned
    assert not re.search(r"@octocat", re.sub(r"<(code|pre)\b.*?</\1>", "", shown, flags=re.DOTALL))


def test_text_reads_as_it_was() -> None:
    assert html(escape("a*b_c <d> & `e`")).strip() == "<p>a*b_c &lt;d&gt; &amp; `e`</p>"
    assert html(f"x {code('a|b')}").strip() == "<p>x <code>a|b</code></p>"


@pytest.mark.parametrize("limit", [2_000, 10_000, LIMIT])
def test_what_is_too_long_is_cut_with_a_note(limit: int) -> None:
    many = [
        step(
            "update",
            RECORD,
            f"record-{number}",
            {"ttl": 300, "x": "y" * 150},
            {"ttl": number, "x": "z" * 150},
        )
        for number in range(400)
    ]
    text = render(plan_of([*many, diagnostic("warning", "w" * 90_000), summary()]), limit)

    assert len(text) <= limit
    assert re.search(r"_\d+ lines are left out", text)
    shown = html(text)
    assert shown.count("<details>") == shown.count("</details>")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("see /home/dev/checkout/stacks/Pulumi.dev.yaml", "see stacks/Pulumi.dev.yaml"),
        ("in /home/dev/checkout.", "in the checkout."),
        ("/home/dev/.cache/x", "~/.cache/x"),
        ("/home/developer/x", "…/x"),
        ("file:///tmp/state/x", "file://…/x"),
        ("file:///srv/my%20c%231/state/x", "file://…/x"),
        ("file:///home/dev/checkout/.local/state", "file://.local/state"),
        ('File "/usr/lib/python3.11/ssl.py", line 3', 'File "…/ssl.py", line 3'),
        ("path:/tmp/a/b", "path:…/b"),
        ("https://127.0.0.1:1234/a/b/c", "https://127.0.0.1:1234/a/b/c"),
        ("/subscriptions/1/resourceGroups/rg", "/subscriptions/1/resourceGroups/rg"),
        ("stacks/a/b and/or ~/x/y", "stacks/a/b and/or ~/x/y"),
        ("\x1b[31mred\x1b[0m <{%reset%}>\u202etxt", "red txt"),
        ("x -----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY----- y", "x (a private key) y"),
        ("x -----BEGIN PRIVATE KEY-----\nabc", "x (a private key)"),
    ],
)
def test_this_machine_is_not_told_of(given: str, told: str) -> None:
    assert REDACTION.clean(given) == told


def test_a_checkout_of_an_odd_name_is_not_told_of_either() -> None:
    checkout = Path("/srv") / ODD
    redaction = Redaction(checkout, Path("/home/dev"))
    for given, told in [
        (f"see {checkout}/stacks/Pulumi.dev.yaml", "see stacks/Pulumi.dev.yaml"),
        (f"in {checkout}.", "in the checkout."),
        (
            f"open {(checkout / '.local/state').as_uri()}?no_tmp_dir=true",
            "open file://.local/state?no_tmp_dir=true",
        ),
    ]:
        assert redaction.clean(given) == told


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ({}, {"replicas": 3}, "replicas 1 -> 3"),
        ({"replicas": 3.0}, {}, "replicas 3 -> 1"),
        (
            {"replicas": 2},
            {"replicas": 3, "max_replicas": 5},
            "replicas at most not set -> 5, replicas 2 -> 3",
        ),
        (
            {"replicas": 2, "model_id": "a"},
            {"replicas": 4, "model_id": "b"},
            "replicas 2 -> 4; model_id changes",
        ),
    ],
)
def test_a_number_of_replicas_is_told_in_words(
    before: dict[str, object], after: dict[str, object], words: str
) -> None:
    plan = plan_of([step("update", SERVICE, "service", before, after), summary()])
    (change,) = plan.changes
    assert reason(change) == words
    assert f"| {escape(words)} |" in render(plan)


def test_a_number_of_replicas_that_others_changed_is_told_in_words() -> None:
    after = {"name": "a", "replicas": 3}
    events = [
        step("refresh", SERVICE, "service", {"name": "a"}, None),
        step("refresh", SERVICE, "service", {"name": "a"}, after, event="resOutputsEvent"),
        summary(),
    ]
    plan = plan_of(events, refreshed=True)
    ((difference,),) = [one.differences for one in plan.drift]
    assert sides(difference) == ("1", "3")
    assert f"{code('replicas')}: {code('1')} became {code('3')}" in render(plan)
