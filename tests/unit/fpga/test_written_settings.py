"""Whose a setting of the stack `local` is: `fpga up` writes what is absent, and follows what it wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from fpga.cloud.connection import CLIENT_SECRET, METADATA_HOST, NAME_SERVERS
from fpga.stacks.stack_file import without_encryption
from fpga.stacks.written_settings import MODEL_ID, MODEL_PACKAGE, Notes, decide

WANTED = {
    METADATA_HOST: "127.0.0.1:20001",
    "azure-native:tenantId": "tenant",
    "azure-native:subscriptionId": "subscription",
    "azure-native:clientId": "client",
    CLIENT_SECRET: "hush",
    NAME_SERVERS: "127.0.0.1:20002",
    MODEL_PACKAGE: ".local/model-package",
}


@pytest.fixture
def notes(tmp_path: Path) -> Notes:
    return Notes(tmp_path)


def test_all_that_is_absent_is_written(notes: Notes) -> None:
    assert decide(WANTED, {}, notes).write == WANTED


def test_what_stands_there_already_is_not_written_again(notes: Notes) -> None:
    assert decide(WANTED, WANTED, notes).write == {}


@pytest.mark.parametrize("key", [NAME_SERVERS, MODEL_PACKAGE, "azure-native:clientId", CLIENT_SECRET])
def test_what_a_person_set_stays(notes: Notes, key: str) -> None:
    """Also where it was written before, and also in a file of before, when nobody noted anything."""
    theirs = {**WANTED, key: "mine"}
    for noted in (False, True):
        if noted:
            notes.add(WANTED)
        decision = decide(WANTED, theirs, notes)
        assert (decision.write, decision.theirs) == ({}, (key,))


def test_what_was_written_follows(notes: Notes, tmp_path: Path) -> None:
    before = {**WANTED, METADATA_HOST: "127.0.0.1:1", NAME_SERVERS: "127.0.0.1:2", CLIENT_SECRET: "old"}
    notes.add(before)

    decision = decide(WANTED, before, Notes(tmp_path))

    assert decision.theirs == ()
    assert decision.write == {key: WANTED[key] for key in (METADATA_HOST, NAME_SERVERS, CLIENT_SECRET)}


def test_a_run_that_was_cut_off_before_it_wrote_loses_track_of_nothing(notes: Notes, tmp_path: Path) -> None:
    before = {**WANTED, METADATA_HOST: "127.0.0.1:1"}
    notes.add(before)
    notes.add(WANTED)

    assert decide(WANTED, before, Notes(tmp_path)).write == {METADATA_HOST: WANTED[METADATA_HOST]}


def test_no_secret_is_in_what_is_noted(notes: Notes, tmp_path: Path) -> None:
    notes.add(WANTED)
    (file,) = tmp_path.iterdir()
    assert "hush" not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


def test_notes_that_are_damaged_are_none(tmp_path: Path) -> None:
    Notes(tmp_path).add(WANTED)
    (file,) = tmp_path.iterdir()
    for text in ("{", "[]", ""):
        file.write_text(text)
        assert not Notes(tmp_path).has(METADATA_HOST, WANTED[METADATA_HOST])


def test_no_package_is_written_beside_a_model_id(notes: Notes) -> None:
    decision = decide(WANTED, {MODEL_ID: "of somebody else"}, notes)

    assert decision.write == {key: value for key, value in WANTED.items() if key != MODEL_PACKAGE}


def test_nothing_of_localcloud_is_written_where_the_stack_is_on_another_cloud(notes: Notes) -> None:
    """The client's secret is absent, for ARM_CLIENT_SECRET gives it."""
    decision = decide(WANTED, {METADATA_HOST: "management.azure.com", "azure-native:tenantId": "ours"}, notes)

    assert decision.write == {MODEL_PACKAGE: WANTED[MODEL_PACKAGE]}
    assert decision.theirs == (METADATA_HOST, "azure-native:tenantId")


def test_a_port_that_moved_is_followed_in_a_file_of_before(notes: Notes) -> None:
    """Nobody noted who wrote it; the ids beside it are those of this localcloud alone."""
    before = {**WANTED, METADATA_HOST: "127.0.0.1:1"}
    assert decide(WANTED, before, notes).write == {METADATA_HOST: WANTED[METADATA_HOST]}

    another = {**before, "azure-native:tenantId": "another"}
    assert decide(WANTED, another, notes).theirs == (METADATA_HOST, "azure-native:tenantId")


def test_a_localcloud_that_went_with_the_state_is_let_go(notes: Notes) -> None:
    before = {
        **{key: f"old {value}" for key, value in WANTED.items()},
        METADATA_HOST: "127.0.0.1:1",
        NAME_SERVERS: '["192.0.2.1:53"]',
    }
    decision = decide(WANTED, before, notes, outlived_its_stack=True)

    assert decision.theirs == (NAME_SERVERS, MODEL_PACKAGE)
    assert decision.write.keys() == WANTED.keys() - {NAME_SERVERS, MODEL_PACKAGE}


@pytest.mark.parametrize("servers", ["127.0.0.1:2", '["127.0.0.1:2"]', '["127.0.0.1:2", "[::1]:2"]'])
def test_so_are_its_name_servers_however_they_are_written(notes: Notes, servers: str) -> None:
    decision = decide(WANTED, {NAME_SERVERS: servers}, notes, outlived_its_stack=True)
    assert decision.write[NAME_SERVERS] == WANTED[NAME_SERVERS]


def test_what_is_encrypted_goes_and_the_rest_stays_as_it_is_written() -> None:
    text = """\
# mine
encryptionsalt: v1:abc:v1:def
config:
  # who signs in
  azure-native:clientSecret:
    secure: v1:x

  # the name
  fpga-web-service:fqdn: "a.test" # inline
  fpga-web-service:nameServers:
    - 192.0.2.1:53
  fpga-web-service:certificateChain: |
    line
  fpga-web-service:pfxPassword: {secure: v1:y}
  # the end
"""
    rest, lost = without_encryption(text)

    assert lost == ["azure-native:clientSecret", "fpga-web-service:pfxPassword"]
    assert (
        rest
        == """\
# mine
config:
  # who signs in

  # the name
  fpga-web-service:fqdn: "a.test" # inline
  fpga-web-service:nameServers:
    - 192.0.2.1:53
  fpga-web-service:certificateChain: |
    line
  # the end
"""
    )


def test_a_list_loses_its_secrets_alone() -> None:
    text = """\
encryptionsalt: v1:abc:v1:def
config:
  fpga-web-service:services:
    # the first
    - name: cats
      certificateKey:
        secure: v1:x
      # its name
      fqdn: cats.contoso.test
    - pfxPassword:
        secure: v1:y
      name: dogs
    - {name: cows, acmeEabHmacKey: {secure: v1:z}, recordTtl: 60}
  fpga-web-service:zone: contoso.test
"""
    rest, lost = without_encryption(text)

    assert lost == [
        "fpga-web-service:services[0].certificateKey",
        "fpga-web-service:services[1].pfxPassword",
        "fpga-web-service:services[2].acmeEabHmacKey",
    ]
    assert yaml.safe_load(rest) == {
        "config": {
            "fpga-web-service:services": [
                {"name": "cats", "certificateKey": "", "fqdn": "cats.contoso.test"},
                {"pfxPassword": "", "name": "dogs"},
                {"name": "cows", "acmeEabHmacKey": "", "recordTtl": 60},
            ],
            "fpga-web-service:zone": "contoso.test",
        }
    }
    assert [line for line in rest.splitlines() if "#" in line] == ["    # the first", "      # its name"]
