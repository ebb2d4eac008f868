"""`fpga stack`: new stacks on paper, and a shell that is activated for one of them."""

from __future__ import annotations

import csv
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engine import activation
from engine.state_url import url_of
from infra.settings.reader import PROJECT_ROOT
from tests.support import waits
from tests.support.odd_folders import ODD

FPGA = Path(sys.executable).parent / "fpga"
SHELLS = [shell for shell in ("dash", "bash", "zsh", "ksh") if shutil.which(shell)]
SHOW = """\
set +e
. "$LOCAL/activate"; code=$?
printf '%s\\n' "$code" "${PULUMI_STACK-none}" "$PULUMI_BACKEND_URL" "${PULUMI_CONFIG_PASSPHRASE-none}" \\
    "${FPGA_STACK-none}" "${PULUMI_OPTION_POLICY_PACK_CONFIG-none}"
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout without a stack, whose engine is not installed."""
    folder = tmp_path / ODD
    (folder / ".local").mkdir(parents=True)
    shutil.copyfile(PROJECT_ROOT / "Pulumi.yaml", folder / "Pulumi.yaml")
    (folder / ".local" / "activate").write_text(activation.script(folder / ".local"))
    return folder


def variables(**more: str) -> dict[str, str]:
    dropped = ("PULUMI_", "FPGA_", "ARM_", "AZURE_", "SSL_CERT_FILE")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)} | more


def run(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [FPGA, "stack", *arguments], cwd=checkout, env=variables(), capture_output=True, text=True
    )


def test_a_new_stack_is_two_files_and_what_to_do_next(checkout: Path) -> None:
    done = run(checkout, "new", "team-a", "--from", "staging", "--backend", "azblob://s?storage_account=acc")

    assert done.returncode == 0, done.stderr
    stacks = checkout / "stacks"
    assert sorted(path.name for path in stacks.iterdir()) == ["Backend.team-a.yaml", "Pulumi.team-a.yaml"]
    assert "acme-staging-v02" in (stacks / "Pulumi.team-a.yaml").read_text()
    assert "url: azblob://s?storage_account=acc" in (stacks / "Backend.team-a.yaml").read_text()
    for step in (
        "`fpga state init -s team-a`",
        "FPGA_STACK=team-a . .local/activate",
    ):
        assert step in done.stdout


def test_a_localcloud_that_never_started_is_refused_with_what_starts_one(checkout: Path) -> None:
    done = run(checkout, "new", "dev", "--cloud", "my clouds/dev")

    assert done.returncode == 1
    starts = "`fpga cloud up --data 'my clouds/dev'` starts one."
    assert waits.without(done.stderr) == f"error: No localcloud has run on my clouds/dev yet: {starts}\n"
    assert not (checkout / "stacks").exists()


def test_what_is_missing_is_written_and_nothing_is_overwritten(checkout: Path) -> None:
    assert run(checkout, "new", "dev").returncode == 0
    ours, backend = (checkout / "stacks" / f"{kind}.dev.yaml" for kind in ("Pulumi", "Backend"))
    mine = ours.read_text().replace("eastus2", "eastus2 # mine")
    ours.write_text(mine)
    declared = backend.read_text()
    backend.unlink()

    done = run(checkout, "new", "dev")
    assert (done.returncode, waits.without(done.stderr)) == (0, "")
    assert done.stdout.startswith(f"Written: {backend}\n\nNext:\n")
    assert (ours.read_text(), backend.read_text()) == (mine, declared)

    ours.unlink()
    backend.write_text(f"{declared}# mine\n")
    done = run(checkout, "new", "dev")
    assert done.stdout.startswith(f"Written: {ours}\n\nNext:\n")
    assert (ours.read_text(), backend.read_text()) == (mine.replace(" # mine", ""), f"{declared}# mine\n")

    done = run(checkout, "new", "dev")
    assert done.returncode == 1
    words = f"error: Nothing is missing: {ours} is there already, and so is {backend}.\n"
    assert waits.without(done.stderr) == words


