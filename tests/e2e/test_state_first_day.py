"""A team's first day: `fpga stack new`, `fpga state init`, `pulumi up`, with the state in blob storage."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from azure.storage.blob import ContainerClient

from engine.install import Engine
from fpga.stacks import state_container
from tests.support.stacks.local_cloud import API_VERSIONS, LocalCloud
from tests.support.stacks.team_project import TeamProject, TeamStack

NAME = "field"
ACCOUNT = "contosofpgafield"
URL = f"azblob://pulumi-state?storage_account={ACCOUNT}"
HOLDER = {"username": "ada", "timestamp": "2026-11-20T09:00:00.5Z"}


@pytest.fixture(scope="module")
def stack(engine: Engine, local_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> TeamStack:
    """The stack's two files, and nothing else yet."""
    project = TeamProject(engine, tmp_path_factory.mktemp(NAME) / "checkout")
    project.fpga("model", "build")
    project.fpga("stack", "new", NAME, "--cloud", str(local_cloud.settings.data), "--backend", URL)
    return TeamStack(project, NAME, local_cloud)


@pytest.fixture(scope="module")
def made(stack: TeamStack) -> str:
    """What `fpga state init` said. From now on the client's secret is in the stack's file, encrypted."""
    environment = stack.project.environment
    environment["ARM_CLIENT_SECRET"] = stack.cloud.client_secret
    said = stack.project.fpga("state", "init", "-s", NAME)
    environment |= exported(stack)
    stack.pulumi("config", "set", "--secret", "azure-native:clientSecret", stdin=stack.cloud.client_secret)
    for name in [*exported(stack), "ARM_CLIENT_SECRET"]:
        del environment[name]
    return said


@pytest.fixture(scope="module")
def container(stack: TeamStack, made: str) -> Iterator[ContainerClient]:
    """Where the state is. The key comes by the stack's own secret, decrypted: nothing else is given."""
    variables = exported(stack)
    with ContainerClient(
        f"https://{variables['AZURE_STORAGE_DOMAIN']}/{ACCOUNT}",
        "pulumi-state",
        credential=variables["AZURE_STORAGE_KEY"],
        connection_verify=str(stack.cloud.status.ca),
    ) as client:
        yield client


def exported(stack: TeamStack) -> dict[str, str]:
    """What signs in to the state, of what a shell exports that is activated for the stack."""
    lines = stack.project.fpga("stack", "environment", NAME, "--sign-in").splitlines()
    words = [shlex.split(line) for line in lines]
    exports = dict(word.split("=", 1) for verb, word in words if verb == "export")
    return {name: value for name, value in exports.items() if name in state_container.VARIABLES}


def test_the_first_day_makes_what_is_missing(stack: TeamStack, made: str) -> None:
    lines = made.splitlines()
    assert lines[:3] == [
        "Made: the resource group pulumi-state in eastus2",
        f"Made: the storage account {ACCOUNT} in pulumi-state",
        f"Made: the container pulumi-state of {ACCOUNT}",
    ]
    assert lines[3].startswith(f"Made: the stack {NAME}. Commit ")
    assert lines[4].startswith("Made: its passphrase, ")
    assert stack.cloud.client_secret not in made
    passphrase = stack.project.local / "passphrases" / NAME
    assert passphrase.stat().st_mode & 0o777 == 0o600
    assert passphrase.parent.stat().st_mode & 0o777 == 0o700


def test_the_account_is_closed_to_strangers_again(stack: TeamStack, made: str) -> None:
    group = stack.cloud.group_id("pulumi-state")
    path = f"{group}/providers/Microsoft.Storage/storageAccounts/{ACCOUNT}"
    version = API_VERSIONS["Microsoft.Storage"]
    opened = {"properties": {"allowBlobPublicAccess": True}}
    stack.cloud.client.manage("PATCH", path, version, opened)

    said = stack.project.fpga("state", "init", "-s", NAME)

    assert f"Closed to strangers (allowBlobPublicAccess): the storage account {ACCOUNT}" in said
    assert f"The stack {NAME} is there." in said
    assert "Made:" not in said
    properties = stack.cloud.client.manage("GET", path, version)["properties"]
    assert properties["allowBlobPublicAccess"] is False
    assert properties["supportsHttpsTrafficOnly"] is True
    assert properties["minimumTlsVersion"] == "TLS1_2"
    again = stack.project.fpga("state", "init", "-s", NAME)
    assert again.startswith(f"The stack {NAME} is there.\n")


