"""The committed files of stacks: made from the table of settings, until a team makes them its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from fpga.stacks import generated
from fpga.stacks.generated import Example
from infra import settings
from infra.settings.reader import PROJECT_ROOT

STACKS = PROJECT_ROOT / "stacks"
EXAMPLES = {example.file: example for example in generated.examples()}
every = pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES.keys())


def written(example: Example) -> str:
    return example.text(example.settings)


@every
def test_what_nobody_has_touched_stays_as_it_was_written(example: Example) -> None:
    assert example.renewed(written(example)) == written(example)


@every
def test_a_committed_one_says_what_a_new_one_says_unless_it_is_a_teams(example: Example) -> None:
    text = (STACKS / example.file).read_text()

    if example.renewed(text) is not None:
        content = yaml.safe_load(text)
        assert (content[example.section] if example.section else content) == example.settings


@every
def test_a_comment_that_says_something_else_is_out_of_date(example: Example) -> None:
    first, _, rest = written(example).partition("\n")
    line = next(line for line in rest.splitlines() if line.strip().startswith("# "))

    for stale in (rest.replace(line, f"{line} once"), rest.replace(f"{line}\n", ""), f"# Ours\n{rest}"):
        assert example.renewed(f"{first}\n{stale}") == written(example)


def test_every_setting_is_told_by_the_line_of_the_table() -> None:
    known = {f"fpga-web-service:{one.key}": one.line for one in settings.known()}
    lines = written(EXAMPLES["Pulumi.prod.yaml"]).splitlines()
    told = [line.split(": ")[0].strip() for line in lines if line.startswith("  fpga-web-service:")]

    assert set(told) == EXAMPLES["Pulumi.prod.yaml"].settings.keys()
    assert told == [key for key in known if key in told]
    words = " ".join(line.strip().removeprefix("# ") for line in lines)
    assert [key for key in told if known[key] not in words] == []


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("Pulumi.dev.yaml", "zone: dev.contoso.com", "zone: dev.fabrikam.com"),
        ("Pulumi.dev.yaml", "account: fpga-dev", "account: fabrikam"),
        ("Pulumi.local.template.yaml", "zone: contoso.test", "zone: fabrikam.test"),
        ("Backend.prod.yaml", "storage_account=contosofpgaprod", "storage_account=fabrikam"),
        # its stack has been made
        ("Pulumi.prod.yaml", "config:", "encryptionsalt: v1:abc\nconfig:"),
        # what the table does not know must not get lost
        ("Pulumi.dev.yaml", "config:", "config:\n  pulumi:tags: {team: vision}"),
        ("Pulumi.dev.yaml", "config:", "config: ["),
        ("Pulumi.dev.yaml", "config:", "config:\n  fpga-web-service:services:\n  - name: cats # ours"),
        ("Backend.dev.yaml", "url:", "urls:"),
    ],
)
def test_a_teams_own_is_not_looked_at(file: str, old: str, new: str) -> None:
    text = written(EXAMPLES[file])
    assert old in text

    assert EXAMPLES[file].renewed(text.replace(old, new)) is None


def test_what_is_no_mapping_is_not_looked_at() -> None:
    assert EXAMPLES["Pulumi.dev.yaml"].renewed("") is None
    assert EXAMPLES["Backend.dev.yaml"].renewed("- url") is None


def test_values_stay_and_so_do_files_that_were_removed(tmp_path: Path) -> None:
    changed = written(EXAMPLES["Pulumi.dev.yaml"]).replace("accountSku: S1", "accountSku: S3")
    (tmp_path / "Pulumi.dev.yaml").write_text(changed.replace("# How many FPGAs", "# So many FPGAs"))
    (tmp_path / "Pulumi.team-a.yaml").write_text("# ours\nconfig: {}\n")

    found = generated.files(tmp_path)

    schemas = [tmp_path / "schema" / f"{name}.schema.json" for name in ("stack", "backend")]
    assert list(found) == [*schemas, tmp_path / "Pulumi.dev.yaml"]
    assert found[tmp_path / "Pulumi.dev.yaml"] == changed
