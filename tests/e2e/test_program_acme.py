"""A certificate from an authority that speaks ACME (pebble), the name proved in the stack's own zone."""

from __future__ import annotations

import copy
import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from cryptography import x509

from certs.errors import AcmeError
from clients.tls import fingerprint, served_certificate
from infra.providers import acme_account
from tests.support import waits
from tests.support.pebble import server
from tests.support.pebble.resolver import Resolver
from tests.support.pebble.server import Pebble
from tests.support.servers.relay import Relay
from tests.support.stacks import interruption, state_skeleton
from tests.support.stacks.local_cloud import LocalCloud
from tests.support.stacks.of_others import OfOthers
from tests.support.stacks.passing_time import age_certificate
from tests.support.stacks.program_stack import ProgramStack
from tests.support.waiting import PATIENCE_S

RENEWAL = {"certificate": "update", "service": "update", "endpoint-check": "update"}
GENERATION = "fpga-web-service:certificateGeneration"
SERVICES = "fpga-web-service:services"
NAMES = "fpga-web-service:certificateFor"
ISSUERS = "fpga-web-service:caaIssuers"
OURS, OTHER = "pebble.letsencrypt.org", "other.example"
# what states of before these could be set do not have
LATER = ("generation", "timeout_s", "caa_issuers", "resolvers", "caa_identities")


@dataclass(frozen=True)
class Authority:
    """An authority, and what can go wrong on the way to it and from it."""

    pebble: Pebble
    relay: Relay
    resolver: Resolver

    @property
    def config(self) -> dict[str, str]:
        settings = {
            "certificateSource": "acme",
            "acmeDirectory": f"https://127.0.0.1:{self.relay.port}/dir",
            "acmeEmail": "hostmaster@contoso.com",
            "acmeProfile": "default",
            "acmeRootsFile": str(self.pebble.roots),
            "caaIssuers": OURS,
        }
        return {f"fpga-web-service:{key}": value for key, value in settings.items()}


@pytest.fixture(scope="module")
def authority(
    pebble_executable: Path, local_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Authority]:
    resolver = Resolver(local_cloud.name_server)
    anew = {"PEBBLE_AUTHZREUSE": "0"}
    folder = tmp_path_factory.mktemp("pebble")
    with (
        resolver.served() as address,
        server.running(pebble_executable, folder, address, environment=anew) as pebble,
    ):
        relay = Relay(urlsplit(pebble.directory).port or 0)
        yield Authority(pebble, relay, resolver)
        relay.close()


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., ProgramStack], authority: Authority) -> ProgramStack:
    """One that has its certificate."""
    stack = make_stack("acme", authority.config, loaded=True)
    assert stack.up().complaints == []
    return stack


@pytest.fixture(scope="module")
def beginner(make_stack: Callable[..., ProgramStack], authority: Authority) -> ProgramStack:
    """One that has nothing yet."""
    return make_stack("beginner", authority.config, loaded=True)


def changed(operations: dict[str, str]) -> dict[str, str]:
    """What is not the same; `default`, the provider, is given the whole configuration and changes with it."""
    return {
        name: operation for name, operation in operations.items() if operation != "same" and name != "default"
    }


def forget_what_came_later(stack: ProgramStack) -> None:
    """The state becomes one of before these settings were."""
    state = copy.deepcopy(stack.export())
    for resource in state["deployment"]["resources"]:
        if resource["type"].endswith((":AcmeCertificate", ":AcmeAccount")):
            for properties in (resource["inputs"], resource["outputs"]):
                for name in LATER:
                    properties.pop(name, None)
    stack.load(state_skeleton.with_all_in_the_endpoint(state))


def replaced_once(stack: ProgramStack) -> None:
    """The state becomes one in which the certificate is of the second generation."""
    state = copy.deepcopy(stack.export())
    for resource in state["deployment"]["resources"]:
        if resource["type"].endswith(":AcmeCertificate"):
            for properties in (resource["inputs"], resource["outputs"]):
                properties["generation"] = 2
    stack.load(state)