def test_a_file_that_only_says_what_encrypts_is_completed(checkout: Path) -> None:
    """As `pulumi stack init` leaves one; its state is in another backend, which only a person can name."""
    stacks = checkout / "stacks"
    stacks.mkdir()
    (stacks / "Pulumi.dev.yaml").write_text("encryptionsalt: v1:abc:v1:def:ghi\n")

    refused = run(checkout, "new", "dev")
    assert refused.returncode == 1
    assert "Pulumi.dev.yaml says that its stack was made, and it is not in file://" in refused.stderr
    assert "give --backend URL, where its state is." in refused.stderr
    assert not (stacks / "Backend.dev.yaml").exists()

    assert run(checkout, "new", "dev", "--backend", "file:///srv/state").returncode == 0
    written = (stacks / "Pulumi.dev.yaml").read_text()
    assert "fpga-web-service:fqdn: fpga.dev.contoso.com\n" in written
    assert written.endswith("\nencryptionsalt: v1:abc:v1:def:ghi\n")


def test_what_encrypts_is_taken_from_the_file_that_is_there(checkout: Path) -> None:
    stacks = checkout / "stacks"
    stacks.mkdir()
    vault = "azurekeyvault://vault.vault.azure.net/keys/key"
    (stacks / "Pulumi.dev.yaml").write_text(f"secretsprovider: {vault}\nencryptedkey: abc\n")

    assert run(checkout, "new", "dev", "--backend", "file:///srv/state").returncode == 0

    assert f"secretsProvider: {vault}\n" in (stacks / "Backend.dev.yaml").read_text()
    assert "passphraseFile" not in (stacks / "Backend.dev.yaml").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["Dev"], "A stack cannot be called 'Dev': its name takes 1 to 26 lower-case letters"),
        (["../dev"], "A stack cannot be called '../dev'"),
        (["local"], "The stack local is made by `fpga up`"),
        (["a", "--from", "test"], "--from is 'test': choose one of dev, staging, prod"),
        (["a", "--backend", "s3://bucket"], "url is 's3://bucket': it takes azblob://"),
        (["a", "--secrets-provider", "vault"], "secretsProvider is 'vault'"),
        (["a", "--cloud", "nowhere"], "`fpga cloud up --data nowhere` starts one"),
    ],
)
def test_what_cannot_be_made_leaves_no_file(checkout: Path, arguments: list[str], words: str) -> None:
    done = run(checkout, "new", *arguments)

    assert done.returncode == 1
    assert words in done.stderr
    assert not (checkout / "stacks").exists()


def test_no_passphrase_is_made_where_something_is_encrypted(checkout: Path) -> None:
    run(checkout, "new", "dev")
    with (checkout / "stacks" / "Pulumi.dev.yaml").open("a") as file:
        file.write("encryptionsalt: v1:abc\n")

    done = run(checkout, "init", "dev")

    assert done.returncode == 1
    assert "The secrets of the stack dev are encrypted already, and its passphrase is not here" in done.stderr
    assert not (checkout / ".local" / "passphrases").exists()


def test_a_passphrase_for_a_stack_that_could_not_be_made_goes_again(checkout: Path) -> None:
    run(checkout, "new", "dev")

    done = run(checkout, "init", "dev")

    assert done.returncode == 1
    assert "The engine is not installed" in done.stderr
    assert list((checkout / ".local" / "passphrases").iterdir()) == []


def test_no_passphrase_is_cleaned_away(checkout: Path) -> None:
    passphrase = checkout / ".local" / "passphrases" / "dev"
    passphrase.parent.mkdir()
    passphrase.write_text("the only copy")

    done = subprocess.run([FPGA, "clean"], cwd=checkout, env=variables(), capture_output=True, text=True)

    assert done.returncode == 1
    assert "holds the passphrases of dev, without which their secrets are lost" in done.stderr
    assert passphrase.exists()


def test_a_schema_out_of_date_is_told(checkout: Path) -> None:
    (checkout / "stacks").mkdir()
    assert run(checkout, "schema").returncode == 0
    assert run(checkout, "schema", "--check").returncode == 0
    (checkout / "stacks" / "schema" / "stack.schema.json").write_text("{}")

    done = run(checkout, "schema", "--check")

    assert done.returncode == 1
    assert "stack.schema.json. `fpga stack schema` writes them anew" in done.stderr


