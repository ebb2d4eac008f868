"""Which stacks a changed file touches."""

from __future__ import annotations

import pytest

from fpga.stacks.touched import attribute, in_order

FILES = (
    "stacks/Pulumi.prod.yaml",
    "stacks/Backend.prod.yaml",
    "stacks/Pulumi.dev.yaml",
    "stacks/Backend.gone.yaml",
    "stacks/Pulumi.local.template.yaml",
    "stacks/schema.json",
)


@pytest.mark.parametrize(
    "file",
    [
        "Pulumi.yaml",
        "requirements.lock",
        "pyproject.toml",
        "Makefile",
        "infra/program.py",
        "certs/bundle.py",
        "policy/pack.py",
        "policy/PulumiPolicy.yaml",
        "engine/cli/go.mod",
        "clients/prediction/client.py",
        "clients/wire/tensorflow_serving.py",
        "localcloud/featurizers/builder.py",
        "samples/espresso.jpg",
        "stacks/roots.pem",
        "a-room-that-is-new/module.py",
        "docs",
        ".github/workflows/deploy.yml",
    ],
)
def test_what_is_not_known_to_be_without_effect_touches_every_stack(file: str) -> None:
    assert attribute(FILES, [file]) == {"dev": [file], "prod": [file]}


@pytest.mark.parametrize(
    "file",
    [
        "README.md",
        "LICENSE",
        ".gitignore",
        ".editorconfig",
        ".pre-commit-config.yaml",
        ".devcontainer/devcontainer.json",
        ".github/ISSUE_TEMPLATE/bug.yml",
        ".github/pull_request_template.md",
        "docs/operations.md",
        "docs/adr/picture.png",
        "tests/unit/fpga/test_touched_attribution.py",
        "tools/bench/__main__.py",
        "localcloud/server.py",
        "tools/actionlint/go.mod",
        "stacks/Pulumi.gone.yaml",
        "stacks/Backend.gone.yaml",
        "stacks/Pulumi.local.template.yaml",
    ],
)
def test_what_no_plan_depends_on_touches_none(file: str) -> None:
    assert attribute(FILES, [file]) == {}


@pytest.mark.parametrize("kind", ["Pulumi", "Backend"])
def test_a_stack_s_own_files_touch_it_alone(kind: str) -> None:
    file = f"stacks/{kind}.prod.yaml"
    assert attribute(FILES, [file]) == {"prod": [file]}


def test_why_is_told_in_a_stable_order() -> None:
    changed = ["stacks/Pulumi.dev.yaml", "infra/a.py"]
    assert attribute(FILES, changed) == attribute(FILES, changed[::-1])
    assert attribute(FILES, changed) == {
        "dev": ["infra/a.py", "stacks/Pulumi.dev.yaml"],
        "prod": ["infra/a.py"],
    }


def test_a_change_goes_through_dev_staging_and_prod() -> None:
    assert in_order(["zeta", "prod", "alpha", "staging", "dev", "dev"]) == [
        "dev",
        "staging",
        "prod",
        "alpha",
        "zeta",
    ]
