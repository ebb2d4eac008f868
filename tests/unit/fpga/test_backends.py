"""Where a stack's state is: what its file may say, and which variables come of it."""

from __future__ import annotations

import csv
import os
import re
import subprocess
from pathlib import Path

import pytest

from engine.state_url import url_of
from fpga.errors import CommandError
from fpga.project import Project
from fpga.stacks import backend
from fpga.stacks.backend_settings import Backend
from tests.support.odd_folders import ODD

DEV = """\
url: azblob://pulumi-state?storage_account=contosofpgadev
secretsProvider: passphrase
passphraseFile: .local/passphrases/dev
policyPack: policy
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name in [name for name in os.environ if name.startswith(("PULUMI_", "SSL_", "ARM_", "AZURE_"))]:
        monkeypatch.delenv(name)
    made = Project(tmp_path / "checkout", tmp_path / "moved")
    (made.checkout / "stacks").mkdir(parents=True)
    (made.checkout / "policy").mkdir()
    (made.checkout / "policy" / "PulumiPolicy.yaml").touch()
    (made.local / "passphrases").mkdir(parents=True)
    (made.local / "passphrases" / "dev").write_text("of the file")
    declare(made, "dev", DEV)
    return made


def declare(project: Project, stack: str, text: str) -> None:
    backend.backend_file(project, stack).write_text(text)
    project.stack_file(stack).write_text("config: {}\n")


def refused(project: Project, text: str) -> str:
    declare(project, "bad", text)
    with pytest.raises(CommandError) as caught:
        backend.read(project, "bad")
    return str(caught.value)


def test_paths_start_at_the_checkout_or_at_its_moved_folder(project: Project) -> None:
    assert backend.read(project, "dev") == Backend(
        url="azblob://pulumi-state?storage_account=contosofpgadev",
        secrets_provider="passphrase",
        passphrase_file=project.local / "passphrases" / "dev",
        policy_pack=project.checkout / "policy",
    )
    declare(project, "b", "url: file://.local/state\npassphraseFile: keys/b\n")
    assert backend.read(project, "b").url == url_of(project.local / "state")
    assert backend.read(project, "b").passphrase_file == project.checkout / "keys" / "b"


def test_a_folder_of_any_name_has_a_url_that_leads_there(project: Project) -> None:
    odd = Project(project.checkout, project.local / ODD)
    assert backend.read(odd, "local").url == url_of(odd.local / "state")
    declare(project, "b", "url: file://.local/state?metadata=skip\npassphraseFile: keys/b\n")
    assert backend.read(odd, "b").url == f"{(odd.local / 'state').as_uri()}?metadata=skip"
    declare(project, "c", "url: file:///srv/c#1/100%\npassphraseFile: keys/b\n")
    assert backend.read(project, "c").url == "file:///srv/c%231/100%25?metadata=skip"


def test_what_a_killed_run_left_torn_of_attributes_is_out_of_every_commands_way(project: Project) -> None:
    state = project.local / "state" / ".pulumi"
    torn = [
        state / "meta.yaml.attrs",
        state / "stacks" / "fpga-web-service" / "local.json.attrs",
        state / "locks" / "organization" / "fpga-web-service" / "local" / "a.json.attrs",
    ]
    whole = state / "locks" / "organization" / "fpga-web-service" / "local" / "b.json.attrs"
    others = state / "stacks" / "fpga-web-service" / "other.json.attrs"
    for file, content in [*((file, "") for file in torn), (whole, '{"md5": ""}\n'), (others, "")]:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)

    backend.environment(project, "local")

    assert [file for file in torn if file.exists()] == []
    assert whole.exists()
    assert others.exists(), "nobody asked for that stack"


def test_a_policy_pack_in_a_folder_of_any_name_is_one_value(project: Project) -> None:
    odd = Project(project.local / f'{ODD}, "and" more', project.local)
    for name in ("stacks", "policy"):
        (odd.checkout / name).mkdir(parents=True)
    for name in ("PulumiPolicy.yaml", "config.json"):
        (odd.checkout / "policy" / name).touch()
    declare(odd, "b", f"{DEV}policyPackConfig: policy/config.json\n".replace("azblob", "file"))
    variables = backend.environment(odd, "b", signed_in=False)
    for name, path in (("PACK", "policy"), ("PACK_CONFIG", "policy/config.json")):
        (flags,) = csv.reader([variables[f"PULUMI_OPTION_POLICY_{name}"]], strict=True)
        assert list(csv.reader(flags, strict=True)) == [[str(odd.checkout / path)]]


def test_a_state_that_an_earlier_version_has_put_elsewhere_is_named(project: Project) -> None:
    odd = Project(project.checkout, project.local / "c#1" / ".local")
    before = backend.environment(odd, "local")
    elsewhere = project.local / "c"
    states = elsewhere / ".pulumi" / "stacks" / "fpga-web-service"
    states.mkdir(parents=True)
    assert backend.environment(odd, "local") == before
    (states / "local.json").write_text("{}")

    with pytest.raises(CommandError) as caught:
        backend.environment(odd, "local")

    said = str(caught.value)
    assert f"The state of the stack local is in {elsewhere}: there" in said
    command = re.findall("`(.*?)`", said)[0]
    subprocess.run(["/bin/sh", "-ec", command], check=True)
    moved = odd.local / "state" / ".pulumi" / "stacks" / "fpga-web-service" / "local.json"
    assert moved.read_text() == "{}"
    assert backend.environment(odd, "local") == before


def test_the_stack_local_is_the_checkout_s_own(project: Project) -> None:
    assert backend.read(project, "local").url == url_of(project.local / "state")
    assert backend.read(project, "local").passphrase_file == project.local / "passphrase"


def test_a_stack_without_a_file_is_refused_with_those_that_there_are(project: Project) -> None:
    with pytest.raises(CommandError) as caught:
        backend.read(project, "prdo")

    assert f"{project.checkout}/stacks/Backend.prdo.yaml is not there" in str(caught.value)
    assert "`fpga stack new prdo` writes one; the stacks are dev, local." in str(caught.value)


@pytest.mark.parametrize("name", ["", "../prod", "team/dev", "-q", "a b"])
def test_what_no_stack_can_be_called_is_refused_with_those_that_there_are(
    project: Project, name: str
) -> None:
    with pytest.raises(CommandError) as caught:
        backend.read(project, name)

    assert f"No stack can be called '{name}'" in str(caught.value)
    assert "The stacks are dev, local." in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it holds no settings"),
        ("url: [", "is not YAML"),
        ("passphraseFile: p", "url is not set"),
        ("url: azblob://a_b\npassphraseFile: p", "azblob://CONTAINER?storage_account=NAME, or file://FOLDER"),
        ("url: s3://bucket\npassphraseFile: p", "url is 's3://bucket'"),
        ("url: 5\npassphraseFile: p", "url is 5: it takes a text"),
        ("url: file://x", "passphraseFile is not set"),
        ("url: file://x\nsecretsProvider: vault", "secretsProvider is 'vault'"),
        (
            "url: file://x\nsecretsProvider: azurekeyvault://v.vault.azure.net/keys/k\npassphraseFile: p",
            "passphraseFile is not used with secretsProvider azurekeyvault://",
        ),
        ("url: file://x\npassphraseFile: p\npolicyPack: none", "there is no PulumiPolicy.yaml in"),
        (
            "url: file://x\npassphraseFile: p\npolicyPack: policy\npolicyPackConfig: none.json",
            "policyPackConfig is 'none.json': there is no file ",
        ),
        (
            "url: file://x\npassphraseFile: p\npolicyPackConfig: none.json",
            "policyPackConfig is not used without policyPack",
        ),
        (
            "url: file://x\npassphraseFile: p\nbackend: y",
            "backend is not a setting of a backend: known are url",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_key(project: Project, text: str, words: str) -> None:
    message = refused(project, text)

    assert message.startswith(f"{project.checkout}/stacks/Backend.bad.yaml")
    assert words in message


def test_variables_are_those_of_the_stack(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_STACK", "another")
    variables = backend.environment(project, "dev")

    assert variables["PULUMI_BACKEND_URL"] == "azblob://pulumi-state?storage_account=contosofpgadev"
    assert variables["PULUMI_CONFIG_PASSPHRASE_FILE"] == f"{project.local}/passphrases/dev"
    assert variables["PULUMI_OPTION_POLICY_PACK"] == f"{project.checkout}/policy"
    assert variables["FPGA_LOCAL"] == str(project.local)
    assert "PULUMI_STACK" not in variables
    assert "PULUMI_OPTION_POLICY_PACK" not in backend.environment(project, "local")


def test_settings_of_the_policy_pack_go_with_it(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_OPTION_POLICY_PACK_CONFIG", "another.json")
    assert "PULUMI_OPTION_POLICY_PACK_CONFIG" not in backend.environment(project, "dev")
    (project.checkout / "rules.json").write_text("{}")
    declare(project, "dev", f"{DEV}policyPackConfig: rules.json\n")
    config = f"{project.checkout}/rules.json"
    assert backend.environment(project, "dev")["PULUMI_OPTION_POLICY_PACK_CONFIG"] == config
    assert f"export PULUMI_OPTION_POLICY_PACK_CONFIG={config}\n" in backend.shell(project, "dev")


def test_a_passphrase_of_the_caller_s_goes_first_but_not_for_local(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "of CI")
    given = backend.environment(project, "dev")
    assert given["PULUMI_CONFIG_PASSPHRASE"] == "of CI"
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in given
    assert "PULUMI_CONFIG_PASSPHRASE" not in backend.environment(project, "local")
    assert "of CI" not in backend.shell(project, "dev")

    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", "/run/secrets/dev")
    assert backend.environment(project, "dev")["PULUMI_CONFIG_PASSPHRASE_FILE"] == "/run/secrets/dev"


def test_the_key_of_the_state_is_told_to_a_shell_that_signs_in_alone(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_KEY", "a2V5")

    assert "AZURE_STORAGE" not in backend.shell(project, "dev")
    signed_in = backend.shell(project, "dev", signed_in=True).splitlines()
    assert "export AZURE_STORAGE_KEY=a2V5" in signed_in
    assert "export AZURE_STORAGE_ACCOUNT=contosofpgadev" in signed_in


def test_the_file_of_another_activated_stack_is_not_the_caller_s(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", f"{project.local}/passphrase")

    variables = backend.environment(project, "dev")

    assert variables["PULUMI_CONFIG_PASSPHRASE_FILE"] == f"{project.local}/passphrases/dev"


def test_a_missing_passphrase_is_named_with_every_way_to_give_it(project: Project) -> None:
    (project.local / "passphrases" / "dev").unlink()

    with pytest.raises(CommandError) as caught:
        backend.environment(project, "dev")

    for words in (f"{project.local}/passphrases/dev", "PULUMI_CONFIG_PASSPHRASE", "`fpga stack init dev`"):
        assert words in str(caught.value)


def test_roots_are_those_of_the_stack_s_own_localcloud(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.local / "roots").mkdir()
    (project.local / "roots" / "dev.pem").touch()
    assert backend.environment(project, "dev")["SSL_CERT_FILE"] == f"{project.local}/roots/dev.pem"

    monkeypatch.setenv("SSL_CERT_FILE", f"{project.local}/roots/dev.pem")
    assert "SSL_CERT_FILE" not in backend.environment(project, "local")
    assert "unset SSL_CERT_FILE\n" in backend.shell(project, "local")


def test_a_shell_is_told_to_drop_what_misleads_the_cli_and_to_spare_loopback(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_OPTION_STACK", "other")
    monkeypatch.setenv("PULUMI_SKIP_CHECKPOINTS", "true")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "intranet.example")
    monkeypatch.delenv("no_proxy", raising=False)

    said = backend.shell(project, "dev").splitlines()

    assert "unset PULUMI_OPTION_STACK" in said
    assert "unset PULUMI_SKIP_CHECKPOINTS" in said
    assert "export no_proxy=intranet.example,localhost,127.0.0.0/8,::1" in said
    assert "export NO_PROXY=intranet.example,localhost,127.0.0.0/8,::1" in said
    assert not any("https_proxy" in line for line in said)


def test_a_shell_is_told_to_drop_what_the_stack_does_not_have(project: Project) -> None:
    declare(project, "vault", "url: azblob://s\nsecretsProvider: azurekeyvault://v.vault.azure.net/keys/k\n")

    said = backend.shell(project, "vault").splitlines()

    assert "export PULUMI_STACK=vault" in said
    assert "unset PULUMI_CONFIG_PASSPHRASE_FILE" in said
    assert "unset PULUMI_OPTION_POLICY_PACK" in said
    assert not any("PULUMI_CONFIG_PASSPHRASE=" in line for line in said)