def test_a_comment_out_of_date_is_told_until_the_file_is_a_teams(checkout: Path) -> None:
    run(checkout, "new", "dev")
    run(checkout, "schema")
    file = checkout / "stacks" / "Pulumi.dev.yaml"
    text = file.read_text()
    file.write_text(text.replace("# How many FPGAs", "# So many FPGAs"))

    told = run(checkout, "schema", "--check")

    assert told.returncode == 1
    assert f"Out of date: {file}. `fpga stack schema` writes them anew" in told.stderr
    assert run(checkout, "schema").stdout == f"Written: {file}\n"
    assert file.read_text() == text

    file.write_text(text.replace("# How many FPGAs", "# Ours: two").replace("dev.contoso", "dev.fabrikam"))
    assert run(checkout, "schema", "--check").returncode == 0
    assert run(checkout, "schema").stdout == ""


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_is_activated_for_a_stack_and_back(checkout: Path, shell: str) -> None:
    run(checkout, "new", "dev", "--backend", "file:///srv/state")
    (checkout / "policy").mkdir()
    for name in ("PulumiPolicy.yaml", "config.json"):
        (checkout / "policy" / name).touch()
    with (checkout / "stacks" / "Backend.dev.yaml").open("a") as backend:
        backend.write("policyPack: policy\npolicyPackConfig: policy/config.json\n")
    script = f"{SHOW}unset FPGA_STACK\n{SHOW}"

    done = subprocess.run(
        [shell, "-uc", f"export FPGA_STACK=dev\n{script}"],
        cwd="/",
        env=variables(LOCAL=str(checkout / ".local"), PULUMI_CONFIG_PASSPHRASE="mine"),
        capture_output=True,
        text=True,
    )

    assert waits.without(done.stderr) == ""
    own = url_of(checkout / ".local" / "state")
    lines = done.stdout.splitlines()
    assert lines[:5] == ["0", "dev", url_of(Path("/srv/state")), "mine", "none"]
    # the CLI reads the variable of a flag that takes a list as lines of CSV, twice
    (once,) = next(csv.reader([lines[5]]))
    assert next(csv.reader([once])) == [f"{checkout}/policy/config.json"]
    assert lines[6:] == ["0", "none", own, "none", "none", "none"]


@pytest.mark.parametrize("shell", [shell for shell in SHELLS if shell != "dash"])
def test_an_argument_counts_where_it_names_a_stack(checkout: Path, shell: str) -> None:
    run(checkout, "new", "dev", "--backend", "file:///srv/state")

    def stack_of(argument: str) -> str:
        return subprocess.run(
            [shell, "-uc", f'. "$LOCAL/activate" {argument}; printf %s "${{PULUMI_STACK-none}}"'],
            cwd="/",
            env=variables(LOCAL=str(checkout / ".local"), PULUMI_CONFIG_PASSPHRASE="mine"),
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert stack_of("dev") == "dev"
    # what a script that sources it was called with is not meant for it
    assert stack_of("--verbose") == "none"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_stack_that_cannot_be_selected_changes_nothing(checkout: Path, shell: str) -> None:
    done = subprocess.run(
        [shell, "-uc", SHOW],
        cwd="/",
        env=variables(LOCAL=str(checkout / ".local"), FPGA_STACK="prdo", PULUMI_BACKEND_URL="file:///mine"),
        capture_output=True,
        text=True,
    )

    assert "Backend.prdo.yaml is not there" in done.stderr
    assert done.stdout.splitlines() == ["1", "none", "file:///mine", "none", "none", "none"]


def test_a_stack_without_settings_is_told_what_writes_them(checkout: Path) -> None:
    for name, writes in (("dev", "fpga stack new dev"), ("local", "fpga up")):
        done = run(checkout, "init", name)

        assert done.returncode == 1
        assert f"Pulumi.{name}.yaml is not there: `{writes}` writes it." in done.stderr


def test_a_localcloud_that_has_not_run_is_told_with_a_command_that_can_be_typed(checkout: Path) -> None:
    data = checkout / "it's one"
    done = run(checkout, "new", "dev", "--cloud", str(data))
    assert done.returncode == 1
    (command,) = re.findall("`(fpga cloud up .*)` starts one", done.stderr.replace("\n", ""))
    assert shlex.split(command) == ["fpga", "cloud", "up", "--data", str(data)]