def fpga(stack: ProgramStack, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The `fpga` command, in a checkout that the stack belongs to."""
    folder = stack.folder / "stacks"
    if not folder.exists():
        folder.mkdir()
        (folder / f"Pulumi.{stack.stack}.yaml").symlink_to(f"../Pulumi.{stack.stack}.yaml")
        backend = {
            "url": stack.environment["PULUMI_BACKEND_URL"],
            "secretsProvider": "passphrase",
            "passphraseFile": stack.environment["PULUMI_CONFIG_PASSPHRASE_FILE"],
        }
        (folder / f"Backend.{stack.stack}.yaml").write_text(yaml.safe_dump(backend))
    local = {"FPGA_LOCAL": str(stack.engine.pulumi.parent.parent), **stack.cloud.environment}
    return subprocess.run(
        [sys.executable, "-m", "fpga.cli", *arguments],
        cwd=stack.folder, env={**os.environ, **local}, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, check=False, timeout=180,
    )  # fmt: skip


def account_of(stack: ProgramStack) -> dict[str, Any]:
    """The properties of the stack's account, its key in the clear."""
    plain = json.loads(stack.run("stack", "export", "--show-secrets", "--stack", stack.stack).stdout)
    (account,) = [one for one in plain["deployment"]["resources"] if one["type"].endswith(":AcmeAccount")]
    properties: dict[str, Any] = account["outputs"]
    return properties | {"key": json.loads(properties["key"]["plaintext"])}


def proofs(stack: ProgramStack) -> list[str]:
    """The names of the TXT records in the stack's zone."""
    zone = f"Microsoft.Network/dnsZones/{stack.stack}.contoso.test"
    path = f"{stack.cloud.group_id(stack.group)}/providers/{zone}/TXT"
    return [one["name"] for one in stack.cloud.client.manage("GET", path, "2018-05-01")["value"]]


def test_a_certificate_is_issued_and_served(stack: ProgramStack) -> None:
    outputs = stack.outputs(show_secrets=True)

    served = fingerprint(served_certificate(outputs["ip"], 50051) or b"")

    assert served == outputs["certificateFingerprint"]
    assert proofs(stack) == []
    assert "PRIVATE KEY" not in stack.state_text()


def test_until_it_is_due_nothing_shows_in_states_of_before_it_could_be_early_either(
    stack: ProgramStack,
) -> None:
    age_certificate(stack, dt.timedelta(days=50))
    forget_what_came_later(stack)

    assert changed(stack.preview("--expect-no-changes").operations) == {}
    assert changed(stack.up("--expect-no-changes").operations) == {}
    assert stack.refresh("--expect-no-changes").complaints == []
    assert changed(stack.preview("--expect-no-changes").operations) == {}


def test_one_that_is_due_is_renewed_and_all_else_is_the_same(stack: ProgramStack) -> None:
    before = stack.outputs(show_secrets=True)
    age_certificate(stack, dt.timedelta(days=30))

    preview, up = stack.preview(), stack.up()

    everything = {one["urn"].split("::")[-1] for one in stack.resources()}
    assert preview.operations == up.operations == dict.fromkeys(everything, "same") | RENEWAL
    assert preview.complaints == up.complaints == []
    after = stack.outputs(show_secrets=True)
    different = {name for name in before if before[name] != after[name]}
    assert different == {"certificateFingerprint", "certificateExpiry"}
    assert fingerprint(served_certificate(after["ip"], 50051) or b"") == after["certificateFingerprint"]
    assert proofs(stack) == []
    assert changed(stack.preview("--expect-no-changes").operations) == {}


def test_it_is_renewed_early_by_the_command(stack: ProgramStack) -> None:
    before = stack.outputs(show_secrets=True)
    renew = ("certs", "renew", "--stack", stack.stack)

    not_due = fpga(stack, *renew)
    assert not_due.returncode == 0, not_due.stderr
    assert "; nothing changed. --early renews it now." in not_due.stdout
    assert before["certificateFingerprint"] in not_due.stdout
    nobody = fpga(stack, *renew, "--early")
    assert nobody.returncode == 1
    assert waits.without(nobody.stderr).splitlines()[-1] == (
        "error: There is nobody to ask: run it with --yes, or in a terminal. Nothing was changed."
    )
    assert GENERATION not in (stack.folder / f"Pulumi.{stack.stack}.yaml").read_text()

    renewed = fpga(stack, *renew, "--early", "--yes")

    assert renewed.returncode == 0, renewed.stderr
    shown = [line.split() for line in renewed.stdout.splitlines() if line.startswith("update ")]
    assert {name: operation for operation, name, _ in shown} == RENEWAL
    after = stack.outputs(show_secrets=True)
    assert {name for name in before if before[name] != after[name]} == {
        "certificateFingerprint",
        "certificateExpiry",
    }
    assert after["certificateFingerprint"] in renewed.stdout
    assert fingerprint(served_certificate(after["ip"], 50051) or b"") == after["certificateFingerprint"]
    assert proofs(stack) == []
    assert changed(stack.up("--expect-no-changes").operations) == {}


def test_what_cannot_be_is_refused_at_the_preview(stack: ProgramStack) -> None:
    replaced_once(stack)
    stack.configure({GENERATION: "1"})
    lowered = stack.preview(code=None)
    stack.configure({GENERATION: "2", ISSUERS: OTHER})
    shut_out = stack.preview(code=None)
    stack.configure({ISSUERS: OURS})

    assert lowered.code != 0
    assert (
        f"{GENERATION} goes from 2 to 1: a certificate that was replaced does not come back" in lowered.text
    )
    assert shut_out.code != 0
    zone = stack.fqdn.partition(".")[2]
    assert (
        f"CAA records at {zone} (as declared): let {OTHER} issue (issue); the authority issues as {OURS}"
        in (shut_out.text)
    )
    assert f"Name {OURS} in {ISSUERS}" in shut_out.text
    assert "Traceback" not in lowered.text + shut_out.text


def test_it_is_replaced_where_that_is_asked_for(stack: ProgramStack) -> None:
    before, urn = stack.outputs(), stack.urn("certificate")

    replaced = stack.up("--replace", urn)

    assert changed(replaced.operations) == RENEWAL | {"certificate": "replace"}
    after = stack.outputs()
    assert after["certificateFingerprint"] != before["certificateFingerprint"]
    assert fingerprint(served_certificate(after["ip"], 50051) or b"") == after["certificateFingerprint"]
    assert proofs(stack) == []


def test_one_that_its_authority_wants_renewed_is_due_after_a_refresh(
    stack: ProgramStack, authority: Authority
) -> None:
    (certificate,) = stack.of_type("AcmeCertificate")
    chain = certificate["outputs"]["certificate"]
    assert stack.refresh("--expect-no-changes").complaints == []
    authority.pebble.suggest(chain, "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z")
    assert changed(stack.preview("--expect-no-changes").operations) == {}

    stack.refresh()

    assert changed(stack.preview().operations) == RENEWAL
    with (
        ExitStack() as hold,
        stack.start("up", "--yes", "--skip-preview", "--stack", stack.stack) as run,
    ):
        hold.enter_context(authority.resolver.held())
        told = next(line for line in run.stdout or () if "Waiting for" in line)
        hold.close()
        rest, _ = run.communicate(timeout=PATIENCE_S)
    assert f"the proof of {stack.fqdn}; seen: status" in told
    assert run.returncode == 0, rest
    assert stack.outputs()["certificateFingerprint"] != certificate["outputs"]["fingerprint"]
    assert changed(stack.preview("--expect-no-changes").operations) == {}


def test_an_authority_that_is_down_is_noticed_when_it_is_needed(
    stack: ProgramStack, authority: Authority
) -> None:
    before = stack.outputs(show_secrets=True)
    with authority.relay.closed():
        assert stack.refresh("--expect-no-changes").complaints == []
        assert stack.preview("--expect-no-changes").complaints == []
        age_certificate(stack, dt.timedelta(days=61))
        preview = stack.preview()
        assert (changed(preview.operations), preview.complaints) == (RENEWAL, [])

        failed = stack.up(code=None)

        assert failed.code != 0
        assert "did not answer" in failed.text
        assert "Run again when it answers." in failed.text
        assert "Traceback" not in failed.text
    assert stack.outputs(show_secrets=True) | {"certificateExpiry": ""} == before | {"certificateExpiry": ""}
    assert fingerprint(served_certificate(before["ip"], 50051) or b"") == before["certificateFingerprint"]
    assert changed(stack.up().operations) == RENEWAL
    assert proofs(stack) == []


def test_another_contact_changes_the_account_alone(stack: ProgramStack) -> None:
    stack.configure({"fpga-web-service:acmeEmail": "webmaster@contoso.com"})

    assert changed(stack.preview().operations) == changed(stack.up().operations) == {"acme-account": "update"}
    assert changed(stack.preview("--expect-no-changes").operations) == {}


def orders(stack: ProgramStack) -> list[str]:
    """The orders of the stack's account that the authority knows."""
    account = account_of(stack)
    with acme_account.session(account, account["url"]) as acme:
        url = acme.fetch("reading the account", account["url"]).json()["orders"]
        found: list[str] = []
        while url:  # it tells them a page at a time
            page = acme.fetch("reading the orders", url)
            found += page.json()["orders"]
            url = page.links.get("next", {}).get("url", "")
        return found


def served_names(stack: ProgramStack) -> list[str]:
    der = served_certificate(str(stack.outputs()["ip"]), 50051)
    leaf = x509.load_der_x509_certificate(der or b"")
    return leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(
        x509.DNSName
    )


def test_more_names_are_proved_by_one_order_and_in_place(stack: ProgramStack) -> None:
    zone = stack.fqdn.partition(".")[2]
    more, before = [f"cats.{zone}", f"*.dogs.{zone}"], orders(stack)
    stack.configure({NAMES: json.dumps(more)})

    preview, up = stack.preview("--diff"), stack.up()

    assert changed(up.operations) == RENEWAL
    assert all(f'"{name}"' in preview.text for name in more), "a reviewer sees which names come"
    assert sorted(served_names(stack)) == sorted([stack.fqdn, *more])
    assert len(set(orders(stack)) - set(before)) == 1
    assert proofs(stack) == []
    stack.configure({NAMES: json.dumps(more[::-1])})
    assert changed(stack.preview("--expect-no-changes").operations) == {}
    age_certificate(stack, dt.timedelta(days=61))
    assert changed(stack.up().operations) == RENEWAL
    assert sorted(served_names(stack)) == sorted([stack.fqdn, *more]), "a renewal is for all of them"


def test_a_name_whose_proof_fails_leaves_no_record_of_any_and_the_certificate_that_was(
    stack: ProgramStack, authority: Authority
) -> None:
    before, zone = stack.outputs(), stack.fqdn.partition(".")[2]
    stack.configure({NAMES: json.dumps([f"cats.{zone}", f"birds.{zone}"])})
    authority.resolver.lies_of.add(f"_acme-challenge.birds.{zone}")

    failed = stack.up(code=None)

    authority.resolver.lies_of.clear()
    assert failed.code != 0
    assert (
        f"the proof of birds.{zone}: urn:ietf:params:acme:error:unauthorized: No TXT records" in failed.text
    )
    assert f"the proof of cats.{zone}: urn" not in failed.text
    assert proofs(stack) == []
    assert stack.outputs() == before
    assert fingerprint(served_certificate(before["ip"], 50051) or b"") == before["certificateFingerprint"]
    stack.configure({NAMES: "[]"})
    stack.up()
    assert served_names(stack) == [stack.fqdn]


def test_it_is_kept_while_ssl_is_off(stack: ProgramStack) -> None:
    stack.configure({"fpga-web-service:sslEnabled": "false"})

    assert changed(stack.up().operations) == {"service": "update", "endpoint-check": "update"}


def test_destroy_ends_the_account(stack: ProgramStack) -> None:
    account = account_of(stack)
    with acme_account.session(account, account["url"]) as acme:
        assert acme.fetch("reading the account", account["url"]).json()["status"] == "valid"

    stack.destroy()

    assert stack.resources() == []
    assert stack.group not in stack.cloud.groups()
    with acme_account.session(account, account["url"]) as acme, pytest.raises(AcmeError) as caught:
        acme.fetch("reading the account", account["url"])
    assert caught.value.problem_type == "urn:ietf:params:acme:error:unauthorized"


def test_nothing_is_half_made_where_the_authority_is_down(
    beginner: ProgramStack, authority: Authority
) -> None:
    with authority.relay.closed():
        failed = beginner.up(code=None)

    assert failed.code != 0
    assert f"ACME directory https://127.0.0.1:{authority.relay.port}/dir: did not answer" in failed.text
    assert beginner.of_type("AcmeAccount") == beginner.of_type("AcmeCertificate") == []
    assert beginner.services() == []


def test_records_that_shut_it_out_are_seen_before_it_is_asked(beginner: ProgramStack) -> None:
    beginner.configure({ISSUERS: OTHER})

    failed = beginner.up(code=None)

    beginner.configure({ISSUERS: OURS})
    assert failed.code != 0
    zone = beginner.fqdn.partition(".")[2]
    assert (
        f"CAA records at {zone}: let {OTHER} issue (issue); the authority issues as {OURS} (caaIdentities of "
        f"its directory). Name {OURS} in {ISSUERS}, or choose another authority." in failed.text
    )
    assert "Traceback" not in failed.text
    account = account_of(beginner)
    with acme_account.session(account, account["url"]) as acme:
        orders = acme.fetch("reading the account", account["url"]).json()["orders"]
        assert acme.fetch("reading the orders", orders).json()["orders"] == []
    assert beginner.services() == []


def test_a_proof_that_fails_leaves_no_record(beginner: ProgramStack, authority: Authority) -> None:
    authority.resolver.lies = True

    failed = beginner.up(code=None)

    authority.resolver.lies = False
    assert failed.code != 0
    assert "urn:ietf:params:acme:error:unauthorized: No TXT records found" in failed.text
    assert "Is the zone delegated to its name servers" in failed.text
    assert "PRIVATE KEY" not in failed.text
    assert proofs(beginner) == []
    assert beginner.services() == []


def test_what_it_issues_in_vain_is_told_by_the_settings(beginner: ProgramStack, authority: Authority) -> None:
    """Roots that are those of its HTTPS alone, and a life that is shorter than what is asked for."""
    own = "fpga-web-service:"
    roots, profile = f"{own}acmeRootsFile", f"{own}acmeProfile"
    odd = {roots: str(authority.pebble.https_roots), profile: "shortlived", f"{own}minimumDays": "14"}
    beginner.configure(odd)

    failed = beginner.up(code=None)

    beginner.configure(authority.config | {f"{own}minimumDays": "1"})
    assert failed.code != 0
    assert f"{roots} must hold the root of what the authority issues, too." in failed.text
    assert "in 5 days; at least 14 are asked for." in failed.text
    assert f"Choose a longer life by {profile}, or lower {own}minimumDays." in failed.text
    assert proofs(beginner) == []
    assert beginner.services() == []


def test_a_run_that_died_before_the_end_is_followed_by_one_that_ends_well(
    beginner: ProgramStack, authority: Authority
) -> None:
    beginner.configure({NAMES: json.dumps([f"cats.{beginner.fqdn.partition('.')[2]}"])})
    with (
        authority.resolver.held(),
        beginner.start("up", "--yes", "--skip-preview", "--stack", beginner.stack) as run,
    ):
        assert authority.resolver.asked.wait(PATIENCE_S), "the authority did not look for the proof"
        interruption.kill(run)
        assert sorted(proofs(beginner)) == ["_acme-challenge.cats", "_acme-challenge.www"]

    # what it left at a name that is ordered no more goes, too
    beginner.configure({NAMES: "[]"})
    beginner.run("cancel", "--yes", beginner.stack)
    continued = beginner.up()

    assert continued.operations["certificate"] == "create"
    assert continued.operations["acme-account"] == "same"
    assert proofs(beginner) == []
    outputs = beginner.outputs()
    assert fingerprint(served_certificate(outputs["ip"], 50051) or b"") == outputs["certificateFingerprint"]
    beginner.refresh("--clear-pending-creates")
    assert changed(beginner.preview("--expect-no-changes").operations) == {}
    beginner.destroy()


def test_names_are_proved_in_a_zone_of_others(
    make_stack: Callable[..., ProgramStack], authority: Authority, local_cloud: LocalCloud
) -> None:
    others = OfOthers(local_cloud, "rg-of-proof-keepers", zone="proofs.test")
    others.make()
    caa = f"{others.zone_id}/CAA/@"

    def permit(issuer: str) -> None:
        records = [{"flags": 0, "tag": "issue", "value": issuer}]
        body = {"properties": {"TTL": 10, "caaRecords": records}}
        local_cloud.client.manage("PUT", caa, "2018-05-01", body)

    permit(OTHER)
    kept = others.seen()
    stack = make_stack("acme-others", authority.config | others.settings(fqdn="www.proofs.test"), loaded=True)
    refused = stack.preview(code=None)
    assert refused.code != 0
    assert f"{ISSUERS} would say who may issue for every name in 'proofs.test'" in refused.text
    stack.run("config", "rm", ISSUERS, "--stack", stack.stack)
    refused = stack.up(code=None)
    assert refused.code != 0
    assert "In a zone of others (zoneExists) have its keepers name it." in refused.text

    permit(OURS)
    made = stack.up()

    assert made.operations["existing-zone"] == "same"
    assert made.operations["certificate"] == "create"
    stack.destroy()
    assert others.seen() == kept


@pytest.fixture(scope="module")
def sharing(make_stack: Callable[..., ProgramStack], authority: Authority) -> ProgramStack:
    """One with three services, of which the last two are served with the certificate of the first."""
    zone = "sharing.contoso.test"
    listed = [
        # those that are served come first: their place in the list does not count
        {"name": "dogs", "fqdn": f"dogs.{zone}"},
        {"name": "finch", "fqdn": f"finch.birds.{zone}"},
        {"name": "cats", "fqdn": f"cats.{zone}", "certificateFor": [f"dogs.{zone}", f"*.birds.{zone}"]},
    ]
    more = {SERVICES: json.dumps(listed), "fpga-web-service:accountCapacity": "4"}
    stack = make_stack("sharing", authority.config | more, loaded=True)
    stack.run("config", "rm", "--stack", stack.stack, "fpga-web-service:fqdn")
    up = stack.up()
    assert up.complaints == []
    return stack


def fingerprints(stack: ProgramStack) -> dict[str, str]:
    """What each service serves."""
    told = stack.outputs()["services"]
    served = {
        name: fingerprint(served_certificate(one["ip"], 50051, one["fqdn"]) or b"")
        for name, one in told.items()
    }
    assert served == {name: one["certificateFingerprint"] for name, one in told.items()}
    return served


FOLLOWING = {
    f"{name}-{inside}": "update"
    for name in ("cats", "dogs", "finch")
    for inside in ("service", "endpoint-check")
}


def test_three_services_are_served_with_one_certificate_of_one_order(sharing: ProgramStack) -> None:
    """The endpoint check has called each by its name, its certificate verified."""
    assert set(fingerprints(sharing)) == {"cats", "dogs", "finch"}
    assert len(set(fingerprints(sharing).values())) == 1
    assert len(orders(sharing)) == 1
    assert len(sharing.of_type("AcmeCertificate")) == 1
    assert proofs(sharing) == []
    assert changed(sharing.preview("--expect-no-changes").operations) == {}


def test_its_renewal_is_theirs(sharing: ProgramStack) -> None:
    before = fingerprints(sharing)
    age_certificate(sharing, dt.timedelta(days=61))

    plan = fpga(sharing, "plan", "--stack", sharing.stack)
    renewed = fpga(sharing, "certs", "renew", "--stack", sharing.stack, "--yes")

    assert renewed.returncode == 0, renewed.stderr
    assert plan.stdout.count("*.birds.sharing.contoso.test") >= 3, "told at each service"
    shown = [line.split() for line in renewed.stdout.splitlines() if line.startswith("update ")]
    assert {name: operation for operation, name, _ in shown} == FOLLOWING | {"cats-certificate": "update"}
    after = fingerprints(sharing)
    assert len(set(after.values())) == 1
    assert after["cats"] != before["cats"]
    assert len(orders(sharing)) == 2


def test_one_that_leaves_takes_nothing_of_the_others(sharing: ProgramStack) -> None:
    before = fingerprints(sharing)
    file = sharing.folder / f"Pulumi.{sharing.stack}.yaml"
    listed = json.loads(yaml.safe_load(file.read_text())["config"][SERVICES])
    sharing.configure({SERVICES: json.dumps([one for one in listed if one["name"] != "dogs"])})

    operations = changed(sharing.up().operations)

    assert set(operations.values()) == {"delete"}
    assert all(name == "dogs" or name.startswith("dogs-") for name in operations)
    assert fingerprints(sharing) == {name: served for name, served in before.items() if name != "dogs"}
    assert len(orders(sharing)) == 2
    sharing.destroy()