def test_the_program_runs_and_no_blob_holds_a_secret(
    stack: TeamStack, container: ContainerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = exported(stack)
    for name, value in variables.items():
        monkeypatch.setitem(stack.project.environment, name, value)
    stack.operate("up")
    assert stack.operate("preview", "--expect-no-changes").complaints == []
    outputs = json.loads(stack.pulumi("stack", "output", "--json", "--show-secrets").stdout)

    secrets = {
        "primary key": outputs["primaryKey"],
        "secondary key": outputs["secondaryKey"],
        "client secret": stack.cloud.client_secret,
        "passphrase": (stack.project.local / "passphrases" / NAME).read_text(),
        "storage key": variables["AZURE_STORAGE_KEY"],
        "private key": "PRIVATE KEY",
    }
    assert all(len(value) > 8 for value in secrets.values())
    names = list(container.list_blob_names())
    kinds = {kind for kind in ("stacks", "backups", "history") if any(f"/{kind}/" in name for name in names)}
    assert kinds == {"stacks", "backups", "history"}
    for name in names:
        content = container.download_blob(name).readall()
        assert [what for what, value in secrets.items() if value.encode() in content] == [], name


def test_a_lock_is_given_back_when_its_holder_has_ended(
    stack: TeamStack, container: ContainerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    lock = f".pulumi/locks/organization/fpga-web-service/{NAME}/a.json"

    def hold(host: str, pid: int) -> None:
        content = json.dumps({"hostname": host, "pid": pid, **HOLDER})
        container.upload_blob(lock, content, overwrite=True)

    for name, value in exported(stack).items():  # as a shell has them: nothing more is asked for
        monkeypatch.setitem(stack.project.environment, name, value)
    unlock = ("state", "unlock", "-s", NAME)
    assert stack.project.fpga(*unlock) == f"The stack {NAME} is not locked.\n"

    here = socket.gethostname()
    hold(here, os.getpid())
    refused = stack.project.fpga(*unlock, "--force", code=1)
    assert (
        f"error: The stack {NAME} is locked by a run that lives: ada@{here}, process {os.getpid()}" in refused
    )
    assert "since 2026-11-20T09:00:00Z" in refused

    hold("elsewhere", ended.pid)
    refused = stack.project.fpga(*unlock, code=1)
    assert f"is locked from another machine: ada@elsewhere, process {ended.pid}" in refused
    assert f"`fpga state unlock -s {NAME} --force` gives the lock back" in refused
    assert "Given back: the lock of ada@elsewhere" in stack.project.fpga(*unlock, "--force")

    hold(here, ended.pid)
    assert f"Given back: the lock of ada@{here}, process {ended.pid}" in stack.project.fpga(*unlock)
    assert list(container.list_blob_names(name_starts_with=".pulumi/locks/")) == []


def test_an_account_that_is_not_there_is_named(stack: TeamStack, made: str) -> None:
    project = stack.project
    backend = stack.file.with_name(f"Backend.{NAME}.yaml")
    text = backend.read_text()
    backend.write_text(text.replace(ACCOUNT, "contosofpganone"))
    try:
        refused = project.fpga("stack", "environment", NAME, "--sign-in", code=1)
    finally:
        backend.write_text(text)
    assert refused.startswith(
        "error: The storage account contosofpganone, which is to hold the state, is not in"
    )
    assert "`fpga state init` makes it" in refused


def test_a_state_in_a_folder_begins_the_same_way(stack: TeamStack) -> None:
    project = stack.project
    project.fpga("stack", "new", "bench", "--backend", "file://states/bench")
    folder = project.folder / "states" / "bench"

    said = project.fpga("state", "init", "-s", "bench").splitlines()

    assert said[0] == f"Made: the folder {folder}"
    assert said[1].startswith("Made: the stack bench. ")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert project.fpga("state", "init", "-s", "bench") == "The stack bench is there.\n"


def test_a_key_vault_out_of_reach_is_named(stack: TeamStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a vault answers cannot be seen here: that it is asked, and that its silence is told, can."""
    project = stack.project
    vault = "azurekeyvault://contosofpga.vault.azure.net/keys/pulumi"
    options = ("--backend", "file://states/vault", "--secrets-provider", vault)
    project.fpga("stack", "new", "vaulted", *options)

    with socket.create_server(("127.0.0.1", 0)) as closed:
        proxy = f"127.0.0.1:{closed.getsockname()[1]}"
    monkeypatch.setitem(project.environment, "HTTPS_PROXY", f"http://{proxy}")  # no call leaves the machine
    refused = project.fpga("state", "init", "-s", "vaulted", code=1)

    assert "error: pulumi stack init failed:" in refused
    assert "could not create secrets manager for new stack" in refused
    assert 'Post "https://contosofpga.vault.azure.net/keys/pulumi/encrypt' in refused
    assert f"{proxy}: connect: connection refused" in refused
