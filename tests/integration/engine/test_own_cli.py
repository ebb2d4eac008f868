"""A person's own CLI on PATH goes before all, where it will do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from engine import pulumi_cli
from engine.pulumi_cli import PulumiCli, Way
from tests.support.engine.heard import Heard


@pytest.fixture
def own_cli(
    tmp_path: Path, bare_path: Path, cache_folder: Path, heard: Heard
) -> Callable[[], PulumiCli | None]:
    return lambda: pulumi_cli.own_cli(tmp_path / "checkout" / ".local", "3.250.0", heard)


@pytest.mark.parametrize("version", ["3.250.0", "3.251.1", "4.0.0"])
def test_own_cli_that_is_new_enough_is_taken(
    own_cli: Callable[[], PulumiCli | None],
    bare_path: Path,
    cli_in_miniature: Callable[..., Path],
    version: str,
) -> None:
    cli_in_miniature(bare_path, version=version)
    assert own_cli() == PulumiCli(Way.OWN, bare_path, version)


def test_language_host_where_a_link_leads_is_found(
    own_cli: Callable[[], PulumiCli | None],
    bare_path: Path,
    tmp_path: Path,
    cli_in_miniature: Callable[..., Path],
) -> None:
    cellar = tmp_path / "cellar" / "bin"
    (bare_path / "pulumi").symlink_to(cli_in_miniature(cellar))
    assert own_cli() == PulumiCli(Way.OWN, cellar, "3.250.0")


def test_older_cli_is_passed_over(
    own_cli: Callable[[], PulumiCli | None],
    bare_path: Path,
    cli_in_miniature: Callable[..., Path],
    heard: Heard,
) -> None:
    cli_in_miniature(bare_path, version="3.249.9")
    assert own_cli() is None
    assert f"{bare_path}/pulumi is version 3.249.9, older than 3.250.0: it is passed over." in heard.text


def test_cli_without_its_language_host_is_passed_over(
    own_cli: Callable[[], PulumiCli | None],
    bare_path: Path,
    cli_in_miniature: Callable[..., Path],
    heard: Heard,
) -> None:
    cli_in_miniature(bare_path, host=False)
    assert own_cli() is None
    assert f"{bare_path}/pulumi has no pulumi-language-python beside it: it is passed over." in heard.text


def test_another_program_of_that_name_is_passed_over(
    own_cli: Callable[[], PulumiCli | None],
    bare_path: Path,
    write_executable: Callable[[Path, str], Path],
    heard: Heard,
) -> None:
    write_executable(bare_path / "pulumi", "#!/bin/sh\necho shim: nothing installed\n")
    assert own_cli() is None
    assert "does not tell its version: 'shim: nothing installed'. It is passed over." in heard.text


def test_what_this_project_put_on_the_path_is_not_a_person_s_own(
    own_cli: Callable[[], PulumiCli | None],
    tmp_path: Path,
    cache_folder: Path,
    cli_in_miniature: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    heard: Heard,
) -> None:
    cached = cache_folder / "pulumi-build"
    cli_in_miniature(cached)
    ours = tmp_path / "checkout" / ".local" / "bin"
    cli_in_miniature(ours)
    monkeypatch.setenv("PATH", f"{ours}:{cached}")
    assert own_cli() is None
    assert heard.text == ""


def test_flags_that_a_variable_adds_do_not_hide_it(
    own_cli: Callable[[], PulumiCli | None],
    bare_path: Path,
    cli_in_miniature: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cli = cli_in_miniature(bare_path)
    cli.write_text(
        cli.read_text().replace("#!/bin/sh\n", '#!/bin/sh\n[ -z "$PULUMI_OPTION_CWD" ] || exit 1\n')
    )
    monkeypatch.setenv("PULUMI_OPTION_CWD", "/nowhere")
    assert own_cli() == PulumiCli(Way.OWN, bare_path, "3.250.0")
